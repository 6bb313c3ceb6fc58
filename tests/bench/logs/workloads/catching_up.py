"""Reading what is there: the last ten thousand lines, and everything."""

from __future__ import annotations

from statistics import median

from msgspec.structs import replace

from bench.logs.loads import catching_up
from bench.logs.loads.catching_up import Job, Result
from bench.logs.systems.fairlead import Fairlead
from bench.suite.running import Run, load
from bench.suite.section import EXACT, Section

WHOLE = Job("", 0)
QUICK = Job("", 0, lines=200_000, tails=5)
TAIL_MS = 30
PER_S = 1_000_000
ABOUT = (
    f"A finished log of 100-byte lines, read by a light client that looks at the numbers of each batch. Wanted: the "
    f"last 10 000 lines within {TAIL_MS} ms, from connecting to the last of them, and more than {PER_S} lines/s of "
    "server CPU for who reads everything. `read` asks for one page after the other."
)


def measure(run: Run) -> Section:
    """One measurement."""
    run.say("catching up")
    with Fairlead().running() as server:
        job = replace(QUICK if run.is_quick else WHOLE, url=server.url, pid=server.pid)
        result = load(catching_up, job, Result)
    return Section(
        title="Catching up",
        about=ABOUT,
        header=(
            "",
            f"last {job.tail} lines (p50, worst)",
            "everything",
            "lines/s",
            "lines/s of server CPU",
            "received",
        ),
        rows=[_row(way, result) for way in result.all],
        measured=result,
        is_exact=_is_exact(result),
    )


def _row(way: str, result: Result) -> list[str]:
    reading, tails_ms = result.all[way], result.tail_ms[way]
    return [
        f"`{way}`",
        f"{median(tails_ms):.1f}, {max(tails_ms):.1f} ms",
        f"{reading.lines} lines",
        f"{reading.lines / reading.seconds:.0f}",
        f"{reading.lines / max(reading.cpu_s, 0.01):.0f}",
        EXACT if _is_exact(result) else "**out of order**",
    ]


def _is_exact(result: Result) -> bool:
    return not (result.disordered or any(reading.disordered for reading in result.all.values()))
