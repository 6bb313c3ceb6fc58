"""A program that embeds the router: members of a realm that publish to and call each other, without a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from fairlead_router import Call, Member, MemberEvent, Principal, Router

TOPIC, PROCEDURE = "bench.members", "bench.echo"
IN_FLIGHT = 16
TEXT = "x" * 100


class Job(msgspec.Struct, frozen=True):
    """So many units of each way."""

    units: int = 200_000


class Result(msgspec.Struct, frozen=True):
    """CPU of the whole program a unit, microseconds, by way."""

    cpu_us: dict[str, float]


async def run(job: Job) -> Result:
    ways: dict[str, Callable[[int], Awaitable[None]]] = {
        "an event, 1 to 1": lambda units: _publish(units, 1),
        "an event, 1 to 10": lambda units: _publish(units, 10),
        "an event, 1 to 1000": lambda units: _publish(units, 1000),
        "a call": _call,
    }
    return Result({name: await _cpu_us(way, job.units) for name, way in ways.items()})


async def _cpu_us(way: Callable[[int], Awaitable[None]], units: int) -> float:
    before_s = time.process_time()
    await way(units)
    return (time.process_time() - before_s) * 1e6 / units


async def _publish(units: int, subscribers: int) -> None:
    """The next publication when all have the last; returns when all are received."""
    async with Router() as router:
        realm = router.add_realm("realm1")
        publisher = realm.join(Principal("publisher", "user"))
        received, everybody = 0, asyncio.Event()

        def take(event: MemberEvent) -> None:
            nonlocal received
            received += 1
            if received % subscribers == 0:
                everybody.set()

        for number in range(subscribers):
            await realm.join(Principal(f"user-{number}", "user")).subscribe(TOPIC, take)
        for _ in range(units // subscribers):
            publisher.publish(TOPIC, [TEXT])
            await everybody.wait()
            everybody.clear()


async def _call(units: int) -> None:
    async with Router() as router:
        realm = router.add_realm("realm1")
        await realm.join(Principal("callee", "user")).register(PROCEDURE, _echo)
        caller = realm.join(Principal("caller", "user"))
        await asyncio.gather(*(_call_often(caller, units // IN_FLIGHT) for _ in range(IN_FLIGHT)))


async def _call_often(caller: Member, times: int) -> None:
    for _ in range(times):
        await caller.call(PROCEDURE, [TEXT])


def _echo(call: Call) -> dict[str, object]:
    return {"echo": call.payload.args}
