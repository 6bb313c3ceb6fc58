"""Permissions on every object, which also end a live subscription the moment they change."""
