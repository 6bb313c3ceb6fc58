"""Containers have a state."""

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:
    """From version 1."""
    op.add_column("nodes", sa.Column("state", sa.Text))
