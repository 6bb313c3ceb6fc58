"""From `fairlead.container.cancel` to the signal in a real process, beside a queue at full rate."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from bench.logs.systems.fairlead import Fairlead
from bench.peers.fairlead import PROGRAM
from bench.processes import MeasuringFailed, end, start
from bench.records.loads import queue
from bench.records.times import Times
from bench.suite.running import Load, Run
from bench.suite.section import Section
from bench.suite.wire import caller

PROCESSES, QUICK_PROCESSES = 40, 5
CREATED_PER_S = (100, 1_000)
BETWEEN_S = 0.25
RUNNING_TIMEOUT_S = 60.0
POLL_S = 0.05
WANTED_MS = 100
VICTIM = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path(sys.argv[1]).write_text(str(time.monotonic())), sys.exit(143)))
pathlib.Path(sys.argv[1] + ".up").touch()
time.sleep(600)
"""
ABOUT = (
    "Real processes, run by `fairlead dispatch`, are cancelled one after the other while a queue as above goes on "
    "beside them, and write down when SIGTERM reaches them. *Seen* is that minus when the call was sent. Slots that "
    "become free take from that queue and start its commands, as many as there is a processor for: with 1000/s two "
    f"cores are full of that. Wanted: within {WANTED_MS} ms."
)


class Found(msgspec.Struct, frozen=True):
    """What was measured."""

    cancelled: int
    killed: int
    seen: Times


def measure(run: Run) -> Section:
    """One measurement for each rate."""
    count = QUICK_PROCESSES if run.is_quick else PROCESSES
    found: dict[int, Found] = {}
    for created_per_s in CREATED_PER_S:
        run.say(f"processes, beside {created_per_s} containers/s")
        found[created_per_s] = _measure(count, created_per_s)
    return Section(
        title="Cancelling real processes",
        about=ABOUT,
        header=("containers/s beside", "cancelled, killed", "cancel to SIGTERM seen (p50, p99)"),
        rows=[[str(rate), f"{one.cancelled}, {one.killed}", str(one.seen)] for rate, one in found.items()],
        measured=found,
        is_exact=all(one.cancelled == one.killed for one in found.values()),
    )


def _measure(count: int, created_per_s: int) -> Found:
    with Fairlead().running() as server, tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
        directory = Path(name)
        dispatcher = _dispatcher(server.url, count, directory)
        try:
            measured_s = count * BETWEEN_S + 2
            job = queue.Job(server.url, server.pid, created_per_s=created_per_s, measured_s=measured_s)
            return asyncio.run(_cancel_all(server.url, count, directory, job))
        finally:
            end(dispatcher)


def _dispatcher(url: str, slots: int, directory: Path) -> Any:
    command = [str(PROGRAM), "dispatch", "--slots", str(slots), "--name", "bench", "--url", url]
    with (directory / "dispatch.txt").open("wb") as output:
        return start(command, directory, output.fileno())


async def _cancel_all(url: str, count: int, directory: Path, job: queue.Job) -> Found:
    session = await caller(url)
    names = [f"victim-{number}" for number in range(count)]
    for name in names:
        arguments = [[sys.executable, "-S", "-c", VICTIM, str(directory / name)]], {"id": name}
        await session.result(b"fairlead.container.create", msgspec.json.encode(arguments)[1:-1])
    await _all_run(directory, names)
    sent_s: dict[str, float] = {}
    with Load(queue, job) as beside:
        await asyncio.sleep(job.warmup_s)
        for name in names:
            sent_s[name] = time.monotonic()
            await session.result(b"fairlead.container.cancel", msgspec.json.encode([name]) + b",{}")
            await asyncio.sleep(BETWEEN_S)
        await asyncio.to_thread(beside.result, queue.Result)
    killed = {name: float((directory / name).read_text()) for name in names if (directory / name).exists()}
    return Found(len(names), len(killed), Times.of(killed[name] - sent_s[name] for name in killed))


async def _all_run(directory: Path, names: list[str]) -> None:
    deadline_s = time.monotonic() + RUNNING_TIMEOUT_S
    while not all((directory / f"{name}.up").exists() for name in names):
        if time.monotonic() > deadline_s:
            raise MeasuringFailed((directory / "dispatch.txt").read_text(encoding="utf-8", errors="replace")[-1500:])
        await asyncio.sleep(POLL_S)
