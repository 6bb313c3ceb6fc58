"""The tables of the log service: portable, every number within 2^53.

A chunk row holds one batch, a thousand lines or one: its `data` is the canonical form
(records.py) in the encoding that `codec` names, its `crc` is of `data`. A stream's head
is not stored, it is the end of its last chunk, so that an append inserts and updates
nothing of the stream.
"""

from __future__ import annotations

import sqlalchemy as sa

from fairlead_store import Schema

CODEC_PLAIN = 0
"""`data` is the canonical form itself. Compression will be another number."""

metadata = sa.MetaData()

_Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")

streams = sa.Table(
    "streams",
    metadata,
    sa.Column("id", _Serial, primary_key=True),
    sa.Column("realm", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("oldest", sa.BigInteger, nullable=False),
    sa.Column("is_sealed", sa.Boolean, nullable=False),
    sa.Column("exit_code", sa.BigInteger),
    sa.Column("reason", sa.Text),
    sa.UniqueConstraint("realm", "name"),
)

producers = sa.Table(
    "producers",
    metadata,
    sa.Column("stream_id", sa.ForeignKey("streams.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("term", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
)

chunks = sa.Table(
    "chunks",
    metadata,
    sa.Column("id", _Serial, primary_key=True),
    sa.Column("stream_id", sa.ForeignKey("streams.id"), nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("min_time_us", sa.BigInteger, nullable=False),
    sa.Column("max_time_us", sa.BigInteger, nullable=False),
    sa.Column("publication", sa.BigInteger, nullable=False),
    sa.Column("codec", sa.SmallInteger, nullable=False),
    sa.Column("crc", sa.BigInteger, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("stream_id", "first"),
    sa.Index("chunks_by_time", "stream_id", "max_time_us", "first"),
)

SCHEMA = Schema("logs", metadata, version=1)
