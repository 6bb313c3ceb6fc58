"""Reading jobs: each runs in a reader's thread, in one short transaction, and gives values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sa

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.records import MAX_NUMBER
from fairlead_logstream.model.rows import Cursor, Outline, Producer, StreamKey, StreamRow
from fairlead_logstream.model.scan import Found, Scan
from fairlead_logstream.store import queries, rows, scanning
from fairlead_logstream.store.codec import Damaged
from fairlead_logstream.store.stream_store import CorruptBatch


def streams(realm: str, connection: sa.Connection) -> list[StreamRow]:
    """All streams of a realm as they stand."""
    return [rows.stream_row(row) for row in connection.execute(queries.STREAMS, {"realm": realm})]


def producers(stream_id: int, connection: sa.Connection) -> dict[str, Producer]:
    """The producers of a stream."""
    return rows.producers(connection.execute(queries.PRODUCERS, {"stream_id": stream_id}))


def batches(key: StreamKey, between: tuple[int, int], limit_bytes: int, connection: sa.Connection) -> list[Batch]:
    """The batches that meet a range, up to a size. Raises CorruptBatch when the first is damaged."""
    start, end = between
    found: list[Batch] = []
    size = 0
    with connection.execute(queries.CHUNKS, {"stream_id": key.id, "start": start, "end": end}) as chunks:
        for row in chunks:
            try:
                batch = _batch(key, between, connection, row)
            except CorruptBatch:
                if not found:
                    raise
                break
            if batch.next <= start:  # what should hold the start is missing
                continue
            size += batch.size
            if found and size > limit_bytes:
                break
            found.append(batch)
    return found


def _batch(key: StreamKey, between: tuple[int, int], connection: sa.Connection, row: sa.Row[Any]) -> Batch:
    """Raises CorruptBatch: what is lost reaches to the next chunk, or the end, whatever the chunk's own count says.

    The next one behind the start: where the index is damaged as well, a reader must not be sent back.
    """
    try:
        return rows.batch(key, row)
    except Damaged:
        start, end = between
        values = {"stream_id": key.id, "first": max(row.first, start)}
        following = connection.execute(queries.NEXT_CHUNK, values).scalar_one()
        raise CorruptBatch(row.first, end if following is None else min(following, end)) from None


def scan(key: StreamKey, asked: Scan, connection: sa.Connection) -> Found:
    """What is found in the batches of a range. Raises CorruptBatch when the first is damaged."""
    query = queries.CHUNKS_BACKWARDS if asked.is_backwards else queries.CHUNKS
    values = {"stream_id": key.id, "start": asked.start, "end": asked.end}
    with connection.execute(query, values) as chunks:
        stored = (_stored(row, partial(_batch, key, (asked.start, asked.end), connection, row)) for row in chunks)
        return scanning.scan(asked, stored)


def _stored(row: sa.Row[Any], load: Callable[[], Batch]) -> scanning.Stored:
    times_us = (row.min_time_us, row.max_time_us)
    return scanning.Stored(row.first, row.first + row.count, times_us, row.size, load)


def tail_start(key: StreamKey, end: int, limit_count: int, limit_bytes: int, connection: sa.Connection) -> int:
    """How far back a tail reaches, in records and in bytes."""
    start, size = end, 0
    with connection.execute(queries.SIZES_BACKWARDS, {"stream_id": key.id, "end": end}) as chunks:
        for first, length in chunks:
            size += length
            if size > limit_bytes and start < end:
                break
            start = first
            if start <= end - limit_count:
                return end - limit_count
    return start


def batch_with_byte(key: StreamKey, end: int, offset: int, connection: sa.Connection) -> tuple[int, Batch] | None:
    """The batch that holds a byte of the stream, and the byte at which it begins. Raises CorruptBatch."""
    values = {"stream_id": key.id, "end": end, "offset": offset}
    row = connection.execute(queries.CHUNK_WITH_BYTE, values).one_or_none()
    return None if row is None else (row.bytes_before, _batch(key, (0, end), connection, row))


def first_batch_since(key: StreamKey, time_us: int, connection: sa.Connection) -> Batch | None:
    """The first batch with a record of this time or later. Raises CorruptBatch."""
    row = connection.execute(queries.CHUNK_SINCE, {"stream_id": key.id, "time_us": time_us}).one_or_none()
    return None if row is None else _batch(key, (0, MAX_NUMBER), connection, row)


def outlines(stream_id: int, start: int, limit: int, connection: sa.Connection) -> list[Outline]:
    """The batches from a number on, without their records."""
    values = {"stream_id": stream_id, "start": start, "limit": limit}
    return [Outline(*row) for row in connection.execute(queries.OUTLINES, values)]


def size_between(stream_id: int, start: int, end: int, connection: sa.Connection) -> int:
    """About how many bytes the records `[start, end)` have."""
    return _bytes_at(stream_id, end, connection) - _bytes_at(stream_id, start, connection)


def _bytes_at(stream_id: int, number: int, connection: sa.Connection) -> int:
    """The size of the stream before a record; within a batch its records count alike."""
    row = connection.execute(queries.CHUNK_AT, {"stream_id": stream_id, "number": number}).one_or_none()
    if row is None:
        return 0
    records_before = max(0, min(number - row.first, row.count))
    return int(row.bytes_before + row.size * records_before // row.count)


def cursors(stream_id: int, connection: sa.Connection) -> list[Cursor]:
    """The cursors of a stream, by name."""
    return [rows.cursor(row) for row in connection.execute(queries.CURSORS, {"stream_id": stream_id})]
