"""Streams have metadata, a retention, budgets and cursors; producers may count bytes; chunks know their size."""

import struct
import zlib
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic.operations import Operations

_HEAD = struct.Struct("<8q")

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# Version 1 stored every chunk as it is sent, and when is known from its records only.
_FILL_CHUNKS = """
    UPDATE chunks SET size = filled.size, bytes_before = filled.following - filled.size, stored_us = max_time_us
    FROM (SELECT id, length(data) AS size, sum(length(data)) OVER (PARTITION BY stream_id ORDER BY first) AS following
          FROM chunks) AS filled
    WHERE filled.id = chunks.id
"""


def upgrade(op: Operations) -> None:
    """From version 1. On SQLite the chunks are copied, so that `data` stays their last column."""
    op.add_column("streams", sa.Column("metadata", sa.Text, nullable=False, server_default="{}"))
    op.add_column("streams", sa.Column("retention", sa.Text))
    op.add_column("streams", sa.Column("heartbeat_s", sa.Integer))
    op.add_column("streams", sa.Column("dropped_records", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("streams", sa.Column("dropped_bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("streams", sa.Column("dropped_reason", sa.Text))
    op.add_column("streams", sa.Column("dropped_producer", sa.Text))
    op.add_column("streams", sa.Column("attempts", sa.Text, nullable=False, server_default="[]"))
    op.add_column("streams", sa.Column("version", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("streams", sa.Column("archived", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("producers", sa.Column("unit", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column("producers", sa.Column("records", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("producers", sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"))
    is_copied = op.get_bind().dialect.name == "sqlite"
    place: dict[str, Any] = {"insert_before": "data"} if is_copied else {}
    with op.batch_alter_table("chunks", recreate="always" if is_copied else "never") as batch:
        size = sa.Column("size", sa.Integer, nullable=False, server_default="0")
        bytes_before = sa.Column("bytes_before", sa.BigInteger, nullable=False, server_default="0")
        stored_us = sa.Column("stored_us", sa.BigInteger, nullable=False, server_default="0")
        for column in (size, bytes_before, stored_us):
            batch.add_column(column, **place)
    op.execute(_FILL_CHUNKS)
    _cover_heads(op.get_bind())
    _find_attempts(op.get_bind())
    op.create_table(
        "cursors",
        sa.Column("stream_id", _SERIAL, sa.ForeignKey("streams.id"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("next", sa.BigInteger, nullable=False),
        sa.Column("committed_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "archives",
        sa.Column("stream_id", _SERIAL, sa.ForeignKey("streams.id"), primary_key=True),
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


_HEADS = sa.text(
    """
    SELECT id, crc, data, stream_id, first, count, min_time_us, max_time_us, publication, codec, size FROM chunks
    WHERE id > :after ORDER BY id LIMIT 100
    """
)
_SET_CRC = sa.text("UPDATE chunks SET crc = :crc WHERE id = :id")


def _cover_heads(connection: sa.Connection) -> None:
    """The checksum is of the data and of what is said about them; what is damaged stays damaged."""
    last = 0
    while chunks := connection.execute(_HEADS, {"after": last}).all():
        last = chunks[-1].id
        whole = [(chunk.id, chunk.data, chunk[3:]) for chunk in chunks if zlib.crc32(chunk.data) == chunk.crc]
        crcs = [
            {"id": chunk_id, "crc": zlib.crc32(data, zlib.crc32(_HEAD.pack(*head)))} for chunk_id, data, head in whole
        ]
        if crcs:
            connection.execute(_SET_CRC, crcs)


_STREAMS = sa.text("SELECT id, created_us, attempt, exit_code, reason FROM streams")
_SET_ATTEMPTS = sa.text("UPDATE streams SET attempts = :attempts WHERE id = :id")
_CHUNKS_BACKWARDS = sa.text("SELECT first, data FROM chunks WHERE stream_id = :id ORDER BY first DESC")

_decode_records = msgspec.json.Decoder(list[tuple[int, str, str, int]]).decode


def _find_attempts(connection: sa.Connection) -> None:
    """The attempt that a stream is at begins with its marker; of the first, which has none, with the stream.

    Earlier attempts are forgotten, and one whose marker cannot be read.
    """
    for stream in connection.execute(_STREAMS).all():
        begin = (0, stream.created_us) if stream.attempt == 1 else _marker_of(connection, stream.id, stream.attempt)
        if begin is not None:
            first, begun_us = begin
            reason = None if stream.reason is None else stream.reason[:128]
            attempt = {"attempt": stream.attempt, "first": first, "begun_us": begun_us}
            ended = [{**attempt, "exit_code": stream.exit_code, "reason": reason}]
            connection.execute(_SET_ATTEMPTS, {"id": stream.id, "attempts": msgspec.json.encode(ended).decode()})


def _marker_of(connection: sa.Connection, stream_id: int, attempt: int) -> tuple[int, int] | None:
    """Its number and its time. The text is as version 1 wrote it, quoted in its record."""
    text = msgspec.json.encode({"attempt": attempt}).decode()
    quoted = msgspec.json.encode(text)
    with connection.execute(_CHUNKS_BACKWARDS, {"id": stream_id}) as chunks:
        for first, data in chunks:
            if quoted not in data:
                continue
            try:
                records = _decode_records(data)
            except msgspec.MsgspecError:  # it is damaged
                continue
            for number, (time_us, source, found, _flags) in enumerate(records, first):
                if (source, found) == ("fairlead", text):
                    return number, time_us
    return None
