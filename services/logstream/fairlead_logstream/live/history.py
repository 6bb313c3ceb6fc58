"""What a stream holds, from the recent batches or the store, and where a reader begins."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import msgspec

from fairlead_logstream.errors import AheadOfHead
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.store.stream_store import CorruptBatch, StreamStore
from fairlead_logstream.tasks import Tasks
from fairlead_router import InvalidArgument


class Begin(msgspec.Struct, frozen=True):
    """Where a reader wants to begin: a cursor, the last records, a time, or the oldest record."""

    start: int | None = None
    epoch: int | None = None
    tail: int | None = None
    since: int | None = None

    def check(self) -> None:
        """Raises InvalidArgument for what makes no sense whatever the stream is."""
        given = [name for name in ("start", "tail", "since") if getattr(self, name) is not None]
        if len(given) > 1:
            raise InvalidArgument(f"{' and '.join(given)} exclude each other: one says where to begin")
        for name in (*given, "epoch"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InvalidArgument(f"{name} is {value}: it must not be negative")
        if self.start and self.epoch is None:
            raise InvalidArgument(f"start is {self.start} and needs the epoch that it was given with")


class Place(msgspec.Struct, frozen=True):
    """Where a reader begins, and whether its cursor was of another epoch."""

    position: int
    is_reset: bool = False


class History:
    """Reads streams. Nothing at or behind the head that a read began with is ever returned."""

    def __init__(self, store: StreamStore, tasks: Tasks) -> None:
        self._store = store
        self._turns = asyncio.Lock()
        self.tasks = tasks

    async def turn(self) -> None:
        """Wait until the loop has gone round once and nobody else goes on in this round: one reader a round."""
        async with self._turns:
            await asyncio.sleep(0)

    def place(self, live: LiveStream, begin: Begin) -> Place | None:
        """Where to begin, or None where the store must be asked (`find`). Raises AheadOfHead."""
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
        if begin.tail is not None:
            return Place(max(stream.oldest, stream.head - begin.tail))
        return Place(stream.oldest) if begin.since is None else None

    async def find(self, live: LiveStream, begin: Begin) -> Place:
        """Where to begin, for what `place` does not know. Raises StoreError."""
        assert begin.since is not None
        return await self._place_since(live, begin.since)

    async def _place_since(self, live: LiveStream, time_us: int) -> Place:
        """The first record, in the order of the stream, that is of that time or later; the head if there is none yet.

        So at equal times it is the first of them, and where the clock went back what follows may be of before.
        """
        head = live.stream.head
        try:
            batch = await self._store.first_batch_since(live.stream.key, time_us)
        except CorruptBatch as damage:
            return Place(min(damage.first, head))  # it may be there: what it was is told as damaged
        position = None if batch is None else batch.first_at(time_us)
        return Place(head if position is None else max(live.stream.oldest, min(position, head)))

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
        """The same from the store, which may hold more than is visible yet. Raises CorruptBatch, StoreError.

        Should batches be missing there, what comes begins behind `start`, or ends early: the caller must look.
        """
        head = live.stream.head
        found = await self._store.read(live.stream.key, start, head, limit_bytes)
        return _clipped(_contiguous([batch for batch in found if batch.next > start]), start, head)


def _contiguous(batches: list[Batch]) -> list[Batch]:
    for index, (batch, following) in enumerate(pairwise(batches)):
        if batch.next != following.first:
            return batches[: index + 1]
    return batches


def _clipped(batches: list[Batch], start: int, end: int) -> list[Batch]:
    if batches:
        batches[0] = batches[0].between(start, end)
        batches[-1] = batches[-1].between(start, end)
    return batches
