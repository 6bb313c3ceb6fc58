"""What a stream holds, from the recent batches or the store, and where a reader begins."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from fairlead_common.tasks import Tasks
from fairlead_logstream.counters import LogCounters
from fairlead_logstream.errors import AheadOfHead
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.batch import Batch, contiguous
from fairlead_logstream.model.scan import Found, Scan
from fairlead_logstream.store.stream_store import CorruptBatch, StreamStore
from fairlead_router import InvalidArgument
from fairlead_store import StoreError

REPORTED_LIMIT = 10_000
"""Damaged batches that are remembered, so that each is told to the operator once."""

KEPT_LIMIT_BYTES = 64 << 20
"""What followers that wait for room keep of what they have read, all together: those of a thousand slow readers. With
more, what does not fit is read again."""

_log = logging.getLogger(__name__)

_EXCLUSIVE = ("start", "tail", "tail_bytes", "since", "attempt")


class Begin(msgspec.Struct, frozen=True):
    """Where a reader wants to begin: a cursor, the last records, a time, an attempt, or the oldest record."""

    start: int | None = None
    epoch: int | None = None
    tail: int | None = None
    since: int | None = None
    tail_bytes: int | None = None
    attempt: int | None = None

    @property
    def asks_the_store(self) -> bool:
        """Whether only the store knows where that is."""
        return self.since is not None or self.tail_bytes is not None

    def check(self) -> None:
        """Raises InvalidArgument for what makes no sense whatever the stream is."""
        given = [name for name in _EXCLUSIVE if getattr(self, name) is not None]
        if len(given) > 1:
            raise InvalidArgument(f"{' and '.join(given)} exclude each other: one says where to begin")
        for name in (*given, "epoch"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InvalidArgument(f"{name} is {value}: it must not be negative")
        if self.start and self.epoch is None:
            raise InvalidArgument(f"start is {self.start} and needs the epoch that it was given with")


class Place(msgspec.Struct, frozen=True):
    """Where a reader begins, whether its cursor was of another epoch, and the attempt if it begins with one."""

    position: int
    is_reset: bool = False
    attempt: int | None = None


class History:
    """Reads streams. Nothing at or behind the head that a read began with is ever returned."""

    def __init__(self, store: StreamStore, tasks: Tasks, counters: LogCounters) -> None:
        self._store = store
        self._turns = asyncio.Lock()
        self._reported: set[tuple[int, int]] = set()
        self.kept_bytes = 0
        """What waiting followers keep, within KEPT_LIMIT_BYTES."""
        self.counters = counters
        self.tasks = tasks

    async def turn(self) -> None:
        """Wait until the loop has gone round once and nobody else goes on in this round: one reader a round."""
        async with self._turns:
            await asyncio.sleep(0)

    def place(self, live: LiveStream, begin: Begin) -> Place | None:
        """Where to begin, or None where the store must be asked (`find`). Raises AheadOfHead, NoSuchAttempt."""
        stream = live.stream
        if begin.epoch is not None and begin.epoch != stream.epoch:
            return Place(stream.oldest, is_reset=True)
        if begin.start is not None:
            if begin.start > stream.head:
                raise AheadOfHead(
                    f"start {begin.start} is ahead of the head {stream.head} of stream '{stream.name}'",
                    head=stream.head,
                    epoch=stream.epoch,
                )
            return Place(begin.start)
        if begin.attempt is not None:
            return Place(stream.first_of(begin.attempt), attempt=begin.attempt)
        if begin.tail is not None:
            return Place(max(stream.oldest, stream.head - begin.tail))
        return None if begin.asks_the_store else Place(stream.oldest)

    async def find(self, live: LiveStream, begin: Begin) -> Place:
        """Where to begin, for what `place` does not know. Raises StoreError.

        `since` is the first record, in the order of the stream, that is of that time or later, or the head if there is
        none yet. So at equal times it is the first of them, and where the clock went back, what follows may be of
        before.
        """
        head, oldest = live.stream.head, live.stream.oldest
        try:
            if begin.since is not None:
                position = await self._first_since(live, begin.since)
            else:
                assert begin.tail_bytes is not None
                position = await self._first_of_last(live, begin.tail_bytes)
        except CorruptBatch as damage:
            position = damage.first  # it may be there: that it is damaged is told then
        return Place(head if position is None else max(oldest, min(position, head)))

    async def _first_since(self, live: LiveStream, time_us: int) -> int | None:
        batch = await self._store.first_batch_since(live.stream.key, time_us)
        return None if batch is None else batch.first_at(time_us)

    async def _first_of_last(self, live: LiveStream, size_bytes: int) -> int:
        """The first record of which all lies in the last bytes, as they are stored."""
        stream = live.stream
        offset = stream.written_bytes - size_bytes
        found = await self._store.batch_with_byte(stream.key, stream.head, offset)
        if found is None:
            return stream.oldest
        begin, batch = found
        return batch.first_behind(offset - begin)

    async def place_recent(self, live: LiveStream, limit_count: int, limit_bytes: int) -> Place:
        """The last records, in count and in bytes."""
        stream = live.stream
        if stream.head == stream.oldest:
            return Place(stream.head)
        start = await self._store.tail_start(stream.key, stream.head, limit_count, limit_bytes)
        return Place(max(stream.oldest, start))

    def cached(self, live: LiveStream, start: int, limit_bytes: int) -> list[Batch] | None:
        """The batches from `start`, which is below the head, if they are in memory."""
        found = live.window.read(start, limit_bytes)
        return None if found is None else _clipped(found, start, live.stream.head)

    async def stored(self, live: LiveStream, start: int, limit_bytes: int) -> list[Batch]:
        """The same from the store; none where retention has come by meanwhile. Raises CorruptBatch, StoreError."""
        head = live.stream.head
        try:
            found = contiguous(await self._store.read(live.stream.key, start, head, limit_bytes), start)
            first = found[0].first if found else head
            if first > start:  # a hole, which no code of ours makes
                raise CorruptBatch(start, first)
        except CorruptBatch as damage:
            if start < live.stream.oldest:
                return []
            self._report(live, damage)
            raise
        except StoreError:
            self.counters.reads_failed += 1
            raise
        return [] if start < live.stream.oldest else _clipped(found, start, head)

    async def scan(self, live: LiveStream, asked: Scan) -> Found:
        """What is found in the store, in a part of the stream that is visible. Raises CorruptBatch, StoreError."""
        if asked.start >= asked.end:
            return Found(asked.begin, [], [])
        try:
            return await self._store.scan(live.stream.key, asked)
        except CorruptBatch as damage:
            self._report(live, damage)
            raise
        except StoreError:
            self.counters.reads_failed += 1
            raise

    def _report(self, live: LiveStream, damage: CorruptBatch) -> None:
        """Who reads it again does not fill the log with it."""
        place = (live.stream.id, damage.first)
        if damage.first < live.stream.oldest or place in self._reported:
            return
        self.counters.damages += 1
        if len(self._reported) < REPORTED_LIMIT:
            self._reported.add(place)
        _log.error("stream %r: %s", live.stream.name, damage)


def _clipped(batches: list[Batch], start: int, end: int) -> list[Batch]:
    if batches:
        batches[0] = batches[0].between(start, end)
        batches[-1] = batches[-1].between(start, end)
    return batches
