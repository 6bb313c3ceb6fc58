"""A reader of what is there already: the last ten thousand lines, and everything from the beginning."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from bench import procfs
from bench.logs.lines import BATCH_LINES, Lines
from bench.logs.viewers import span
from bench.suite.wire import Caller, caller

STREAM = b"finished"
IN_FLIGHT = 32
LIMIT = 10_000


class Job(msgspec.Struct, frozen=True):
    """One measurement."""

    url: str
    pid: int
    lines: int = 2_000_000
    tail: int = 10_000
    tails: int = 30


class Reading(msgspec.Struct, frozen=True):
    """One reading of everything."""

    lines: int
    seconds: float
    cpu_s: float
    load_s: float
    disordered: int


class Result(msgspec.Struct, frozen=True):
    """How long the last lines took, each time, and readings of everything; by the way of reading."""

    tail_ms: dict[str, list[float]]
    all: dict[str, Reading]
    disordered: int


class Position:
    """What a reader has: every batch must begin where the one before ended."""

    def __init__(self, begin: int) -> None:
        self.next = begin
        self.disordered = 0

    def take(self, message: bytes) -> None:
        first, following = span(message)
        self.disordered += first != self.next
        self.next = following


Read = Callable[[Caller, Position, int, int], Awaitable[None]]


async def run(job: Job) -> Result:
    writer = await caller(job.url)
    epoch = (await writer.result(b"fairlead.log.create", b'["%b"]' % STREAM))["epoch"]
    await _fill(writer, job.lines // BATCH_LINES)
    tail_ms: dict[str, list[float]] = {way: [] for way in WAYS}
    everything: dict[str, Reading] = {}
    disordered = 0
    for way, read in WAYS.items():
        for _ in range(job.tails):
            position = Position(job.lines - job.tail)
            begun_s = time.perf_counter()
            await _in_session(job, read, position, epoch)
            tail_ms[way].append((time.perf_counter() - begun_s) * 1e3)
            disordered += position.disordered
        position = Position(0)
        begun_s, cpu_s, load_s = time.perf_counter(), procfs.cpu_s(job.pid), time.process_time()
        await _in_session(job, read, position, epoch)
        everything[way] = Reading(
            position.next,
            time.perf_counter() - begun_s,
            procfs.cpu_s(job.pid) - cpu_s,
            time.process_time() - load_s,
            position.disordered,
        )
    return Result(tail_ms, everything, disordered)


async def _in_session(job: Job, read: Read, position: Position, epoch: int) -> None:
    reader = await caller(job.url)
    await read(reader, position, epoch, job.lines)
    reader.transport.disconnect()


async def _follow(reader: Caller, position: Position, epoch: int, end: int) -> None:
    """`follow`, until all is there."""
    done = asyncio.get_running_loop().create_future()

    def progress(message: bytes) -> None:
        position.take(message)
        if position.next >= end and not done.done():
            done.set_result(None)

    arguments = b'["%b"],{"start":%d,"epoch":%d}' % (STREAM, position.next, epoch)
    reader.call(b"fairlead.log.follow", arguments, progress, b'{"receive_progress":true}')
    await done


async def _read(reader: Caller, position: Position, epoch: int, end: int) -> None:
    """`read`, a page after the other."""
    while position.next < end:
        page: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        arguments = b'["%b"],{"start":%d,"epoch":%d,"limit":%d}' % (STREAM, position.next, epoch, LIMIT)
        reader.call(b"fairlead.log.read", arguments, page.set_result)
        position.take(await page)


WAYS: dict[str, Read] = {"follow": _follow, "read": _read}


async def _fill(writer: Caller, batches: int) -> None:
    """Append as fast as it goes."""
    lines, room = Lines(0), asyncio.Semaphore(IN_FLIGHT)
    for batch in range(batches):
        await room.acquire()
        arguments = b'["%b",%b],{"producer":"p","seq":%d}' % (STREAM, lines.json(batch), batch * BATCH_LINES)
        writer.call(b"fairlead.log.append", arguments, lambda _: room.release())
    for _ in range(IN_FLIGHT):
        await room.acquire()
