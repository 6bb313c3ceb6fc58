"""One producer at a steady pace, and a thousand viewers of its log, through the topic or through `follow`."""

from __future__ import annotations

import asyncio
import time

import msgspec

from bench import procfs
from bench.load.dialects.wamp import join
from bench.load.tally import quantile
from bench.logs.lines import Lines
from bench.logs.viewers import Audience, Viewer
from bench.suite.pace import at_pace
from bench.suite.wire import caller

STREAM = b"watched"
STALL_S = 10.0
POLL_S = 0.05


class Job(msgspec.Struct, frozen=True):
    """One measurement."""

    url: str
    pid: int
    way: str
    """topic or follow."""
    viewers: int = 1_000
    lines_per_s: int = 2_000
    batch_lines: int = 20
    warmup_s: float = 2.0
    measured_s: float = 10.0


class Result(msgspec.Struct, frozen=True):
    """`delivered` to `load_share` are of the measured part."""

    delivered: int
    seconds: float
    cpu_s: float
    load_share: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    expected: int
    received: int
    disordered: int
    closed: int

    @property
    def is_exact(self) -> bool:
        return self.expected == self.received and not self.disordered and not self.closed


class _Mark(msgspec.Struct, frozen=True):
    at_s: float
    received: int
    cpu_s: float
    load_s: float


async def run(job: Job) -> Result:
    audience = Audience(job.viewers)
    producer = await caller(job.url)
    await producer.result(b"fairlead.log.create", b'["%b"]' % STREAM)
    for _ in range(job.viewers):
        viewer = await join(job.url, Viewer(audience))
        await (viewer.subscribe(STREAM) if job.way == "topic" else viewer.follow(STREAM))
    lines, batch = Lines(0, job.batch_lines), 0

    def send() -> None:
        nonlocal batch
        arguments = b'["%b",%b],{"producer":"p","seq":%d}' % (STREAM, lines.json(batch), batch * job.batch_lines)
        batch += 1
        audience.sent(batch * job.batch_lines)
        producer.call(b"fairlead.log.append", arguments, lambda _: None)

    def mark() -> _Mark:
        return _Mark(time.perf_counter(), audience.received, procfs.cpu_s(job.pid), time.process_time())

    interval_s = job.batch_lines / job.lines_per_s
    await at_pace(interval_s, job.warmup_s, send)
    audience.lags_s.clear()
    start = mark()
    await at_pace(interval_s, job.measured_s, send)
    end = mark()
    expected = batch * job.batch_lines * job.viewers
    await _settled(audience, expected)
    lags_s = sorted(audience.lags_s)
    return Result(
        delivered=end.received - start.received,
        seconds=end.at_s - start.at_s,
        cpu_s=end.cpu_s - start.cpu_s,
        load_share=(end.load_s - start.load_s) / (end.at_s - start.at_s),
        p50_ms=quantile(lags_s, 0.5) * 1e3,
        p99_ms=quantile(lags_s, 0.99) * 1e3,
        worst_ms=lags_s[-1] * 1e3,
        expected=expected,
        received=audience.received,
        disordered=audience.disordered,
        closed=audience.closed,
    )


async def _settled(audience: Audience, expected: int) -> None:
    deadline_s = time.monotonic() + STALL_S
    while audience.received < expected and time.monotonic() < deadline_s:
        await asyncio.sleep(POLL_S)
