"""Several logs as one: what is there already by the times of its lines, what comes after that as it comes.

Each log keeps its own order, also where its times go back (several producers have several clocks): its next line waits
for its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

from fairlead_client.following import Batch, Item


class _Feed:
    """One log: its items so far as the next record, which waits until it is the oldest of all."""

    def __init__(self, items: AsyncIterator[Item]) -> None:
        self._items = items
        self._batch: Batch | None = None
        self._position = 0

    @property
    def time_us(self) -> int | None:
        """Of the next record; None where that is not known."""
        if self._batch is None or self._position >= len(self._batch.records):
            return None
        time_us: int = self._batch.records[self._position][0]
        return time_us

    async def advance(self) -> Item | None:
        """Fetches records; returns an item that is none, to be shown at once. None: there are records, or no more.

        `is_over` tells which.
        """
        async for item in self._items:
            if not isinstance(item, Batch):
                return item
            if item.records:
                self._batch, self._position = item, 0
                return None
        self._batch = None
        return None

    def take(self, until_us: float) -> Batch:
        """The next record, and those behind it that are not younger than this."""
        assert self._batch is not None, "there is a next record"
        start, records = self._position, self._batch.records
        stop = start + 1
        while stop < len(records) and records[stop][0] <= until_us:
            stop += 1
        self._position = stop
        return Batch(self._batch.seqs[start:stop], records[start:stop])


async def by_time(feeds: Sequence[AsyncIterator[Item]]) -> AsyncGenerator[tuple[int, Item]]:
    """The items of several logs, each with the log's place in `feeds`, until all have ended."""
    waiting = {number: _Feed(items) for number, items in enumerate(feeds)}
    while waiting:
        for number, feed in [*waiting.items()]:
            while feed.time_us is None:
                item = await feed.advance()
                if item is not None:
                    yield number, item
                elif feed.time_us is None:
                    del waiting[number]
                    break
        if waiting:
            first, *others = sorted(waiting, key=lambda number: (waiting[number].time_us or 0, number))
            until_us = waiting[others[0]].time_us if others else None
            yield first, waiting[first].take(float("inf") if until_us is None else until_us)


async def as_they_come(feeds: Mapping[int, AsyncIterator[Item]]) -> AsyncGenerator[tuple[int, Item]]:
    """The items of several logs with their numbers, until all have ended. Raises what one of them raises."""
    coming = {asyncio.ensure_future(_next(items)): number for number, items in feeds.items()}
    try:
        while coming:
            done, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                number, item = coming.pop(task), task.result()
                if item is not None:
                    coming[asyncio.ensure_future(_next(feeds[number]))] = number
                    yield number, item
    finally:
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)


async def _next(items: AsyncIterator[Item]) -> Item | None:
    return await anext(items, None)
