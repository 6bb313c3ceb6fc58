"""The procedures `fairlead.record.*`, a module a theme."""
