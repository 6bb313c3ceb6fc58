"""The archivist: sealed streams that nobody has written to for a while go into the archive, segment by segment.

One stream after the other, the batches of a segment from the store to the archive and then out of the store: an archive
that is slow or away holds up this, and what is to be archived stays where it is. A stream with a damaged batch is
archived up to it: what is damaged is left for the operator to look at. A next attempt goes on behind what is archived,
and is archived itself when it has ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from fairlead_logstream.archive.archived_store import ArchivedStreamStore
from fairlead_logstream.archive.segment_file import Source
from fairlead_logstream.counters import LogCounters
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.batch import in_groups
from fairlead_logstream.model.rows import Outline
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_store import StoreError

SEGMENT_BYTES = 4 << 20
"""Of the records of one segment: a MiB when it is compressed, opened within some 20 ms. A larger one is read in vain
by who wants a page, a smaller one is a request too many to an object store."""

SEGMENT_BATCHES = 4_096
"""Batches of one segment: where each is one line they cost more than their bytes."""

SCANNED_PER_TURN = 500
"""Streams that are looked at before other work gets its turn."""

US = 1_000_000

_log = logging.getLogger(__name__)


class Archivist:
    """Archives the streams of a directory."""

    def __init__(
        self,
        store: ArchivedStreamStore,
        directory: Directory,
        after_s: float,
        clock_us: Callable[[], int],
        counters: LogCounters,
    ) -> None:
        """`after_s` counts from when the last record was stored."""
        self._store = store
        self._directory = directory
        self._after_us = int(after_s * US)
        self._clock_us = clock_us
        self._counters = counters
        # Streams, by id, that are archived up to a damaged batch.
        self._damaged_at: dict[int, int] = {}

    async def round(self) -> None:
        """Archive what is due. Raises StoreError: the archive is away, or the store is."""
        try:
            await self._archive_all()
        except StoreError:
            self._counters.archive_failures += 1
            raise

    async def _archive_all(self) -> None:
        damaged, self._damaged_at = self._damaged_at, {}
        for scanned, live in enumerate(list(self._directory)):
            if scanned % SCANNED_PER_TURN == SCANNED_PER_TURN - 1:
                await asyncio.sleep(0)
            begin = _begin(live)
            if damaged.get(live.stream.id) == begin:
                self._damaged_at[live.stream.id] = begin
            else:
                await self._archive(live)

    async def _archive(self, live: LiveStream) -> None:
        try:
            while self._is_due(live) and await self._archive_next(live):
                pass
        except CorruptBatch as damage:
            if damage.first >= live.stream.oldest:
                _log.error("stream %r is archived up to %d: %s", live.stream.name, _begin(live), damage)
                self._damaged_at[live.stream.id] = _begin(live)

    def _is_due(self, live: LiveStream) -> bool:
        stream = live.stream
        is_sealed = stream.sealed is not None and not live.is_gone
        return is_sealed and _begin(live) < stream.head and stream.written_us <= self._clock_us() - self._after_us

    async def _archive_next(self, live: LiveStream) -> bool:
        """One segment: whether it is in the archive."""
        stream = live.stream
        outlines = await self._store.outlines(stream.key, _begin(live), SEGMENT_BATCHES)
        group: list[Outline] = next(in_groups(outlines, SEGMENT_BYTES), [])
        if not group:
            return False
        source = Source(stream.name, stream.object_id, stream.epoch)
        segment = await self._store.archive(source, stream.key, group, self._clock_us())
        if segment is None:
            return False
        stream.archive(segment)
        self._counters.archived_records += segment.next - segment.first
        self._counters.archived_bytes += segment.size
        return True


def _begin(live: LiveStream) -> int:
    """The first record that is not in the archive."""
    return max(live.stream.archived, live.stream.oldest)
