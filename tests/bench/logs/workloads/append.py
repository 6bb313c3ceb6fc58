"""Appending, on every system in turn, in interleaved rounds."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from bench.environment import Unavailable
from bench.logs.loads import append
from bench.logs.loads.append import Job, Result
from bench.logs.systems import SYSTEMS
from bench.logs.systems.base import System
from bench.suite.running import Run, load
from bench.suite.section import Section, found

ROUNDS, QUICK_ROUNDS = 3, 1
SECONDS, QUICK_SECONDS = 5.0, 1.0
WANTED_PER_S = 200_000
HEADER = (
    *("", "version", "acknowledged is durable", "lines/s", "ratio", "server CPU a line"),
    *("a batch acknowledged (p50, p99)", "stored"),
)
ABOUT = (
    "8 producers, each with a connection and four batches of 100 lines of 100 bytes in flight. Wanted of Fairlead "
    f"on SQLite: {WANTED_PER_S} lines/s, and more than JetStream where that is durable too. Medians of interleaved "
    "rounds, each on a new server; the ratio is to Fairlead on SQLite in the same round. A system that lost or "
    "repeated something has none. PostgreSQL's producers wait for each transaction, as a connection has one at a time."
)


def measure(run: Run) -> Section:
    """All of it."""
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    for system in SYSTEMS:
        try:
            versions[system.title] = system.prepare(run.environment)
        except Unavailable as reason:
            missing[system.title] = str(reason).partition("\n")[0]
    present = [system for system in SYSTEMS if system.title in versions]
    results: dict[str, list[Result]] = {system.title: [] for system in present}
    rounds = QUICK_ROUNDS if run.is_quick else ROUNDS
    for number in range(rounds):
        for system in present if number % 2 == 0 else reversed(present):
            run.say(f"append, round {number + 1} of {rounds}: {system.title}")
            results[system.title].append(_measured(system, run.is_quick))
    reference = [result.measured.per_s for result in results[present[0].title]]
    rows = [_row(system, versions[system.title], results[system.title], reference) for system in present]
    return Section(
        title="Appending",
        about=ABOUT,
        header=HEADER,
        rows=[*rows, *([title, why, *[""] * (len(HEADER) - 2)] for title, why in missing.items())],
        measured=results,
        is_exact=all(result.is_exact for result in results[present[0].title]),
    )


def _measured(system: System, is_quick: bool) -> Result:
    with system.running() as server:
        measured_s = QUICK_SECONDS if is_quick else SECONDS
        job = Job(system.client, server.url, server.pid, server.database_pid, measured_s=measured_s)
        return load(append, job, Result)


def _row(system: System, version: str, results: list[Result], reference: Iterable[float]) -> list[str]:
    measured = [result.measured for result in results]
    last = results[-1]
    p50_ms, p99_ms = median(each.p50_us for each in measured) / 1e3, median(each.p99_us for each in measured) / 1e3
    ratio = median(each.per_s / theirs for each, theirs in zip(measured, reference, strict=True))
    is_exact = all(result.is_exact for result in results)
    return [
        system.title,
        version,
        "yes" if system.is_durable else "no",
        f"{median(each.per_s for each in measured):.0f}",
        f"{ratio:.3f}" if is_exact else "",
        f"{median(each.cpu_us for each in measured):.2f} us",
        f"{p50_ms:.1f}, {p99_ms:.1f} ms",
        found(last.stored, last.disordered, last.measured.expected),
    ]
