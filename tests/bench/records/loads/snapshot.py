"""A long queue, and those who want all of it: how long until the picture is whole, and what it takes."""

from __future__ import annotations

import asyncio
import time

import msgspec

from bench import procfs
from bench.records.watching import Page, watch
from bench.suite.wire import Caller, caller

CREATORS = 4
CREATED_AT_ONCE = 200
TIMEOUT_S = 60.0
QUERY = {"kind": "container", "where": [["state", "=", "Queued"], ["priority", ">", 0]]}


class Job(msgspec.Struct, frozen=True):
    """One measurement."""

    url: str
    pid: int
    containers: int = 100_000
    watchers: int = 10


class Snapshot(msgspec.Struct, frozen=True):
    """One watcher's."""

    seconds: float
    cpu_s: float
    received: int


class Result(msgspec.Struct, frozen=True):
    """`alone`: one after the other; `together`: until the last of all has it."""

    created_s: float
    rss_before_bytes: int
    rss_created_bytes: int
    alone: list[Snapshot]
    together: Snapshot
    rss_watched_bytes: int

    def is_exact(self, job: Job) -> bool:
        snapshots = [(each.received, job.containers) for each in self.alone]
        return all(received == expected for received, expected in snapshots) and (
            self.together.received == job.containers * job.watchers
        )


async def run(job: Job) -> Result:
    rss_before_bytes, begun_s = procfs.rss_bytes(job.pid), time.perf_counter()
    await _create(job)
    created_s, rss_created_bytes = time.perf_counter() - begun_s, procfs.rss_bytes(job.pid)
    alone = [await _snapshot(job, 1) for _ in range(3)]
    together = await _snapshot(job, job.watchers, stays=True)
    return Result(created_s, rss_before_bytes, rss_created_bytes, alone, together, procfs.rss_bytes(job.pid))


async def _create(job: Job) -> None:
    creators = [await caller(job.url) for _ in range(CREATORS)]
    for first in range(0, job.containers, CREATED_AT_ONCE):
        numbers = range(first, min(first + CREATED_AT_ONCE, job.containers))
        await asyncio.gather(*[_create_one(creators[number % CREATORS], number) for number in numbers])


async def _create_one(creator: Caller, number: int) -> None:
    options = b'{"id":"q%06d","object":"bench","priority":%d}' % (number, 1 + number % 1000)
    await creator.result(b"fairlead.container.create", b'[["sleep","1"]],' + options)


async def _snapshot(job: Job, watchers: int, *, stays: bool = False) -> Snapshot:
    sessions = [await caller(job.url) for _ in range(watchers)]
    loop = asyncio.get_running_loop()
    whole: list[asyncio.Future[None]] = [loop.create_future() for _ in sessions]
    received = 0

    def told(done: asyncio.Future[None], page: Page) -> None:
        nonlocal received
        received += len(page.changes)
        if page.bookmark is not None and not done.done():
            done.set_result(None)

    cpu_s, begun_s = procfs.cpu_s(job.pid), time.perf_counter()
    for session, done in zip(sessions, whole, strict=True):
        watch(session, QUERY, lambda page, done=done: told(done, page))  # type: ignore[misc]
    await asyncio.wait_for(asyncio.gather(*whole), TIMEOUT_S)
    snapshot = Snapshot(time.perf_counter() - begun_s, procfs.cpu_s(job.pid) - cpu_s, received)
    if not stays:
        for session in sessions:
            session.transport.disconnect()
    return snapshot
