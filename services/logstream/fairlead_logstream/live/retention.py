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
import logging
from collections.abc import Callable
from functools import partial

import msgspec

from fairlead_logstream.counters import LogCounters
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.model.rows import Outline, Retention
from fairlead_logstream.model.stream import Stream
from fairlead_logstream.model.surplus import has_surplus, oldest_of, surplus
from fairlead_logstream.store.stream_store import StreamStore
from fairlead_logstream.tasks import Tasks
from fairlead_store import StoreError

ROUND_S = 5.0
"""Between two rounds: how long what is too much may stay."""

STEP_BATCHES = 500
"""Batches that are looked at, and at most trimmed, in one step."""

SCANNED_PER_TURN = 500
"""Streams that are looked at before other work gets its turn."""

_log = logging.getLogger(__name__)


class Limits(msgspec.Struct, frozen=True):
    """How much is kept: of each stream that has no limits of its own, and of all together; bytes are those sent."""

    each: Retention = Retention()
    total_bytes: int | None = None


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
        self._settled: dict[int, tuple[int, bool]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False

    def start(self, tasks: Tasks) -> None:
        """Do a round after a while, and so on."""
        if self._is_stopped:
            return
        self._timer = asyncio.get_running_loop().call_later(ROUND_S, lambda: tasks.spawn(self._go_round(tasks)))

    def stop(self) -> None:
        """Begin no other round; one that runs ends with its task."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()

    async def _go_round(self, tasks: Tasks) -> None:
        try:
            await self.round()
        except StoreError as error:
            self._counters.retention_failures += 1
            _log.warning("old records are not trimmed: %s", error)
        finally:
            self.start(tasks)

    async def round(self) -> None:
        """Bring all streams within their limits, as far as they can be. Raises StoreError."""
        self._counters.retention_rounds += 1
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
        if own == _NONE:
            return each
        names = Retention.__struct_fields__
        return Retention(*[_first_given(getattr(own, name), getattr(each, name)) for name in names])

    async def _trim_to_total(self, limit_bytes: int) -> None:
        excess = sum(live.stream.stored_bytes for live in self._directory) - limit_bytes
        if excess <= 0:
            return
        oldest = [_aged(live.stream) for live in self._directory if live.stream.stored_bytes]
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


def _place(stream: Stream) -> tuple[int, bool]:
    return stream.head, stream.sealed is not None


def _aged(stream: Stream) -> tuple[bool, int, int, Stream]:
    """In the order in which streams are trimmed; the id decides before streams are compared."""
    return stream.sealed is None, stream.oldest_us, stream.id, stream
