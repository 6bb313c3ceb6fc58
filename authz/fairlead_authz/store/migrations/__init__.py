"""The way of the permission store from older versions: one module for each, `upgrade(op)` of Alembic's operations."""
