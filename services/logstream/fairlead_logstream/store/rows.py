"""Between values and rows: what of a stream is a column, and how a batch becomes a chunk."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from fairlead_logstream.model.attempts import Attempts
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import (
    Change,
    Cursor,
    Dropped,
    Producer,
    Retention,
    Sealed,
    State,
    StreamKey,
    StreamRow,
)
from fairlead_logstream.store import codec

Row = dict[str, Any]

_encode = msgspec.json.Encoder().encode
_decode_metadata = msgspec.json.Decoder(dict[str, Any]).decode
_decode_attempts = msgspec.json.Decoder(Attempts).decode
_decode_retention = msgspec.json.Decoder(Retention).decode


def state_row(stream_id: int, state: State) -> Row:
    """The columns of a stream that change."""
    sealed = state.sealed
    return {
        "id": stream_id,
        "attempt": state.attempt,
        "is_sealed": sealed is not None,
        "exit_code": None if sealed is None else sealed.exit_code,
        "reason": None if sealed is None else sealed.reason,
        "metadata": _encode(state.metadata).decode(),
        "retention": None if state.retention == Retention() else _encode(state.retention).decode(),
        "heartbeat_s": state.heartbeat_s,
        "dropped_records": state.dropped.records,
        "dropped_bytes": state.dropped.bytes,
        "dropped_reason": state.dropped.reason,
        "dropped_producer": state.dropped.producer,
        "attempts": _encode(state.attempts).decode(),
    }


def stream_row(row: sa.Row[Any]) -> StreamRow:
    """A stream as it stands."""
    state = State(
        attempt=row.attempt,
        sealed=Sealed(row.exit_code, row.reason, row.head) if row.is_sealed else None,
        metadata=_decode_metadata(row.metadata),
        retention=Retention() if row.retention is None else _decode_retention(row.retention),
        heartbeat_s=row.heartbeat_s,
        dropped=Dropped(row.dropped_records, row.dropped_bytes, row.dropped_reason, row.dropped_producer),
        attempts=_decode_attempts(row.attempts),
    )
    return StreamRow(
        id=row.id,
        name=row.name,
        object_id=row.object,
        epoch=row.epoch,
        created_us=row.created_us,
        state=state,
        oldest=row.oldest,
        head=row.head,
        written_bytes=row.written_bytes,
        trimmed_bytes=row.trimmed_bytes,
        oldest_us=row.oldest_us,
        last_us=row.last_us,
        version=row.version,
        archived=row.archived,
        written_us=row.written_us,
    )


def producer_rows(change: Change) -> Iterator[Row]:
    """How far each producer has come."""
    for name, producer in change.producers.items():
        yield {
            "stream_id": change.stream_id,
            "name": name,
            "term": producer.term,
            "seq": producer.seq,
            "unit": producer.unit,
            "records": producer.records,
            "bytes": producer.bytes,
        }


def producers(rows: sa.CursorResult[Any]) -> dict[str, Producer]:
    """The producers of a stream."""
    return {row.name: Producer(row.term, row.seq, row.unit, row.records, row.bytes) for row in rows}


def chunk_rows(change: Change) -> Iterator[Row]:
    """The batches of a change."""
    bytes_before = change.written_bytes
    for batch in change.batches:
        code, data = codec.packed(batch.records)
        head = {
            "stream_id": change.stream_id,
            "first": batch.first,
            "count": batch.count,
            "min_time_us": batch.min_time_us,
            "max_time_us": batch.max_time_us,
            "publication": batch.publication,
            "codec": code,
            "size": batch.size,
        }
        crc = _checksum(*head.values(), data=data)
        yield {**head, "crc": crc, "bytes_before": bytes_before, "stored_us": change.stored_us, "data": data}
        bytes_before += batch.size


def batch(key: StreamKey, row: Sequence[Any]) -> Batch:
    """The batch of a chunk. Raises codec.Damaged."""
    first, count, min_time_us, max_time_us, publication, code, size, crc, data = row[:9]
    try:
        found = _checksum(key.id, first, count, min_time_us, max_time_us, publication, code, size, data=data)
    except (struct.error, TypeError):  # SQLite keeps whatever is written to a column
        raise codec.Damaged from None
    if found != crc:
        raise codec.Damaged
    return Batch(first, count, (min_time_us, max_time_us), key.epoch, publication, codec.unpacked(code, data, size))


_HEAD = struct.Struct("<8q")


def _checksum(*head: int, data: bytes) -> int:
    """Of all that a reader is told: the records, and which they are."""
    return zlib.crc32(data, zlib.crc32(_HEAD.pack(*head)))


def cursor_row(cursor: Cursor) -> Row:
    """The columns of a cursor."""
    return msgspec.structs.asdict(cursor)


def cursor(row: sa.Row[Any]) -> Cursor:
    """A cursor as it stands."""
    return Cursor(row.name, row.owner, row.epoch, row.next, row.committed_us)
