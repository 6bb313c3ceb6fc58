"""The StreamStore on a SQL database: chunk rows, written by the one writer thread.

What many streams want written while a commit runs goes together: the job that the
writer thread runs takes everything that waits then, as three statements with many
rows. Should one of them fail, by another program's work or a mistake of ours, each is
tried alone, so that it fails alone.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from functools import partial
from typing import Any

import sqlalchemy as sa

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.stream import Change, Producer, Sealed, StreamKey, StreamRow
from fairlead_logstream.store import queries
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_logstream.store.tables import CODEC_PLAIN, SCHEMA
from fairlead_store import Database, StoreError

_Waiting = tuple[Change, asyncio.Future[None]]


class SqlStreamStore:
    """The streams of one realm in a database of its own (`fairlead_store`)."""

    def __init__(self, database: Database, realm: str) -> None:
        self._database = database
        self._realm = realm
        self._waiting: deque[_Waiting] = deque()
        self._has_job = False

    @classmethod
    def open(cls, url: str, realm: str) -> SqlStreamStore:
        """Open or make the database; raises StoreError."""
        return cls(Database.open(url, SCHEMA, realm), realm)

    async def close(self) -> None:
        await self._database.close()

    # ---- writing

    async def create(self, new: StreamRow) -> StreamRow:
        return await self._database.write(partial(_create, self._realm, new))

    def write(self, change: Change) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if not self._has_job:
            self._submit()
        return future

    def _submit(self) -> None:
        taken: list[_Waiting] = []
        self._has_job = True  # before the thread can have the job: it says when it has begun
        try:
            job = self._database.submit(partial(self._write_waiting, taken))
        except StoreError as error:
            self._has_job = False
            self._fail_waiting(error)
            return
        job.add_done_callback(partial(self._written, taken))

    def _write_waiting(self, taken: list[_Waiting], connection: sa.Connection) -> None:
        """In the writer thread: all that waits by now. What comes after the first line gets a new job."""
        self._has_job = False
        while self._waiting:
            taken.append(self._waiting.popleft())
        _write([change for change, _ in taken], connection)

    def _written(self, taken: list[_Waiting], job: asyncio.Future[None]) -> None:
        error = job.exception()
        if error is None:
            for _, future in taken:
                _resolve(future, None)
        elif not taken:  # the transaction did not even begin
            self._has_job = False
            self._fail_waiting(error)
        elif isinstance(error, StoreError) or len(taken) == 1:
            for _, future in taken:
                _resolve(future, error)
        else:
            self._write_each(taken)

    def _write_each(self, taken: list[_Waiting]) -> None:
        for change, future in taken:
            try:
                job = self._database.submit(partial(_write, [change]))
            except StoreError as error:
                _resolve(future, error)
            else:
                job.add_done_callback(partial(_follow, future))

    def _fail_waiting(self, error: BaseException) -> None:
        while self._waiting:
            _resolve(self._waiting.popleft()[1], error)

    # ---- reading

    async def streams(self) -> list[StreamRow]:
        return await self._database.read(partial(_streams, self._realm))

    async def producers(self, stream_id: int) -> dict[str, Producer]:
        return await self._database.read(partial(_producers, stream_id))

    async def read(self, key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        return await self._database.read(partial(_read, key, (start, end), limit_bytes))

    async def tail_start(self, key: StreamKey, end: int, limit_count: int, limit_bytes: int) -> int:
        return await self._database.read(partial(_tail_start, key, end, limit_count, limit_bytes))

    async def first_batch_since(self, key: StreamKey, time_us: int) -> Batch | None:
        return await self._database.read(partial(_first_batch_since, key, time_us))


# ---- jobs: each runs in a thread, in a transaction, and touches nothing else


def _create(realm: str, new: StreamRow, connection: sa.Connection) -> StreamRow:
    values = {
        "realm": realm,
        "name": new.name,
        "object": new.object_id,
        "epoch": new.epoch,
        "created_us": new.created_us,
        "attempt": new.attempt,
        "is_sealed": False,
    }
    connection.execute(queries.INSERT_STREAM, values)
    return _stream_row(connection.execute(queries.STREAM, {"realm": realm, "name": new.name}).one())


def _write(changes: list[Change], connection: sa.Connection) -> None:
    chunks = [_chunk(change.stream_id, batch) for change in changes for batch in change.batches]
    if chunks:
        connection.execute(queries.INSERT_CHUNK, chunks)
    producers = [
        {"stream_id": change.stream_id, "name": name, "term": producer.term, "seq": producer.seq}
        for change in changes
        for name, producer in change.producers.items()
    ]
    if producers:
        connection.execute(queries.UPSERT_PRODUCER, producers)
    states = [_state(change) for change in changes if change.state is not None]
    if states:
        connection.execute(queries.UPDATE_STREAM, states)


def _streams(realm: str, connection: sa.Connection) -> list[StreamRow]:
    return [_stream_row(row) for row in connection.execute(queries.STREAMS, {"realm": realm})]


def _producers(stream_id: int, connection: sa.Connection) -> dict[str, Producer]:
    rows = connection.execute(queries.PRODUCERS, {"stream_id": stream_id})
    return {name: Producer(term, seq) for name, term, seq in rows}


def _read(key: StreamKey, between: tuple[int, int], limit_bytes: int, connection: sa.Connection) -> list[Batch]:
    values = {"stream_id": key.id, "start": between[0], "end": between[1]}
    found: list[Batch] = []
    size = 0
    with connection.execute(queries.CHUNKS, values) as rows:
        for row in rows:
            size += len(row.data)
            if found and size > limit_bytes:
                break
            try:
                found.append(_batch(key, row))
            except CorruptBatch:
                if not found:
                    raise
                break
    return found


def _tail_start(key: StreamKey, end: int, limit_count: int, limit_bytes: int, connection: sa.Connection) -> int:
    start, size = end, 0
    with connection.execute(queries.SIZES_BACKWARDS, {"stream_id": key.id, "end": end}) as rows:
        for first, length in rows:
            size += length
            if size > limit_bytes and start < end:
                break
            start = first
            if start <= end - limit_count:
                return end - limit_count
    return start


def _first_batch_since(key: StreamKey, time_us: int, connection: sa.Connection) -> Batch | None:
    row = connection.execute(queries.CHUNK_SINCE, {"stream_id": key.id, "time_us": time_us}).one_or_none()
    return None if row is None else _batch(key, row)


# ---- rows


def _chunk(stream_id: int, batch: Batch) -> dict[str, Any]:
    return {
        "stream_id": stream_id,
        "first": batch.first,
        "count": batch.count,
        "min_time_us": batch.min_time_us,
        "max_time_us": batch.max_time_us,
        "publication": batch.publication,
        "codec": CODEC_PLAIN,
        "crc": zlib.crc32(batch.records),
        "data": batch.records,
    }


def _batch(key: StreamKey, row: sa.Row[Any]) -> Batch:
    first, count, min_time_us, max_time_us, publication, codec, crc, data = tuple(row)
    if codec != CODEC_PLAIN or zlib.crc32(data) != crc:
        raise CorruptBatch(first, first + count)
    return Batch(first, count, (min_time_us, max_time_us), key.epoch, publication, data)


def _state(change: Change) -> dict[str, Any]:
    assert change.state is not None
    sealed = change.state.sealed
    return {
        "id": change.stream_id,
        "attempt": change.state.attempt,
        "is_sealed": sealed is not None,
        "exit_code": None if sealed is None else sealed.exit_code,
        "reason": None if sealed is None else sealed.reason,
    }


def _stream_row(row: sa.Row[Any]) -> StreamRow:
    return StreamRow(
        id=row.id,
        name=row.name,
        object_id=row.object,
        epoch=row.epoch,
        created_us=row.created_us,
        attempt=row.attempt,
        oldest=row.oldest,
        head=row.head,
        sealed=Sealed(row.exit_code, row.reason, row.head) if row.is_sealed else None,
    )


# ---- futures


def _resolve(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _follow(future: asyncio.Future[None], job: asyncio.Future[None]) -> None:
    _resolve(future, job.exception())
