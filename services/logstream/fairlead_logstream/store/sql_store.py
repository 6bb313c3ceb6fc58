"""The StreamStore on a SQL database: chunk rows, written by the one writer thread.

What many streams want written while a commit runs goes together: the job that the
writer thread runs takes everything that waits then, as three statements with many
rows. Should one of them fail, by another program's work or a mistake of ours, each is
tried alone, so that it fails alone. Where servers share the database, each change passes the fence (fence.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial

import sqlalchemy as sa

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Change, Cursor, Outline, Producer, StreamKey, StreamRow
from fairlead_logstream.model.scan import Found, Scan
from fairlead_logstream.store import fence, reading, trimming, writing
from fairlead_logstream.store.archives import SqlArchiveRows
from fairlead_logstream.store.sharing import SqlSharing
from fairlead_logstream.store.tables import SCHEMA
from fairlead_logstream.store.trimming import Sweeper
from fairlead_store import Conflict, Database, StoreError

_Waiting = tuple[Change, asyncio.Future[None]]


class SqlStreamStore:
    """The streams of one realm in a database of its own (`fairlead_store`)."""

    def __init__(self, database: Database, realm: str, *, is_shared: bool = False) -> None:
        self._database = database
        self._realm = realm
        self.sharing = SqlSharing(database, realm) if is_shared else None
        self._write = fence.write if is_shared else writing.write
        self._waiting: deque[_Waiting] = deque()
        self._has_job = False
        self._sweeper = Sweeper(database)
        self.archives = SqlArchiveRows(database, realm, self._sweep)

    @classmethod
    def open(cls, url: str, realm: str, *, is_shared: bool = False) -> SqlStreamStore:
        """Open or make the database, for this process or to share it with others; raises StoreError."""
        return cls(Database.open(url, SCHEMA, realm, is_shared=is_shared), realm, is_shared=is_shared)

    @property
    def backlog(self) -> int:
        return self._database.backlog + len(self._waiting)

    async def close(self) -> None:
        await self._sweeper.close()
        if self.sharing is not None:
            await self.sharing.close()
        await self._database.close()

    # ---- writing

    async def create(self, new: StreamRow) -> StreamRow:
        row = await self._database.write(partial(writing.create, self._realm, new))
        self._changed(row.id)
        return row

    def write(self, change: Change) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if not self._has_job:
            self._submit()
        return future

    async def trim(self, key: StreamKey, oldest: int) -> None:
        await self._database.write(partial(trimming.trim, key.id, oldest))
        self._sweep(key.id)

    async def delete(self, key: StreamKey) -> None:
        await self._database.write(partial(trimming.delete, key.id))
        self._sweep(key.id)

    async def commit_cursor(self, key: StreamKey, cursor: Cursor, *, back: bool = False) -> Cursor:
        return await self._database.write(partial(writing.commit_cursor, key.id, cursor, back))

    async def delete_cursor(self, key: StreamKey, name: str) -> None:
        await self._database.write(partial(writing.delete_cursor, key.id, name))

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

    def _write_waiting(self, taken: list[_Waiting], connection: sa.Connection) -> writing.Moved:
        """In the writer thread: all that waits by now. What comes after the first line gets a new job."""
        self._has_job = False
        while self._waiting:
            taken.append(self._waiting.popleft())
        return self._write([change for change, _ in taken], connection)

    def _written(self, taken: list[_Waiting], job: asyncio.Future[writing.Moved]) -> None:
        error = job.exception()
        if error is None:
            moved = job.result()
            for change, future in taken:
                _resolve(future, moved.get(change.stream_id))
            self._changed(*[change.stream_id for change, _ in taken if change.stream_id not in moved])
        elif not taken:  # the transaction did not even begin
            self._has_job = False
            self._fail_waiting(error)
        elif isinstance(error, Conflict) or (len(taken) > 1 and not isinstance(error, StoreError)):
            self._write_each(taken)
        else:
            for _, future in taken:
                _resolve(future, error)

    def _write_each(self, taken: list[_Waiting]) -> None:
        for change, future in sorted(taken, key=_stream_id):
            try:
                job = self._database.submit(partial(self._write, [change]))
            except StoreError as error:
                _resolve(future, error)
            else:
                job.add_done_callback(partial(_follow, change, future))

    def _changed(self, *stream_ids: int) -> None:
        """Those who share the store need not wait until they look."""
        if self.sharing is not None:
            self.sharing.changed(stream_ids)

    def _sweep(self, stream_id: int) -> None:
        """A stream has changed by losing something, of which there are leftovers."""
        self._changed(stream_id)
        self._sweeper.sweep(stream_id)

    def _fail_waiting(self, error: BaseException) -> None:
        while self._waiting:
            _resolve(self._waiting.popleft()[1], error)

    # ---- reading

    async def streams(self) -> list[StreamRow]:
        rows = await self._database.read(partial(reading.streams, self._realm))
        self._sweeper.sweep(*await self._database.read(partial(trimming.unswept, self._realm)))
        return rows

    async def producers(self, stream_id: int) -> dict[str, Producer]:
        return await self._database.read(partial(reading.producers, stream_id))

    async def read(self, key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        return await self._database.read(partial(reading.batches, key, (start, end), limit_bytes))

    async def tail_start(self, key: StreamKey, end: int, limit_count: int, limit_bytes: int) -> int:
        return await self._database.read(partial(reading.tail_start, key, end, limit_count, limit_bytes))

    async def batch_with_byte(self, key: StreamKey, end: int, offset: int) -> tuple[int, Batch] | None:
        return await self._database.read(partial(reading.batch_with_byte, key, end, offset))

    async def scan(self, key: StreamKey, asked: Scan) -> Found:
        return await self._database.read(partial(reading.scan, key, asked))

    async def first_batch_since(self, key: StreamKey, time_us: int) -> Batch | None:
        return await self._database.read(partial(reading.first_batch_since, key, time_us))

    async def outlines(self, key: StreamKey, start: int, limit: int) -> list[Outline]:
        return await self._database.read(partial(reading.outlines, key.id, start, limit))

    async def size_between(self, key: StreamKey, start: int, end: int) -> int:
        return await self._database.read(partial(reading.size_between, key.id, start, end))

    async def cursors(self, key: StreamKey) -> list[Cursor]:
        return await self._database.read(partial(reading.cursors, key.id))


# ---- futures


def _resolve(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _follow(change: Change, future: asyncio.Future[None], job: asyncio.Future[writing.Moved]) -> None:
    error = job.exception()
    _resolve(future, job.result().get(change.stream_id) if error is None else error)


def _stream_id(waiting: _Waiting) -> int:
    return waiting[0].stream_id
