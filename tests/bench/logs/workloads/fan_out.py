"""One log with a thousand viewers."""

from __future__ import annotations

from bench.logs.loads import fan_out
from bench.logs.loads.fan_out import Job, Result
from bench.logs.systems.fairlead import Fairlead
from bench.suite.running import Run, load
from bench.suite.section import Section, found

ROUNDS, QUICK_ROUNDS = 3, 1
SECONDS, QUICK_SECONDS = 10.0, 3.0
WAYS = ("topic", "follow")
P99_MS = 100
CPU_US = 0.25
HEADER = (
    "",
    "delivered lines/s",
    "append to last viewer (p50, p99)",
    "server CPU a delivered line",
    "load",
    "received",
)
ABOUT = (
    "1000 viewers of one log, over WebSocket, and one producer that appends 2000 lines/s of 100 bytes, 20 at a time: "
    f"2 million delivered lines/s. Wanted: p99 at most {P99_MS} ms from sending an append to the last viewer that has "
    f"it, and at most {CPU_US} us of server CPU. *load* is the part of a core that producer and viewers used. Each row "
    "is one round on a new server."
)


def measure(run: Run) -> Section:
    """Both ways to view, in interleaved rounds."""
    rounds = QUICK_ROUNDS if run.is_quick else ROUNDS
    results: dict[str, list[Result]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS:
            run.say(f"fan-out, round {number + 1} of {rounds}: {way}")
            results[way].append(_measured(way, QUICK_SECONDS if run.is_quick else SECONDS))
    return Section(
        title="A thousand viewers",
        about=ABOUT,
        header=HEADER,
        rows=[_row(way, result) for way in WAYS for result in results[way]],
        measured=results,
        is_exact=all(result.is_exact for way in WAYS for result in results[way]),
    )


def _measured(way: str, seconds: float) -> Result:
    with Fairlead().running() as server:
        return load(fan_out, Job(server.url, server.pid, way, measured_s=seconds), Result)


def _row(way: str, result: Result) -> list[str]:
    return [
        "the topic" if way == "topic" else "`follow`",
        f"{result.delivered / result.seconds:.0f}",
        f"{result.p50_ms:.0f}, {result.p99_ms:.0f} ms",
        f"{result.cpu_s * 1e6 / result.delivered:.2f} us",
        f"{result.load_share:.2f}",
        found(result.received, result.disordered, result.expected),
    ]
