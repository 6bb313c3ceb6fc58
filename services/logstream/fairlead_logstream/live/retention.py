"""Retention: every few seconds what is too old, too large or too much goes, the oldest batches first.

Each stream has its own limits over those of the service, and all streams together have one of size: beyond it the
oldest batches of all go, those of sealed streams first. That a stream begins later now is durable before anything is
deleted (`StreamStore.trim`); a reader below it is told `lagged`. It is done in steps, each a read and a small write
like any other, so that appends come between.

Age is the time since a batch was stored, by the clock of the service: a log with old times that is imported today is
new, and a producer whose clock is wrong loses nothing.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from functools import partial

import msgspec

from fairlead_logstream.counters import LogCounters
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.model.rows import Outline, Retention
from fairlead_logstream.model.stream import Stream
from fairlead_logstream.model.surplus import has_surplus, oldest_of, surplus
from fairlead_logstream.store.stream_store import StreamStore
from fairlead_store import StoreError

STEP_BATCHES = 500
"""Batches that are looked at, and at most trimmed, in one step."""

SCANNED_PER_TURN = 500
"""Streams that are looked at before other work gets its turn."""


class Limits(msgspec.Struct, frozen=True):
    """How much is kept: of each stream that has no limits of its own, and of all together; bytes are those sent.

    A sealed stream of which nothing was stored for `archive_after_s` goes into the archive, if there is one. Then it
    counts no more for these limits: its records go when they are older than `archived_age_s`.
    """

    each: Retention = Retention()
    total_bytes: int | None = None
    archive_after_s: float = 3600.0
    archived_age_s: int | None = None


KEEP_ALL = Limits()


class Keeper:
    """Trims the streams of a directory."""

    def __init__(
        self,
        store: StreamStore,
        directory: Directory,
        limits: Limits,
        clock_us: Callable[[], int],
        counters: LogCounters,
    ) -> None:
        self._store = store
        self._directory = directory
        self._limits = limits
        self._clock_us = clock_us
        self._counters = counters
        # Open streams whose last batch is beyond their limits, until another one follows or they are sealed.
        self._settled: dict[int, tuple[int, bool, bool]] = {}

    async def round(self) -> None:
        """Bring all streams within their limits, as far as they can be. Raises StoreError."""
        self._counters.retention_rounds += 1
        try:
            await self._trim_all()
        except StoreError:
            self._counters.retention_failures += 1
            raise

    async def _trim_all(self) -> None:
        settled, self._settled = self._settled, {}
        for scanned, live in enumerate(list(self._directory)):
            if scanned % SCANNED_PER_TURN == SCANNED_PER_TURN - 1:
                await asyncio.sleep(0)
            if settled.get(live.stream.id) == _place(live.stream):
                self._settled[live.stream.id] = _place(live.stream)
            else:
                await self._trim_to_limits(live.stream)
        if self._limits.total_bytes is not None:
            await self._trim_to_total(self._limits.total_bytes)

    async def _trim_to_limits(self, stream: Stream) -> None:
        limits, now_us = self._limits_of(stream), self._clock_us()
        while has_surplus(stream, limits, now_us):
            if not await self._trim(stream, partial(surplus, stream, limits=limits, now_us=now_us)):
                self._settled[stream.id] = _place(stream)
                return

    def _limits_of(self, stream: Stream) -> Retention:
        own, each = stream.state.retention, self._limits.each
        if stream.is_archived:
            each = Retention(max_age_s=self._limits.archived_age_s)
        if own == _NONE:
            return each
        names = Retention.__struct_fields__
        return Retention(*[_first_given(getattr(own, name), getattr(each, name)) for name in names])

    async def _trim_to_total(self, limit_bytes: int) -> None:
        here = [live.stream for live in self._directory if live.stream.stored_bytes and not live.stream.is_archived]
        excess = sum(stream.stored_bytes for stream in here) - limit_bytes
        if excess <= 0:
            return
        oldest = [_aged(stream) for stream in here]
        heapq.heapify(oldest)
        while excess > 0 and oldest:
            is_open, _, _, stream = heapq.heappop(oldest)
            until_us = oldest[0][1] if oldest and oldest[0][0] == is_open else float("inf")
            before = stream.trimmed_bytes
            if await self._trim(stream, partial(oldest_of, stream, excess_bytes=excess, until_us=until_us)):
                excess -= stream.trimmed_bytes - before
                if stream.head > stream.oldest:
                    heapq.heappush(oldest, _aged(stream))

    async def _trim(self, stream: Stream, choose: Callable[[list[Outline]], list[Outline]]) -> bool:
        """One step: whether anything went."""
        outlines = await self._store.outlines(stream.key, stream.oldest, STEP_BATCHES)
        going = choose(outlines)
        if not going:
            return False
        rest = outlines[len(going) :]
        oldest = rest[0].first if rest else min(going[-1].next, stream.head)
        await self._store.trim(stream.key, oldest)
        size = sum(outline.size for outline in going)
        self._counters.trimmed_records += oldest - stream.oldest
        self._counters.trimmed_bytes += size
        stream.trim(oldest, size, rest[0].stored_us if rest else going[-1].stored_us)
        return True


_NONE = Retention()


def _first_given(own: int | None, each: int | None) -> int | None:
    return each if own is None else own


def _place(stream: Stream) -> tuple[int, bool, bool]:
    return stream.head, stream.sealed is not None, stream.is_archived


def _aged(stream: Stream) -> tuple[bool, int, int, Stream]:
    """In the order in which streams are trimmed; the id decides before streams are compared."""
    return stream.sealed is None, stream.oldest_us, stream.id, stream
