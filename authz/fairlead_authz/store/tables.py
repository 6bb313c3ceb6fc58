"""The tables of the permission store: portable, every row with its realm, every number within 2^53.

A new column belongs to a new version of SCHEMA, with a module in migrations/ that brings it.
"""

import sqlalchemy as sa

from fairlead_store import Schema

metadata = sa.MetaData()

nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_admin", sa.Boolean, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("trash_at_us", sa.BigInteger),
    sa.Column("frozen_by", sa.Text),
    sa.Column("about", sa.Text),
    sa.Column("state", sa.Text),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("tail", sa.Text, primary_key=True),
    sa.Column("head", sa.Text, primary_key=True),
    sa.Column("level", sa.SmallInteger, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.LargeBinary, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("expires_us", sa.BigInteger),
    sa.Column("scopes", sa.JSON(none_as_null=True)),
    sa.Column("container", sa.Text),
    sa.Index("tokens_of_user", "realm", "user"),
)

permission_log = sa.Table(
    "permission_log",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("asked", sa.LargeBinary, nullable=False),
    sa.Column("rows", sa.LargeBinary, nullable=False),
)
"""`asked`: the changes as they were asked for, JSON, for people. `rows`: what they came to, for who follows:
{nodes: {id: node or null}, links: [[tail, head, level or 0]], ended_users, tokens, ended_tokens}, to be
assigned, so that reading twice is harmless."""

SCHEMA = Schema("permissions", metadata, version=3, migrations="fairlead_authz.store.migrations")
