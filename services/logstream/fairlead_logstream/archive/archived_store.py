"""A StreamStore whose oldest records are in an archive: the same questions, the same answers.

What the store below does not have any more is looked for in its archive rows, and read from the segments that they
name. So a segment that has just been archived, here or by another server, is found without being announced: its row is
durable before its chunks go, and chunks are asked for first. In a segment all is in memory: what is done there is what
the store below would do.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from fairlead_logstream.archive.archive import Archive
from fairlead_logstream.archive.guarded import GuardedArchive
from fairlead_logstream.archive.opened import OpenSegments
from fairlead_logstream.archive.removing import Remover
from fairlead_logstream.archive.segment_file import Source, packed
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.records import MAX_NUMBER
from fairlead_logstream.model.rows import Change, Cursor, Outline, Producer, StreamKey, StreamRow
from fairlead_logstream.model.scan import Found, Scan
from fairlead_logstream.model.segment import Segment, bytes_at
from fairlead_logstream.store import scanning
from fairlead_logstream.store.stream_store import ArchiveRows, CorruptBatch, Sharing, StreamStore

READ_BYTES = 1 << 20
"""What is read from the store below at once for the archive: readers come between."""

T = TypeVar("T")


class ArchivedStreamStore:
    """Another store and its archive, both of which it closes in the end."""

    def __init__(self, store: StreamStore, archive: Archive) -> None:
        self._store = store
        self._archive = GuardedArchive(archive)
        self._open = OpenSegments(self._archive)
        self._remover = Remover(store.archives, self._archive)

    @property
    def sharing(self) -> Sharing | None:
        return self._store.sharing

    @property
    def backlog(self) -> int:
        return self._store.backlog

    @property
    def archives(self) -> ArchiveRows:
        return self._store.archives

    async def close(self) -> None:
        await self._remover.close()
        await self._open.close()
        await self._store.close()
        await self._archive.close()

    # ---- what the archive has no part in

    async def create(self, new: StreamRow) -> StreamRow:
        return await self._store.create(new)

    async def producers(self, stream_id: int) -> dict[str, Producer]:
        return await self._store.producers(stream_id)

    def write(self, change: Change) -> asyncio.Future[None]:
        return self._store.write(change)

    async def commit_cursor(self, key: StreamKey, cursor: Cursor, *, back: bool = False) -> Cursor:
        return await self._store.commit_cursor(key, cursor, back=back)

    async def cursors(self, key: StreamKey) -> list[Cursor]:
        return await self._store.cursors(key)

    async def delete_cursor(self, key: StreamKey, name: str) -> None:
        await self._store.delete_cursor(key, name)

    # ---- what comes into the archive, and what goes

    async def archive(self, source: Source, key: StreamKey, outlines: list[Outline], now_us: int) -> Segment | None:
        """Put these batches, which are the oldest that the store has, into the archive.

        None where another server did the same, or they were trimmed or deleted meanwhile. Raises CorruptBatch,
        StoreError. Whatever ends the program: until the row is durable the batches are where they were, and the same
        file is put again; from then on they are read from there.
        """
        first, following = outlines[0].first, outlines[-1].next
        try:
            batches = await self._batches(key, first, following)
        except CorruptBatch:
            if await self._has_archived(key, first):
                return None
            raise
        data = await asyncio.to_thread(packed, source, batches)
        location = await self._archive.put(f"{source.stream}.{source.epoch}/{first:016}-{following:016}.log", data)
        segment = Segment(
            first,
            following,
            sum(outline.size for outline in outlines),
            max(batch.max_time_us for batch in batches),
            batches[-1].max_time_us,
            outlines[-1].stored_us,
            location,
            now_us,
        )
        if await self.archives.add(key, segment):
            return segment
        await self._remover.discard(key, segment)
        return None

    async def _has_archived(self, key: StreamKey, number: int) -> bool:
        segment = await self.archives.at(key, number)
        return segment is not None and segment.first <= number

    async def streams(self) -> list[StreamRow]:
        rows = await self._store.streams()
        self._remover.remove_gone()
        return rows

    async def trim(self, key: StreamKey, oldest: int) -> None:
        await self._store.trim(key, oldest)
        self._remover.remove_gone(key.id)

    async def delete(self, key: StreamKey) -> None:
        await self._store.delete(key)
        self._remover.remove_gone(key.id)

    async def _batches(self, key: StreamKey, start: int, end: int) -> list[Batch]:
        """All batches of a range, without a hole."""
        found: list[Batch] = []
        while start < end:
            batches = await self._store.read(key, start, end, READ_BYTES)
            for batch in batches:
                if batch.first != start:
                    raise CorruptBatch(start, batch.first)
                found.append(batch)
                start = batch.next
            if not batches:
                raise CorruptBatch(start, end)
        return found

    # ---- reading

    async def read(self, key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        damage: CorruptBatch | None = None
        found: list[Batch] = []
        try:
            found = await self._store.read(key, start, end, limit_bytes)
        except CorruptBatch as caught:
            damage = caught
        first = damage.first if damage is not None else found[0].first if found else end
        if first > start:
            segment = await self.archives.at(key, start)
            if segment is not None and segment.first <= start:
                return _between(await self._open.batches(key, segment), start, end, limit_bytes)
        if damage is not None:
            raise damage
        return found

    async def tail_start(self, key: StreamKey, end: int, limit_count: int, limit_bytes: int) -> int:
        start = await self._store.tail_start(key, end, limit_count, limit_bytes)
        size = await self.size_between(key, start, end) if start < end else 0
        while start > end - limit_count:
            segment = await self.archives.before(key, start)
            if segment is None or segment.next < start:
                break
            for batch in reversed(await self._open.batches(key, segment)):
                if batch.first >= start:
                    continue
                size += batch.size
                if size > limit_bytes and start < end:
                    return start
                start = batch.first
                if start <= end - limit_count:
                    break
        return max(start, end - limit_count)

    async def batch_with_byte(self, key: StreamKey, end: int, offset: int) -> tuple[int, Batch] | None:
        found = await self._store.batch_with_byte(key, end, offset)
        if found is not None:
            return found
        segment = await self.archives.with_byte(key, end, offset)
        if segment is None:
            return None
        begin = segment.bytes_before
        last: tuple[int, Batch] | None = None
        for batch in await self._open.batches(key, segment):
            if batch.first >= end or begin > offset:
                break
            last = begin, batch
            begin += batch.size
        return last

    async def first_batch_since(self, key: StreamKey, time_us: int) -> Batch | None:
        damage: CorruptBatch | None = None
        found: Batch | None = None
        try:
            found = await self._store.first_batch_since(key, time_us)
        except CorruptBatch as caught:
            damage = caught
        segment = await self.archives.since(key, time_us)
        if segment is None:
            if damage is not None:
                raise damage
            return found
        batches = await self._open.batches(key, segment)
        return next(batch for batch in batches if batch.max_time_us >= time_us)

    async def scan(self, key: StreamKey, asked: Scan) -> Found:
        return await self._steadily(key, lambda: self._scan(key, asked))

    async def _scan(self, key: StreamKey, asked: Scan) -> Found:
        """In the archive one segment at a time: who asks goes on where it ended."""
        if asked.is_backwards:
            segment = await self.archives.before(key, asked.end)
            is_there = segment is not None and segment.next >= asked.end
            part = asked if segment is None else _clipped(asked, segment.next, asked.end)
        else:
            segment = await self.archives.at(key, asked.start)
            is_there = segment is not None and segment.first <= asked.start
            part = asked if segment is None else _clipped(asked, asked.start, segment.first)
        if segment is None or not is_there:
            return await self._store.scan(key, part)
        batches = await self._open.batches(key, segment)
        return await asyncio.to_thread(_scan, _clipped(asked, segment.first, segment.next), batches)

    async def outlines(self, key: StreamKey, start: int, limit: int) -> list[Outline]:
        """A segment is outlined like a batch: it comes and goes as a whole."""
        return await self._steadily(key, lambda: self._outlines(key, start, limit))

    async def _outlines(self, key: StreamKey, start: int, limit: int) -> list[Outline]:
        segments = await self.archives.from_number(key, start, limit)
        found = [await self._outline(key, segment, start) for segment in segments]
        if len(found) < limit:
            found += await self._store.outlines(key, found[-1].next if found else start, limit - len(found))
        return found

    async def size_between(self, key: StreamKey, start: int, end: int) -> int:
        return await self._steadily(key, lambda: self._size_between(key, start, end))

    async def _size_between(self, key: StreamKey, start: int, end: int) -> int:
        last = await self.archives.before(key, end)
        if last is None or last.next <= start:
            return await self._store.size_between(key, start, end)
        first = await self.archives.at(key, start)
        assert first is not None
        size = await self._bytes_at(key, last, end) - await self._bytes_at(key, first, start)
        return size + (await self._store.size_between(key, last.next, end) if end > last.next else 0)

    async def _steadily(self, key: StreamKey, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to what asks for rows and then for chunks: again, if chunks became a row meanwhile."""
        last = await self.archives.before(key, MAX_NUMBER)
        while True:
            before, damage = last, None
            try:
                answer = await ask()
            except CorruptBatch as caught:
                damage = caught
            last = await self.archives.before(key, MAX_NUMBER)
            if last == before:
                if damage is not None:
                    raise damage
                return answer

    async def _bytes_at(self, key: StreamKey, segment: Segment, number: int) -> int:
        """The size of the stream before a record; within a segment it has to be opened."""
        if number <= segment.first:
            return segment.bytes_before
        if number >= segment.next:
            return segment.bytes_before + segment.size
        return segment.bytes_before + bytes_at(number, await self._open.batches(key, segment))

    async def _outline(self, key: StreamKey, segment: Segment, start: int) -> Outline:
        first = max(segment.first, start)  # it was trimmed while it was archived
        size = segment.size + segment.bytes_before - await self._bytes_at(key, segment, first)
        return Outline(first, segment.next - first, size, segment.stored_us)


def _between(batches: list[Batch], start: int, end: int, limit_bytes: int) -> list[Batch]:
    found: list[Batch] = []
    size = 0
    for batch in batches[bisect_right(batches, start, key=lambda batch: batch.first) - 1 :]:
        size += batch.size
        if batch.first >= end or (found and size > limit_bytes):
            break
        found.append(batch)
    return found


def _clipped(asked: Scan, start: int, end: int) -> Scan:
    return msgspec.structs.replace(asked, start=max(asked.start, start), end=min(asked.end, end))


def _scan(asked: Scan, batches: list[Batch]) -> Found:
    met = [batch for batch in batches if batch.next > asked.start and batch.first < asked.end]
    return scanning.scan(asked, map(scanning.in_memory, reversed(met) if asked.is_backwards else met))
