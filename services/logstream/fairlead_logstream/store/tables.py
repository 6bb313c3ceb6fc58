"""The tables of the log service: portable, every number within 2^53.

A chunk row holds one batch, a thousand lines or one: its `data` is the canonical form
(records.py) as `codec` says (codec.py), its `crc` is of all that a reader is told, its `size` is that of the
canonical form, and `bytes_before` the size of the stream before it: the size of any range is two look-ups. Its `id`
grows with time, over all streams. `data` is the last column: SQLite finds the others without walking through it. A
stream's head is not stored, it is the end of its last chunk, so that an append inserts and updates nothing of the
stream.

Chunks below their stream's `oldest` are gone for every reader, and go themselves later, some at a time. So do those
below its `archived`: an archives row says in which file they are (model/segment.py). A deleted stream has lost its
name: it is `/<id>`, which no stream can be called, until all of it is gone, also from the archive.

A new column belongs to a new version of SCHEMA, with a module in migrations/ that brings it.
"""

from __future__ import annotations

import sqlalchemy as sa

from fairlead_store import Schema

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
    sa.Column("metadata", sa.Text, nullable=False, server_default="{}"),
    sa.Column("retention", sa.Text),
    sa.Column("heartbeat_s", sa.Integer),
    sa.Column("dropped_records", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("dropped_bytes", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("dropped_reason", sa.Text),
    sa.Column("dropped_producer", sa.Text),
    sa.Column("attempts", sa.Text, nullable=False, server_default="[]"),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("archived", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("realm", "name"),
)
"""`metadata`, `retention` and `attempts` are JSON. `version` counts the changes where servers share a database. What is
below `oldest` is gone, what is below `archived` is in the archives."""

producers = sa.Table(
    "producers",
    metadata,
    sa.Column("stream_id", sa.ForeignKey("streams.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("term", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("unit", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("records", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
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
    sa.Column("size", sa.Integer, nullable=False, server_default="0"),
    sa.Column("bytes_before", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("stored_us", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("stream_id", "first"),
    sa.Index("chunks_by_time", "stream_id", "max_time_us", "first"),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("stream_id", sa.ForeignKey("streams.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("next", sa.BigInteger, nullable=False),
    sa.Column("committed_us", sa.BigInteger, nullable=False),
)

archives = sa.Table(
    "archives",
    metadata,
    sa.Column("stream_id", sa.ForeignKey("streams.id"), primary_key=True),
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("next", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("bytes_before", sa.BigInteger, nullable=False),
    sa.Column("max_time_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("stored_us", sa.BigInteger, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
)

SCHEMA = Schema("logs", metadata, version=2, migrations="fairlead_logstream.store.migrations")
