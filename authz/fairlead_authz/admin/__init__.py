"""The procedures `fairlead.authz.*`, by theme: every session may call them, each judges what the caller may see."""
