"""The tables of the record service: portable, every number within 2^53.

`records` has what there is, `record_changes` what was there before each of the latest changes: what came after is in
the next change of the same record, or the record itself. A new column belongs to a new version of SCHEMA, with a module
in migrations/ that brings it.
"""

from __future__ import annotations

import sqlalchemy as sa

from fairlead_store import Schema

metadata = sa.MetaData()

realms = sa.Table(
    "record_realms",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
)

records = sa.Table(
    "records",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("changed_us", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("crc", sa.BigInteger, nullable=False),
)
"""`crc` is of the record as it is told."""

changes = sa.Table(
    "record_changes",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("is_new", sa.Boolean, nullable=False),
    sa.Column("is_deleted", sa.Boolean, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("object", sa.Text),
    sa.Column("version", sa.BigInteger),
    sa.Column("revision", sa.BigInteger),
    sa.Column("created_us", sa.BigInteger),
    sa.Column("changed_us", sa.BigInteger),
    sa.Column("state", sa.Text),
    sa.Column("crc", sa.BigInteger),
)
"""`number` is the change's revision; the columns after `is_deleted` are the record's before it, null for a new one."""

answers = sa.Table(
    "record_answers",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("authid", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Index("record_answers_by_time", "realm", "at_us"),
)

SCHEMA = Schema("records", metadata, version=1)
