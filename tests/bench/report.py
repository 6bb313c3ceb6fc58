"""The report of a run: results.json with everything, results.md with what a reader wants to see first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from bench import plots
from bench.machine import Machine
from bench.results import Outcome
from bench.startup_times import StartUp
from bench.summary import Ratio, Summary
from bench.targets import RIVAL, targets
from bench.workloads import WORKLOADS

FIGURE = "results.svg"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run found out; the content of results.json."""

    machine: Machine
    versions: dict[str, str]
    """Of the peers that were measured."""
    unavailable: dict[str, str]
    """Peers that could not be had, and why."""
    reference: str
    rounds: int
    measured_s: float
    summaries: Sequence[Summary]
    outcomes: Sequence[Outcome]
    start_up: StartUp | None = None


def write(report: Report, directory: Path) -> None:
    """Writes both files; each replaces the one before as a whole."""
    directory.mkdir(parents=True, exist_ok=True)
    document = msgspec.json.format(msgspec.json.encode(report), indent=1).decode()
    for name, text in (("results.json", document + "\n"), ("results.md", markdown(report))):
        partial = directory / f".{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(directory / name)
    plots.costs(directory / FIGURE, report.summaries)


def markdown(report: Report) -> str:
    """The page."""
    sections = [
        *_introduction(report),
        *_targets(report),
        *_tables(report),
        *_start_up(report.start_up),
        *_footnotes(report),
    ]
    return "\n\n".join(sections) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, numbers to the right.

    >>> print(table(["peer", "us"], [["a", "1"]]))
    | peer | us |
    |---|---:|
    | a | 1 |
    """
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(
        "| " + " | ".join(line) + " |" if line[0] != "---" else "|" + "|".join(line) + "|" for line in lines
    )


def _introduction(report: Report) -> Iterator[str]:
    machine = report.machine
    yield "# Benchmark results"
    yield (
        "Written by `make bench`; how it is measured is told in [tests/bench](../../tests/bench/README.md), and every"
        " single measurement is in [results.json](results.json)."
    )
    yield (
        f"{machine.date}. {machine.cores} cores of {machine.processor}, {machine.memory_bytes / 2**30:.0f} GiB,"
        f" {machine.system}, {machine.python}. "
        + ", ".join(f"{name} {version}" for name, version in report.versions.items())
        + "; on "
        + ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
        + "."
    )
    if machine.is_busy:
        yield (
            f"**The machine was busy with other things** (load average {machine.load_average:.1f} before the run):"
            " throughput, latency and start-up times are worse than they could be."
        )
    yield (
        f"Everything runs on this one machine over loopback: WebSocket, JSON and a payload of 100 bytes, where a title"
        " does not say otherwise; nats and the floors have protocols of their own. A number is the"
        f" median of {report.rounds} {'round' if report.rounds == 1 else 'rounds'} of {report.measured_s:g} s."
        f" **CPU** is what the router's processes used per delivered event, answered call or connection"
        f" that joined and left; **ratio** is that over"
        f" {report.reference}'s in the same round (median, and the extremes in parentheses), so above 1 is dearer than"
        f" {report.reference}. Latency is from sending to receiving with the window always full, so it follows the"
        " throughput. Absolute numbers drift with the machine; the ratios are what can be relied on."
    )


def _targets(report: Report) -> Iterator[str]:
    rows = [target.cells() for target in targets(report.summaries, _titles(), report.start_up)]
    if rows:
        yield "## What is aimed at"
        yield (
            "What Fairlead costs over what the other one does (the median of the rounds' ratios). Connecting aside,"
            f" nothing is to be dearer than in {RIVAL}."
        )
        yield table(["what", "at most", "measured", "met"], rows)


def _titles() -> dict[str, str]:
    return {name: workload.title for name, workload in WORKLOADS.items()}


def _tables(report: Report) -> Iterator[str]:
    yield f"![CPU of every router in every workload]({FIGURE})"
    for name, workload in WORKLOADS.items():
        rows = [row for row in report.summaries if row.workload == name]
        if rows:
            yield f"## {workload.title}"
            yield f"`{name}`"
            header = [
                "router",
                f"CPU/{workload.unit}",
                "ratio",
                f"{workload.unit}s/s",
                "p50",
                "p99",
                "memory",
                "router",
                "load",
            ]
            yield table(header, map(_cells, rows))


def _cells(row: Summary) -> list[str]:
    if not row.rounds:
        return [row.peer, "failed", *[""] * 7]
    remark = complaint(row)
    return [
        row.peer,
        f"{row.cpu_us:.2f} us" if row.per_s else "",
        remark or _ratio(row.ratio),
        f"{row.per_s:,.0f}" + (" \\*" if row.paced_by_load else ""),
        duration(row.p50_us),
        duration(row.p99_us),
        _memory(row),
        f"{row.router_share:.0%}",
        f"{row.load_share:.0%}",
    ]


def _memory(row: Summary) -> str:
    memory = f"{row.rss_bytes / 2**20:.0f} MiB"
    return f"{memory}, {row.held_bytes / 1e3:.1f} kB each" if row.held_bytes else memory


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return ""
    if ratio.lowest == ratio.highest:  # the reference itself, or a single round
        return f"{ratio.median:.2f}"
    return f"{ratio.median:.2f} ({ratio.lowest:.2f}-{ratio.highest:.2f})"


def complaint(row: Summary) -> str:
    """Why a row is not compared; empty when everything arrived.

    >>> complaint(Summary(workload="w", peer="p", rounds=1, refused=3, expected=10))
    '**refused 3 of 10**'
    """
    facts = [
        f"{what} {count:,} of {row.expected:,}"
        for what, count in (("lost", row.lost), ("refused", row.refused))
        if count
    ]
    if row.closed:
        facts.append(f"{row.closed} connections closed")
    if row.failure:
        facts.append("failed in a round")
    if not facts and row.rounds and not row.is_complete:
        facts.append("events repeated" if row.per_s else "nothing arrived in the measured part")
    return f"**{', '.join(facts)}**" if facts else ""


def duration(us: float) -> str:
    """Three digits in a fitting unit.

    >>> duration(87.25), duration(4210.0), duration(1_250_000)
    ('87.2 us', '4.21 ms', '1.25 s')
    """
    for unit, factor in (("s", 1e6), ("ms", 1e3)):
        if us >= factor:
            return f"{us / factor:.3g} {unit}"
    return f"{us:.3g} us"


def _start_up(start_up: StartUp | None) -> Iterator[str]:
    if start_up:
        yield "## Start-up"
        yield table(["what", "measured", "aim"], start_up.rows())


def _footnotes(report: Report) -> Iterator[str]:
    yield (
        "*router*, *load*: how much of one core the router and the load generator used. The load generator has one"
        " thread; where it was busy and the router was not, the throughput is marked \\* and says nothing of the"
        " router. A router that lost, refused or repeated something, or closed a connection, says so in place of a"
        " ratio: it did less work than the others. *Each* is the growth of memory from before the first connection,"
        " over the idle connections or subscriptions. *floor* is a loop in C of one write a delivered event;"
        " *floor-batched* writes once what it has read at once."
    )
    failures = {row.peer: row.failure for row in report.summaries if row.failure}
    for peer, reason in {**report.unavailable, **failures}.items():
        yield f"**{peer}** could not be measured:\n\n```text\n{reason.strip()}\n```"
