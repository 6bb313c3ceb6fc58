"""The segments that are open: fetched once however many read them, and kept as long as there is room.

A reader of an archived log takes many small steps through one segment. The archive may be slow: who waits for a segment
waits alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from fairlead_logstream.archive.archive import Archive, NotInArchive
from fairlead_logstream.archive.segment_file import unpacked
from fairlead_logstream.model.batch import Batch, cost_of
from fairlead_logstream.model.rows import StreamKey
from fairlead_logstream.model.segment import Segment
from fairlead_logstream.store.codec import Damaged
from fairlead_logstream.store.stream_store import CorruptBatch

OPEN_LIMIT_BYTES = 32 << 20
"""Of all that are kept: six or more whole ones, of which readers are served without the archive. As for the recent
batches, what is really kept is two to three times that."""

FETCHES_LIMIT = 8
"""Segments that are fetched and unpacked at a time: each takes some 10 MiB meanwhile."""


class OpenSegments:
    """The batches of segments, by location."""

    def __init__(self, archive: Archive, limit_bytes: int = OPEN_LIMIT_BYTES) -> None:
        self._archive = archive
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[str, list[Batch]] = OrderedDict()
        self._costs: dict[str, int] = {}
        self._fetching: dict[str, asyncio.Task[list[Batch]]] = {}
        self._room = asyncio.Semaphore(FETCHES_LIMIT)

    async def batches(self, key: StreamKey, segment: Segment) -> list[Batch]:
        """All batches of a segment. Raises CorruptBatch where it is damaged or missing, ArchiveFailed."""
        location = segment.location
        if location in self._kept:
            self._kept.move_to_end(location)
            return self._kept[location]
        task = self._fetching.get(location)
        if task is None:
            task = self._fetching[location] = asyncio.get_running_loop().create_task(self._fetch(key, segment))
            task.add_done_callback(lambda done: self._fetched(location, done))
        try:
            return await asyncio.shield(task)  # who reads with us may give up
        except (Damaged, NotInArchive):
            raise CorruptBatch(segment.first, segment.next) from None

    async def close(self) -> None:
        """Wait for nothing any more."""
        fetching = list(self._fetching.values())
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)

    async def _fetch(self, key: StreamKey, segment: Segment) -> list[Batch]:
        async with self._room:
            data = await self._archive.get(segment.location)
            return await asyncio.to_thread(unpacked, data, key.epoch, segment)

    def _fetched(self, location: str, task: asyncio.Task[list[Batch]]) -> None:
        del self._fetching[location]
        if task.cancelled() or task.exception() is not None:
            return
        self._kept[location] = task.result()
        self._costs[location] = sum(map(cost_of, task.result()))
        while sum(self._costs.values()) > self._limit_bytes:
            oldest, _ = self._kept.popitem(last=False)
            del self._costs[oldest]
