"""Ten thousand streams that are written at once, a line a second each, and a part of them followed."""

from __future__ import annotations

import asyncio
import itertools
import time

import msgspec

from bench import procfs
from bench.load.tally import quantile
from bench.logs.lines import Lines
from bench.logs.viewers import span
from bench.suite.pace import at_pace
from bench.suite.wire import Caller, caller

SESSIONS = 100
CREATED_AT_ONCE = 50
INTERVAL_S = 0.01
STALL_S = 10.0
POLL_S = 0.05


class Job(msgspec.Struct, frozen=True):
    """One measurement."""

    url: str
    pid: int
    streams: int = 10_000
    followed: int = 1_000
    warmup_s: float = 3.0
    measured_s: float = 20.0


class Result(msgspec.Struct, frozen=True):
    """`appended` to `delivered_ms` are of the measured part; times are (p50, p99)."""

    appended: int
    seconds: float
    cpu_s: float
    load_share: float
    acknowledged_ms: tuple[float, float]
    delivered_ms: tuple[float, float]
    rss_before_bytes: int
    rss_open_bytes: int
    """With all streams open and followers there, before the first line."""
    rss_bytes: int
    """After the last one."""
    expected: int
    acknowledged: int
    expected_followed: int
    received: int
    disordered: int

    @property
    def is_exact(self) -> bool:
        return (self.acknowledged, self.received, self.disordered) == (self.expected, self.expected_followed, 0)


class Streams:
    """The streams, their writers and followers."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._lines = Lines(0, 1)
        self._sent_s: list[list[float]] = [[] for _ in range(job.streams)]
        self._positions = [0] * job.followed
        self.acknowledged_s: list[float] = []
        self.delivered_s: list[float] = []
        self.appended = self.acknowledged = self.received = self.disordered = 0

    async def open(self) -> None:
        """Make all streams, then follow some."""
        self._writers = [await caller(self._job.url) for _ in range(SESSIONS)]
        for first in range(0, self._job.streams, CREATED_AT_ONCE):
            await asyncio.gather(*[self._create(stream) for stream in range(first, first + CREATED_AT_ONCE)])
        readers = [await caller(self._job.url) for _ in range(SESSIONS)]
        for stream in range(self._job.followed):
            self._follow(readers[stream % SESSIONS], stream)

    async def _create(self, stream: int) -> None:
        arguments = b'["s%05d"],{"producer":"p"}' % stream
        await self._writers[stream % SESSIONS].result(b"fairlead.log.create", arguments)

    def _follow(self, reader: Caller, stream: int) -> None:
        def progress(message: bytes) -> None:
            first, following = span(message)
            self.disordered += first != self._positions[stream]
            self._positions[stream] = following
            self.received += following - first
            self.delivered_s.append(time.perf_counter() - self._sent_s[stream][first])

        reader.call(b"fairlead.log.follow", b'["s%05d"]' % stream, progress, b'{"receive_progress":true}')

    def append(self, stream: int) -> None:
        """The stream's next line."""
        number, sent_s = len(self._sent_s[stream]), time.perf_counter()
        self._sent_s[stream].append(sent_s)
        self.appended += 1
        arguments = b'["s%05d",%b],{"producer":"p","seq":%d}' % (stream, self._lines.json(number), number)
        writer = self._writers[stream % SESSIONS]
        writer.call(b"fairlead.log.append", arguments, lambda _: self._acknowledged(sent_s))

    def _acknowledged(self, sent_s: float) -> None:
        self.acknowledged += 1
        self.acknowledged_s.append(time.perf_counter() - sent_s)

    @property
    def expected_followed(self) -> int:
        return sum(map(len, self._sent_s[: self._job.followed]))


async def run(job: Job) -> Result:
    streams = Streams(job)
    rss_before_bytes = procfs.rss_bytes(job.pid)
    await streams.open()
    rss_open_bytes = procfs.rss_bytes(job.pid)
    following = itertools.cycle(range(job.streams))
    each_time = round(job.streams * INTERVAL_S)

    def tick() -> None:
        for stream in itertools.islice(following, each_time):
            streams.append(stream)

    await at_pace(INTERVAL_S, job.warmup_s, tick)
    streams.acknowledged_s.clear()
    streams.delivered_s.clear()
    begun_s, appended, cpu_s, load_s = (
        time.perf_counter(),
        streams.appended,
        procfs.cpu_s(job.pid),
        time.process_time(),
    )
    await at_pace(INTERVAL_S, job.measured_s, tick)
    seconds = time.perf_counter() - begun_s
    cpu_s, load_s = procfs.cpu_s(job.pid) - cpu_s, time.process_time() - load_s
    appended = streams.appended - appended
    await _settled(streams)
    return Result(
        appended=appended,
        seconds=seconds,
        cpu_s=cpu_s,
        load_share=load_s / seconds,
        acknowledged_ms=_quantiles_ms(streams.acknowledged_s),
        delivered_ms=_quantiles_ms(streams.delivered_s),
        rss_before_bytes=rss_before_bytes,
        rss_open_bytes=rss_open_bytes,
        rss_bytes=procfs.rss_bytes(job.pid),
        expected=streams.appended,
        acknowledged=streams.acknowledged,
        expected_followed=streams.expected_followed,
        received=streams.received,
        disordered=streams.disordered,
    )


def _quantiles_ms(times_s: list[float]) -> tuple[float, float]:
    times_s.sort()
    return quantile(times_s, 0.5) * 1e3, quantile(times_s, 0.99) * 1e3


async def _settled(streams: Streams) -> None:
    deadline_s = time.monotonic() + STALL_S
    while time.monotonic() < deadline_s and (
        streams.acknowledged < streams.appended or streams.received < streams.expected_followed
    ):
        await asyncio.sleep(POLL_S)
