"""A program with `fairlead_client`, over WebSocket: what it spends itself, and its server for it.

The other side (who publishes what it receives, who answers its calls) is the light client of the load generator, in
the same process: some 2 us a unit of what is told are that one's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from bench import procfs
from bench.load.calls import Caller
from bench.load.dialects.notations import JSON
from bench.load.dialects.wamp import Wamp
from bench.load.tally import Tally
from fairlead_client.asyncio import Connection, LogWriter, Peer, follow

TOPIC, PROCEDURE, OWN_PROCEDURE, STREAM = "bench.clients", "bench.echo", "bench.own-echo", "bench-clients"
IN_FLIGHT = 16
PAYLOAD_BYTES = 100
TEXT = "x" * PAYLOAD_BYTES
WAIT_S = 60.0


class Job(msgspec.Struct, frozen=True):
    """So many messages of each way, and ten times as many lines."""

    url: str
    pid: int
    units: int = 20_000


class Way(msgspec.Struct, frozen=True):
    """What one way came to."""

    client_us: float
    """CPU a unit."""
    server_us: float
    per_s: float


class Result(msgspec.Struct, frozen=True):
    ways: dict[str, Way]


async def run(job: Job) -> Result:
    work = Work(job)
    ways: dict[str, tuple[Callable[[int], Awaitable[None]], int]] = {
        "`Peer`: an event received": (work.receive, job.units),
        "`Peer`: a publication, acknowledged": (work.publish, job.units),
        "`Peer`: a call made": (work.call, job.units),
        "`Peer`: a call answered": (work.answer, job.units),
        "`LogWriter`: a line written": (work.write_log, 10 * job.units),
        "`follow`: a line read": (work.read_log, 10 * job.units),
    }
    return Result({name: await _measured(job.pid, way, units) for name, (way, units) in ways.items()})


async def _measured(pid: int, way: Callable[[int], Awaitable[None]], units: int) -> Way:
    server_s, own_s, begun_s = procfs.cpu_s(pid), time.process_time(), time.perf_counter()
    await asyncio.wait_for(way(units), WAIT_S)
    taken_s = time.perf_counter() - begun_s
    client_us, server_us = (
        (after - before) * 1e6 / units
        for after, before in ((time.process_time(), own_s), (procfs.cpu_s(pid), server_s))
    )
    return Way(client_us, server_us, units / taken_s)


class Work:
    """The ways, each a number of units to its end."""

    def __init__(self, job: Job) -> None:
        self._url = job.url
        self._light = Wamp(JSON, job.url, PAYLOAD_BYTES)

    async def receive(self, units: int) -> None:
        done, received = asyncio.Event(), 0
        publish = await self._light.publisher(TOPIC, lambda: None)

        def take(_event: object) -> None:
            nonlocal received
            received += 1
            if received == units:
                done.set()
            elif received <= units - IN_FLIGHT:
                publish()

        async with Peer(self._url) as peer:
            await peer.subscribe(TOPIC, take, fill=False)
            for _ in range(IN_FLIGHT):
                publish()
            await done.wait()

    async def publish(self, units: int) -> None:
        async with Peer(self._url) as peer:
            await _side_by_side(units, lambda: peer.publish(TOPIC, [TEXT], wait_s=WAIT_S))

    async def call(self, units: int) -> None:
        await self._light.callee(PROCEDURE, lambda: None)
        async with Peer(self._url) as peer:
            await _side_by_side(units, lambda: peer.call(PROCEDURE, [TEXT], wait_s=WAIT_S))

    async def answer(self, units: int) -> None:
        tally = Tally()
        async with Peer(self._url) as peer:
            await peer.register(OWN_PROCEDURE, lambda text: text)
            caller = Caller(tally, IN_FLIGHT)
            await caller.connect(self._light, OWN_PROCEDURE)
            caller.start()
            while tally.settled < units:
                await asyncio.sleep(0.01)
            tally.is_sending = False

    async def write_log(self, units: int) -> None:
        async with Connection(self._url) as connection:
            writer = LogWriter(connection, STREAM)
            for _ in range(units):
                while not writer.has_room:
                    await asyncio.sleep(0)
                writer.write("stdout", TEXT)
            writer.seal(0)
            await writer.close()

    async def read_log(self, units: int) -> None:
        lines = 0
        async with Connection(self._url) as connection:
            async for item in follow(connection, STREAM):
                lines += type(item).__name__ == "Record"
        if lines != units:
            raise AssertionError(f"{lines} of {units} lines")


async def _side_by_side(units: int, do: Callable[[], Awaitable[object]]) -> None:
    """So many at once, each followed by another."""

    async def repeat() -> None:
        for _ in range(units // IN_FLIGHT):
            await do()

    await asyncio.gather(*(repeat() for _ in range(IN_FLIGHT)))
