"""A publisher at a steady pace whatever becomes of its events, and their latency from when each was due.

Waiting for an answer before sending the next would hide every pause of the router (coordinated omission): here a
publication that a pause holds up counts from when it should have been sent.
"""

from __future__ import annotations

import asyncio
import gc
import time

import msgspec

from bench.load.dialects import DIALECTS
from bench.load.group import Group
from bench.load.tally import Mark, Tally, drained, quantile
from bench.suite.wire import Caller, caller

TOPIC = "bench.paced"
STREAM = b"bench-latency"
APPEND_LINES = 20
TICK_S = 0.001
STALL_S = 5.0


class Job(msgspec.Struct, frozen=True):
    """One measurement."""

    url: str
    dialect: str
    pid: int
    subscribers: int
    publications_per_s: float
    """0: as many as there is room for, `window` in flight."""
    appends_per_s: int = 0
    """Beside it, to a log of the same server: each is durable before it is acknowledged."""
    window: int = 16
    warmup_s: float = 1.0
    measured_s: float = 10.0


class Result(msgspec.Struct, frozen=True):
    """What it came to."""

    events_per_s: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    worst_ms: float
    router: float
    """Part of a core."""
    load: float
    expected: int
    received: int

    @property
    def is_exact(self) -> bool:
        return self.expected == self.received


async def run(job: Job) -> Result:
    tally = Tally()
    group = Group(tally, job.subscribers, 0 if job.publications_per_s else job.window)
    await group.connect(DIALECTS[job.dialect](job.url, 100), TOPIC)
    beside = [asyncio.ensure_future(_append(job))] if job.appends_per_s else []
    gc.freeze()  # the connections live on: no collection of ours needs to walk them
    sending = asyncio.ensure_future(_publish(group, job, tally)) if job.publications_per_s else None
    group.start()
    await asyncio.sleep(job.warmup_s)
    tally.latencies_s.clear()
    start = Mark.now(tally, job.pid)
    await asyncio.sleep(job.measured_s)
    end = Mark.now(tally, job.pid)
    latencies_s, tally.latencies_s = sorted(tally.latencies_s), []
    tally.is_sending = False
    if sending is not None:
        await sending
    for each in beside:
        await each
    await drained(tally, STALL_S)
    wall_s = end.at_s - start.at_s
    return Result(
        events_per_s=(end.units - start.units) / wall_s,
        p50_ms=quantile(latencies_s, 0.5) * 1e3,
        p99_ms=quantile(latencies_s, 0.99) * 1e3,
        p999_ms=quantile(latencies_s, 0.999) * 1e3,
        worst_ms=latencies_s[-1] * 1e3 if latencies_s else 0.0,
        router=(end.router_cpu_s - start.router_cpu_s) / wall_s,
        load=(end.load_cpu_s - start.load_cpu_s) / wall_s,
        expected=tally.expected,
        received=tally.received,
    )


async def _publish(group: Group, job: Job, tally: Tally) -> None:
    """Some each millisecond, due then: to send each at a moment of its own a loop would spin, and take a core."""
    begun_s = time.perf_counter()
    ticks = sent = 0
    while tally.is_sending:
        ticks += 1
        due_s = begun_s + ticks * TICK_S
        await asyncio.sleep(due_s - time.perf_counter())
        for _ in range(int(ticks * TICK_S * job.publications_per_s) - sent):
            sent += 1
            group.send(due_s)


async def _append(job: Job) -> None:
    """A log that is written beside, from now until after the measured part."""
    session: Caller = await caller(job.url)
    await session.result(b"fairlead.log.create", b'["%b"]' % STREAM)
    line = msgspec.json.encode([0, "stdout", "x" * 100, 0])
    records = b"[" + b",".join([line] * APPEND_LINES) + b"]"
    interval_s, until_s = 1 / job.appends_per_s, time.perf_counter() + job.warmup_s + job.measured_s
    while time.perf_counter() < until_s:
        session.call(b"fairlead.log.append", b'["%b",%b]' % (STREAM, records), lambda answer: None)
        await asyncio.sleep(interval_s)
