"""Ten thousand who look at one thing each, and changes of these: as a watch, as a record's topic, as a plain event."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable

import msgspec

from bench import procfs
from bench.load.dialects.wamp import SUBSCRIBED, TEXT, Session, join
from bench.records.times import Times
from bench.records.watching import PROGRESS, WATCH, page_of
from bench.suite.pace import at_pace
from bench.suite.wire import Caller, caller

INTERVAL_S = 0.01
STALL_S = 15.0
POLL_S = 0.05
PUT_AT_ONCE = 500
PADDING = "x" * 150


class Job(msgspec.Struct, frozen=True):
    """One measurement."""

    url: str
    pid: int
    way: str
    """watch, topic or event."""
    watchers: int = 10_000
    sessions: int = 200
    changes_per_s: int = 5_000
    warmup_s: float = 2.0
    measured_s: float = 8.0


class Result(msgspec.Struct, frozen=True):
    """`delivered` to `lags` are of the measured part."""

    delivered: int
    seconds: float
    cpu_s: float
    load_share: float
    lags: Times
    expected: int
    received: int
    disordered: int
    rss_bytes: int

    @property
    def cpu_us(self) -> float:
        return self.cpu_s * 1e6 / self.delivered

    @property
    def is_exact(self) -> bool:
        return self.received == self.expected and not self.disordered


class Audience:
    """All who watch: what number each has seen last."""

    def __init__(self, watchers: int) -> None:
        self.seen = [0] * watchers
        self.sent_s: dict[tuple[int, int], float] = {}
        self.lags_s: list[float] = []
        self.received = self.disordered = 0

    def told(self, watcher: int, number: int) -> None:
        """A change has arrived."""
        self.disordered += number <= self.seen[watcher]
        self.seen[watcher] = number
        self.received += 1
        sent_s = self.sent_s.pop((watcher, number), None)
        if sent_s is not None:
            self.lags_s.append(time.perf_counter() - sent_s)


class Subscriber(Session):
    """A session that only listens."""

    def __init__(self, told: Callable[[int, int], None]) -> None:
        super().__init__()
        self._told = told
        self._watchers: dict[int, int] = {}

    async def subscribe(self, topic: bytes, watcher: int) -> None:
        reply = await self.request(b'[32,%d,{},"%b"]' % (watcher + 1, topic), SUBSCRIBED)
        self._watchers[reply[2]] = watcher

    def received(self, message: bytes) -> None:
        _, subscription, _, _, args, *_ = msgspec.json.decode(message)
        self._told(self._watchers[subscription], args[0]["state"]["number"])


def state(number: int) -> bytes:
    """Of a change: 200 bytes."""
    return b'{"number":%d,"state":"Running","padding":"%b"}' % (number, PADDING.encode())


async def run(job: Job) -> Result:
    audience = Audience(job.watchers)
    writer = await caller(job.url)
    if job.way != "event":
        await _put_all(writer, job.watchers)
    await _listen(job, audience)
    await _first_pages(audience, job)
    audience.received = audience.disordered = 0
    send = _publish(writer) if job.way == "event" else _put(writer)
    numbers, watchers = itertools.count(1), itertools.cycle(range(job.watchers))
    each_time = round(job.changes_per_s * INTERVAL_S)
    sent = 0

    def tick() -> None:
        nonlocal sent
        changes = list(zip(itertools.islice(watchers, each_time), itertools.islice(numbers, each_time), strict=True))
        now_s = time.perf_counter()
        audience.sent_s.update(dict.fromkeys(changes, now_s))
        sent += len(changes)
        send(changes)

    await at_pace(INTERVAL_S, job.warmup_s, tick)
    audience.lags_s.clear()
    begun_s, received, cpu_s, load_s = (
        time.perf_counter(),
        audience.received,
        procfs.cpu_s(job.pid),
        time.process_time(),
    )
    await at_pace(INTERVAL_S, job.measured_s, tick)
    seconds = time.perf_counter() - begun_s
    delivered, cpu_s = audience.received - received, procfs.cpu_s(job.pid) - cpu_s
    load_s = time.process_time() - load_s
    deadline_s = time.monotonic() + STALL_S
    while audience.received < sent and time.monotonic() < deadline_s and not writer.failure.done():
        await asyncio.sleep(POLL_S)
    return Result(
        delivered=delivered,
        seconds=seconds,
        cpu_s=cpu_s,
        load_share=load_s / seconds,
        lags=Times.of(audience.lags_s),
        expected=sent,
        received=audience.received,
        disordered=audience.disordered,
        rss_bytes=procfs.rss_bytes(job.pid),
    )


Changes = list[tuple[int, int]]
"""Of which watcher's record, and the number that it gets."""


def _put(writer: Caller) -> Callable[[Changes], None]:
    def send(changes: Changes) -> None:
        puts = (b'{"op":"put","id":"r%d","state":%b}' % (watcher, state(number)) for watcher, number in changes)
        writer.call(b"fairlead.record.batch", b"[[%b]],{}" % b",".join(puts), lambda _: None)

    return send


def _publish(writer: Caller) -> Callable[[Changes], None]:
    requests = itertools.count(1_000_000)

    def send(changes: Changes) -> None:
        for watcher, number in changes:
            event = b'{"id":"r%d","version":%d,"state":%b}' % (watcher, number, state(number))
            writer.transport.send(TEXT, b'[16,%d,{},"bench.r%d",[%b]]' % (next(requests), watcher, event))

    return send


async def _put_all(writer: Caller, number: int) -> None:
    for first in range(0, number, PUT_AT_ONCE):
        puts = (
            b'{"op":"put","id":"r%d","kind":"bench","object":"bench","state":%b}' % (each, state(0))
            for each in range(first, min(number, first + PUT_AT_ONCE))
        )
        await writer.result(b"fairlead.record.batch", b"[[%b]],{}" % b",".join(puts))


async def _listen(job: Job, audience: Audience) -> None:
    for first in range(0, job.watchers, job.watchers // job.sessions):
        mine = range(first, first + job.watchers // job.sessions)
        if job.way == "watch":
            session = await caller(job.url)
            for watcher in mine:
                _watch(session, watcher, audience)
            continue
        subscriber = await join(job.url, Subscriber(audience.told))
        topic = b"fairlead.record.r%d" if job.way == "topic" else b"bench.r%d"
        for watcher in mine:
            await subscriber.subscribe(topic % watcher, watcher)


def _watch(session: Caller, watcher: int, audience: Audience) -> None:
    def progress(message: bytes) -> None:
        for told in page_of(message).changes:
            audience.told(watcher, told.state.number)

    session.call(WATCH, b'[],{"id":"r%d"}' % watcher, progress, PROGRESS)


async def _first_pages(audience: Audience, job: Job) -> None:
    """What a watch begins with is no change."""
    wanted = job.watchers if job.way == "watch" else 0
    deadline_s = time.monotonic() + STALL_S
    while audience.received < wanted and time.monotonic() < deadline_s:
        await asyncio.sleep(POLL_S)
