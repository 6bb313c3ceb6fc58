"""The procedures `fairlead.log.*`, a module a theme: what may be asked, who may ask it, what is answered."""
