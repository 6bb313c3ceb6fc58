"""The way of the log store from older versions: one module for each, `upgrade(op)` of Alembic's operations."""
