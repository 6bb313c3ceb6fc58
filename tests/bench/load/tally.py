"""What happened so far: the one object that all connections of a load generator count into."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from bench import procfs
from bench.results import Measurement

POLL_S = 0.05


class Tally:
    """Counters, and the samples of latency. Plain attributes: they are touched once per read of a socket."""

    def __init__(self) -> None:
        self.is_sending = True
        self.expected = 0
        """Units that what was sent so far must lead to."""
        self.received = 0
        self.refused = 0
        """Calls answered with an ERROR."""
        self.closed = 0
        """Connections that the router closed."""
        self.latencies_s: list[float] = []

    @property
    def settled(self) -> int:
        return self.received + self.refused


async def drained(tally: Tally, stall_s: float) -> None:
    """Waits until everything expected is there, or until nothing has come for `stall_s`."""
    loop = asyncio.get_running_loop()
    seen, seen_at_s = -1, loop.time()
    while tally.settled < tally.expected and loop.time() - seen_at_s < stall_s:
        if tally.settled != seen:
            seen, seen_at_s = tally.settled, loop.time()
        await asyncio.sleep(POLL_S)


class Mark(msgspec.Struct, frozen=True):
    """A moment of the run: the measured part lies between two of them."""

    at_s: float
    units: int
    router_cpu_s: float
    load_cpu_s: float

    @classmethod
    def now(cls, tally: Tally, router_pid: int, clock: Callable[[], float] = time.perf_counter) -> Mark:
        return cls(clock(), tally.received, procfs.cpu_s(router_pid), time.process_time())


class Memory(msgspec.Struct, frozen=True):
    """The router's resident memory, and before the first connection, and how much is held in it."""

    bytes: int
    before_bytes: int = 0
    holds: int = 0


def measurement(tally: Tally, start: Mark, end: Mark, latencies_s: list[float], memory: Memory) -> Measurement:
    """Puts together what lies between two marks and what the whole run came to."""
    latencies_s.sort()
    return Measurement(
        units=end.units - start.units,
        wall_s=end.at_s - start.at_s,
        router_cpu_s=end.router_cpu_s - start.router_cpu_s,
        load_cpu_s=end.load_cpu_s - start.load_cpu_s,
        p50_us=quantile(latencies_s, 0.50) * 1e6,
        p99_us=quantile(latencies_s, 0.99) * 1e6,
        latency_samples=len(latencies_s),
        rss_bytes=memory.bytes,
        rss_before_bytes=memory.before_bytes,
        holds=memory.holds,
        expected=tally.expected,
        received=tally.received,
        refused=tally.refused,
        closed=tally.closed,
    )


def quantile(ordered: list[float], share: float) -> float:
    """The value below which that share of the sorted values lies; 0 without any.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5)
    3.0
    """
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
