"""A StreamStore that forgets: for tests, and to see what the protocol asks for at least.

Several services may share one: it has the fence of a database that servers share.
It passes the same behaviour suite as the SQL store. `fail_next` makes the next write
fail, as a full disk would.
"""

from __future__ import annotations

import asyncio
import itertools
from bisect import bisect_right
from collections.abc import Callable, Collection

import msgspec

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.records import MAX_NUMBER
from fairlead_logstream.model.rows import Change, Cursor, Outline, Producer, StreamKey, StreamRow
from fairlead_logstream.model.scan import Found, Scan
from fairlead_logstream.model.segment import Segment
from fairlead_logstream.store import scanning
from fairlead_logstream.store.memory_archives import MemoryArchiveRows
from fairlead_logstream.store.stream_store import MovedOn, Sharing


class _Kept:
    """One stream as stored."""

    def __init__(self, row: StreamRow) -> None:
        self.row = row
        self.batches: list[Batch] = []
        self.producers: dict[str, Producer] = {}
        self.cursors: dict[str, Cursor] = {}
        self.state = row.state
        self.version = row.version
        self.oldest = 0
        self.stored_us: dict[int, int] = {}
        self.bytes_before: dict[int, int] = {}
        self.segments: list[Segment] = []
        self.archived = 0

    @property
    def head(self) -> int:
        return self.batches[-1].next if self.batches else max(self.oldest, self.archived)

    def bytes_at(self, number: int) -> int:
        if not self.batches:
            return 0
        batch = self.batches[max(0, bisect_right(self.batches, number, key=_first) - 1)]
        records_before = max(0, min(number - batch.first, batch.count))
        return self.bytes_before[batch.first] + batch.size * records_before // batch.count


