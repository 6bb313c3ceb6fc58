"""Producers that keep four batches each in flight, and what was stored when they are done.

A batch is in flight until it is acknowledged: durable, where the system makes it so. Each acknowledgement sends the
next, so that the system always has work and never more than it can have at once.
"""

from __future__ import annotations

import asyncio
import time

import msgspec
from msgspec.structs import replace

from bench import procfs
from bench.load.tally import Mark, Memory, Tally, measurement
from bench.logs.clients import CLIENTS
from bench.logs.clients.base import Client
from bench.logs.lines import BATCH_LINES
from bench.results import Measurement

IN_FLIGHT = 4
STALL_S = 20.0
POLL_S = 0.02


class Job(msgspec.Struct, frozen=True):
    """One measurement."""

    client: str
    url: str
    pid: int
    database_pid: int | None = None
    producers: int = 8
    warmup_s: float = 1.0
    measured_s: float = 5.0


class Result(msgspec.Struct, frozen=True):
    """Units are lines; `stored` and `disordered` are of what the system gave back afterwards."""

    measured: Measurement
    stored: int
    disordered: int

    @property
    def is_exact(self) -> bool:
        return self.measured.is_complete and self.stored == self.measured.expected and not self.disordered


class Producer:
    """See the module."""

    def __init__(self, client: Client, number: int, tally: Tally) -> None:
        self._client = client
        self._number = number
        self._tally = tally
        self._batch = 0

    async def start(self) -> None:
        await self._client.connect(self._number)
        for _ in range(IN_FLIGHT):
            self._send()

    def _send(self) -> None:
        batch, sent_s = self._batch, time.perf_counter()
        self._batch += 1
        tally, left = self._tally, BATCH_LINES
        tally.expected += BATCH_LINES

        def acknowledged(lines: int) -> None:
            nonlocal left
            tally.received += lines
            left -= lines
            if not left:
                tally.latencies_s.append(time.perf_counter() - sent_s)
                if tally.is_sending:
                    self._send()

        self._client.send(self._number, batch, acknowledged)


async def run(job: Job) -> Result:
    tally = Tally()
    client = CLIENTS[job.client](job.url)
    await client.prepare()
    for number in range(job.producers):
        await Producer(client, number, tally).start()
    await asyncio.sleep(job.warmup_s)
    tally.latencies_s.clear()
    start = _mark(tally, job)
    await asyncio.sleep(job.measured_s)
    end = _mark(tally, job)
    latencies_s, tally.latencies_s = tally.latencies_s, []
    memory = Memory(procfs.rss_bytes(job.pid))
    tally.is_sending = False
    await settled(tally)
    check = await client.stored()
    measured = measurement(tally, start, end, latencies_s, memory)
    return Result(measured, check.lines, check.disordered)


def _mark(tally: Tally, job: Job) -> Mark:
    mark = Mark.now(tally, job.pid)
    if job.database_pid is None:
        return mark
    return replace(mark, router_cpu_s=mark.router_cpu_s + procfs.cpu_s(job.database_pid))


async def settled(tally: Tally) -> None:
    """Waits until everything in flight is acknowledged, or until it takes too long."""
    deadline_s = time.monotonic() + STALL_S
    while tally.settled < tally.expected and time.monotonic() < deadline_s:
        await asyncio.sleep(POLL_S)
