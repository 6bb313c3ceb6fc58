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
    "Real processes, run by `fairlead dispatch`, are cancelled one after the other while the queue above goes on "
    "beside them, and write down when SIGTERM reaches them. *seen* is that minus when the call was sent. Wanted: "
    f"within {WANTED_MS} ms."
)


class Found(msgspec.Struct, frozen=True):
    """What was measured."""

    cancelled: int
    killed: int
    seen: Times


def measure(run: Run) -> Section:
    """One measurement."""
    run.say("processes")
    count = QUICK_PROCESSES if run.is_quick else PROCESSES
    with Fairlead().running() as server, tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
        directory = Path(name)
        dispatcher = _dispatcher(server.url, count, directory)
        try:
            job = queue.Job(server.url, server.pid, measured_s=count * BETWEEN_S + 2)
            found = asyncio.run(_cancel_all(server.url, count, directory, job))
        finally:
            end(dispatcher)
    return Section(
        title="Cancelling real processes",
        about=ABOUT,
        header=("", "measured"),
        rows=[
            ["cancelled, killed", f"{found.cancelled}, {found.killed}"],
            ["cancel to SIGTERM seen (p50, p99)", str(found.seen)],
        ],
        measured=found,
        is_exact=found.cancelled == found.killed,
    )


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