class MemoryStreamStore:
    """The streams of one realm in memory. Writes resolve in a later turn of the loop, like real ones."""

    def __init__(self, *, is_shared: bool = False) -> None:
        self.sharing: Sharing | None = self if is_shared else None
        self._by_name: dict[str, _Kept] = {}
        self._by_id: dict[int, _Kept] = {}
        self._ids = itertools.count(1)
        self.archives = MemoryArchiveRows(self._by_id.get)
        self.fail_next: Exception | None = None

    @property
    def backlog(self) -> int:
        return 0

    async def close(self) -> None:
        """Nothing to close: what is here can be opened again by another service."""

    async def streams(self) -> list[StreamRow]:
        return [_row(kept) for kept in self._by_name.values()]

    async def create(self, new: StreamRow) -> StreamRow:
        kept = self._by_name.get(new.name)
        if kept is None:
            row = msgspec.structs.replace(new, id=next(self._ids))
            kept = self._by_name[new.name] = self._by_id[row.id] = _Kept(row)
        return _row(kept)

    async def versions(self, stream_ids: Collection[int] | None = None) -> dict[int, int]:
        wanted = self._by_id if stream_ids is None else stream_ids
        return {stream_id: self._by_id[stream_id].version for stream_id in wanted if stream_id in self._by_id}

    async def rows(self, stream_ids: Collection[int]) -> list[StreamRow]:
        return [_row(self._by_id[stream_id]) for stream_id in stream_ids if stream_id in self._by_id]

    def listen(self, woken: Callable[[list[int]], None]) -> None:
        """Nobody tells: whoever shares this store looks."""

    async def named(self, name: str) -> StreamRow | None:
        kept = self._by_name.get(name)
        return None if kept is None else _row(kept)

    async def producers(self, stream_id: int) -> dict[str, Producer]:
        return dict(self._by_id[stream_id].producers)

    def write(self, change: Change) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        error = self._failure() or self._store(change)
        if error is None:
            loop.call_soon(_resolve, future)
        else:
            future.set_exception(error)
        return future

    async def read(self, key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        batches = self._batches(key)
        found: list[Batch] = []
        size = 0
        for batch in batches[max(0, bisect_right(batches, start, key=_first) - 1) :]:
            size += len(batch.records)
            if batch.first >= end or (found and size > limit_bytes):
                break
            found.append(batch)
        return found

    async def tail_start(self, key: StreamKey, end: int, limit_count: int, limit_bytes: int) -> int:
        start, size = end, 0
        for batch in reversed(self._batches(key)):
            if batch.first >= end:
                continue
            size += len(batch.records)
            if size > limit_bytes and start < end:
                break
            start = max(batch.first, end - limit_count)
            if start > batch.first or start == end - limit_count:
                break
        return start

    async def batch_with_byte(self, key: StreamKey, end: int, offset: int) -> tuple[int, Batch] | None:
        kept = self._by_id[key.id]
        for batch in reversed(kept.batches):
            begin = kept.bytes_before[batch.first]
            if batch.first < end and begin <= offset:
                return begin, batch
        return None

    async def scan(self, key: StreamKey, asked: Scan) -> Found:
        met = [batch for batch in self._batches(key) if batch.next > asked.start and batch.first < asked.end]
        return scanning.scan(asked, map(scanning.in_memory, reversed(met) if asked.is_backwards else met))

    async def first_batch_since(self, key: StreamKey, time_us: int) -> Batch | None:
        return next((batch for batch in self._batches(key) if batch.max_time_us >= time_us), None)

    def _batches(self, key: StreamKey) -> list[Batch]:
        """None of a stream that is deleted."""
        kept = self._by_id.get(key.id)
        return [] if kept is None else kept.batches

    def _version_of(self, stream_id: int) -> int | None:
        kept = self._by_id.get(stream_id)
        return None if kept is None else kept.version

    async def outlines(self, key: StreamKey, start: int, limit: int) -> list[Outline]:
        kept = self._by_id.get(key.id)
        if kept is None:
            return []
        found = [batch for batch in kept.batches if batch.first >= start][:limit]
        return [Outline(batch.first, batch.count, batch.size, kept.stored_us[batch.first]) for batch in found]

    async def size_between(self, key: StreamKey, start: int, end: int) -> int:
        kept = self._by_id[key.id]
        return kept.bytes_at(end) - kept.bytes_at(start)

    async def trim(self, key: StreamKey, oldest: int) -> None:
        self._raise_failure()
        kept = self._by_id[key.id]
        kept.oldest = max(kept.oldest, oldest)
        kept.version += 1
        kept.batches = [batch for batch in kept.batches if batch.first >= kept.oldest]
        self.archives.trimmed(key.id, kept, kept.oldest)

    async def delete(self, key: StreamKey) -> None:
        self._raise_failure()
        kept = self._by_id.pop(key.id)
        del self._by_name[kept.row.name]
        self.archives.trimmed(key.id, kept, MAX_NUMBER)

    async def commit_cursor(self, key: StreamKey, cursor: Cursor, *, back: bool = False) -> Cursor:
        self._raise_failure()
        cursors = self._by_id[key.id].cursors
        known = cursors.setdefault(cursor.name, cursor)
        if back or cursor.epoch != known.epoch or cursor.next >= known.next:
            cursors[cursor.name] = msgspec.structs.replace(cursor, owner=known.owner)
        return cursors[cursor.name]

    async def cursors(self, key: StreamKey) -> list[Cursor]:
        return [cursor for _, cursor in sorted(self._by_id[key.id].cursors.items())]

    async def delete_cursor(self, key: StreamKey, name: str) -> None:
        self._raise_failure()
        self._by_id[key.id].cursors.pop(name, None)

    def _failure(self) -> Exception | None:
        error, self.fail_next = self.fail_next, None
        return error

    def _raise_failure(self) -> None:
        if (error := self._failure()) is not None:
            raise error

    def _store(self, change: Change) -> Exception | None:
        if self.sharing is not None and change.version != self._version_of(change.stream_id):
            if change.claims and change.stream_id in self._by_id:
                self._by_id[change.stream_id].version += 1
            return MovedOn()
        kept = self._by_id[change.stream_id]
        if change.batches and change.batches[0].first != kept.head:
            return ValueError(f"chunk {change.batches[0].first} does not follow {kept.head}")
        written_bytes = change.written_bytes
        for batch in change.batches:
            kept.batches.append(batch)
            kept.stored_us[batch.first] = change.stored_us
            kept.bytes_before[batch.first] = written_bytes
            written_bytes += batch.size
        kept.producers |= change.producers
        if change.state is not None:
            kept.state = change.state
        if self.sharing is not None and not change.is_empty:
            kept.version += 1
        return None


def _first(batch: Batch) -> int:
    return batch.first


def _row(kept: _Kept) -> StreamRow:
    row = msgspec.structs.replace(
        kept.row, state=kept.state, version=kept.version, oldest=kept.oldest, head=kept.head, archived=kept.archived
    )
    return msgspec.structs.replace(row, **_oldest(kept), **_latest(kept))


def _oldest(kept: _Kept) -> dict[str, int]:
    if kept.segments:
        segment = kept.segments[0]
        return {"trimmed_bytes": segment.bytes_before, "oldest_us": segment.stored_us}
    if kept.batches:
        first = kept.batches[0].first
        return {"trimmed_bytes": kept.bytes_before[first], "oldest_us": kept.stored_us[first]}
    return {}


def _latest(kept: _Kept) -> dict[str, int]:
    if kept.batches:
        last = kept.batches[-1]
        end, last_us, written_us = (
            kept.bytes_before[last.first] + last.size,
            last.max_time_us,
            kept.stored_us[last.first],
        )
    elif kept.segments:
        segment = kept.segments[-1]
        end, last_us, written_us = segment.bytes_before + segment.size, segment.last_us, segment.stored_us
    else:
        return {}
    return {"written_bytes": end, "last_us": last_us, "written_us": written_us}


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
