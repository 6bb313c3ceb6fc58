"""A StreamStore that forgets: for tests, and to see what the protocol asks for at least.

Several services may share one: it has the fence of a database that servers share.
It passes the same behaviour suite as the SQL store. `fail_next` makes the next write
fail, as a full disk would.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Collection

import msgspec

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Change, Producer, StreamKey, StreamRow
from fairlead_logstream.store.stream_store import MovedOn, Sharing


class _Kept:
    """One stream as stored."""

    def __init__(self, row: StreamRow) -> None:
        self.row = row
        self.batches: list[Batch] = []
        self.producers: dict[str, Producer] = {}
        self.state = row.state
        self.version = row.version

    @property
    def head(self) -> int:
        return self.batches[-1].next if self.batches else self.row.oldest


class MemoryStreamStore:
    """The streams of one realm in memory. Writes resolve in a later turn of the loop, like real ones."""

    def __init__(self, *, is_shared: bool = False) -> None:
        self.sharing: Sharing | None = self if is_shared else None
        self._by_name: dict[str, _Kept] = {}
        self._by_id: dict[int, _Kept] = {}
        self.fail_next: Exception | None = None

    async def close(self) -> None:
        """Nothing to close: what is here can be opened again by another service."""

    async def streams(self) -> list[StreamRow]:
        return [_row(kept) for kept in self._by_name.values()]

    async def create(self, new: StreamRow) -> StreamRow:
        kept = self._by_name.get(new.name)
        if kept is None:
            row = msgspec.structs.replace(new, id=len(self._by_id) + 1)
            kept = self._by_name[new.name] = self._by_id[row.id] = _Kept(row)
        return _row(kept)

    async def versions(self) -> dict[int, int]:
        return {kept.row.id: kept.version for kept in self._by_name.values()}

    async def rows(self, stream_ids: Collection[int]) -> list[StreamRow]:
        return [_row(self._by_id[stream_id]) for stream_id in stream_ids if stream_id in self._by_id]

    async def named(self, name: str) -> StreamRow | None:
        kept = self._by_name.get(name)
        return None if kept is None else _row(kept)

    async def producers(self, stream_id: int) -> dict[str, Producer]:
        return dict(self._by_id[stream_id].producers)

    def write(self, change: Change) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        error, self.fail_next = self.fail_next, None
        if error is None:
            error = self._store(change)
        if error is None:
            loop.call_soon(_resolve, future)
        else:
            future.set_exception(error)
        return future

    async def read(self, key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        batches = self._by_id[key.id].batches
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
        for batch in reversed(self._by_id[key.id].batches):
            if batch.first >= end:
                continue
            size += len(batch.records)
            if size > limit_bytes and start < end:
                break
            start = max(batch.first, end - limit_count)
            if start > batch.first or start == end - limit_count:
                break
        return start

    async def first_batch_since(self, key: StreamKey, time_us: int) -> Batch | None:
        return next((batch for batch in self._by_id[key.id].batches if batch.max_time_us >= time_us), None)

    def _version_of(self, stream_id: int) -> int | None:
        kept = self._by_id.get(stream_id)
        return None if kept is None else kept.version

    def _store(self, change: Change) -> Exception | None:
        if self.sharing is not None and change.version != self._version_of(change.stream_id):
            return MovedOn()
        kept = self._by_id[change.stream_id]
        if change.batches and change.batches[0].first != kept.head:
            return ValueError(f"chunk {change.batches[0].first} does not follow {kept.head}")
        kept.batches += change.batches
        kept.producers |= change.producers
        if change.state is not None:
            kept.state = change.state
        if self.sharing is not None and not change.is_empty:
            kept.version += 1
        return None


def _first(batch: Batch) -> int:
    return batch.first


def _row(kept: _Kept) -> StreamRow:
    return msgspec.structs.replace(
        kept.row,
        state=kept.state,
        version=kept.version,
        head=kept.head,
        written_bytes=sum(batch.size for batch in kept.batches),
        last_us=kept.batches[-1].max_time_us if kept.batches else 0,
    )


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
