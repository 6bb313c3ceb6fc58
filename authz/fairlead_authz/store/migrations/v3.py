"""Tokens have scopes, and may be bound to a container."""

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:
    """From version 2."""
    op.add_column("tokens", sa.Column("scopes", sa.JSON(none_as_null=True)))
    op.add_column("tokens", sa.Column("container", sa.Text))
