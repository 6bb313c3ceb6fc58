"""The page docs/benchmarks/permissions.md: what was wanted and what was measured, line by line."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from bench.machine import Machine
from bench.permissions.dataset import Size
from bench.permissions.load import Result
from bench.permissions.server import Itself
from bench.report import table


class Round(NamedTuple):
    """The same events with and without changes, the changes alone, and the events without any permissions."""

    both: Result
    changes: Result
    events: Result
    unguarded: Result


class Measured(NamedTuple):
    """A run."""

    itself: Itself
    revokes: Result
    rounds: list[Round]


def markdown(machine: Machine, size: Size, measured: Measured, comparison: Sequence[str]) -> str:
    """The page; `comparison` is the section about other engines."""
    sections = (_introduction(machine, size, measured), _revokes(measured), _mixed(measured), comparison)
    return "\n\n".join(itertools.chain(*sections)) + "\n"


def _introduction(machine: Machine, size: Size, measured: Measured) -> list[str]:
    itself = measured.itself
    rows = [
        ["load from SQLite", "30 s", f"{itself.load_s:.1f} s"],
        ["resident memory after it", "1.5 GB", f"{itself.rss_bytes / 1e9:.2f} GB"],
        ["check, warm (p50)", "5 us", f"{itself.warm_us:.1f} us"],
        ["check, cold (p50)", "100 us", f"{itself.cold_us:.1f} us"],
    ]
    return [
        "# Permissions at scale",
        "Written by `make bench` (`tests/bench/permissions`).",
        (
            f"{machine.date}. {machine.cores} cores of {machine.processor}, {machine.memory_bytes / 2**30:.0f} GiB,"
            f" {machine.system}, {machine.python}. Load average before the run: {machine.load_average:.1f}; router and"
            " load share the cores, so latencies are worse than with a core each."
        ),
        (
            f"The graph: {size.users} users, {size.roles + 1} roles, {size.projects + 1} projects, {size.objects}"
            f" objects, made from a fixed seed. The live part: {size.connected} connected users of a role with"
            f" {size.staff} members, {measured.revokes.subscriptions} subscriptions over WebSocket."
        ),
        "## The graph",
        table(["what", "at most", "measured"], rows),
        "A check is cold when the user was never asked about before, so that what it reaches must be walked first.",
    ]


def _revokes(measured: Measured) -> list[str]:
    found = measured.revokes
    notices = min(found.group_notices, default=0)
    rows = [
        [
            "a direct grant, acknowledged (p99)",
            "10 ms",
            f"{_percentile(found.direct_revoke_ms, 99):.1f} ms (p50 {statistics.median(found.direct_revoke_ms):.1f})",
        ],
        ["the big role's project, acknowledged (worst)", "20 ms", f"{max(found.group_revoke_ms):.1f} ms"],
        [f"all its notices, {notices} each time (worst)", "1 s", f"{max(found.group_notices_ms) / 1e3:.2f} s"],
    ]
    return [
        "## Revocation",
        table(["what", "at most", "measured"], rows),
        (
            f"Called over WebSocket by an administrator, {len(found.direct_revoke_ms)} times and"
            f" {len(found.group_revoke_ms)} times; each includes the commit to disk."
        ),
    ]


def _mixed(measured: Measured) -> list[str]:
    rounds = measured.rounds
    both = [each.both for each in rounds]
    rows = [
        ["events delivered a second", "10 000", f"{_rate([each.delivered for each in both], both):.0f}"],
        ["events lost", "0", str(sum(each.expected - each.delivered for each in both))],
        ["changes made a second", "1 000", f"{_rate([each.changes for each in both], both):.0f}"],
        ["a grant acknowledged (p50, p99)", "", _latency([x for each in both for x in each.change_ms])],
        ["a revoke acknowledged (p50, p99)", "", _latency([x for each in both for x in each.revoke_ms])],
    ]
    cpu = [
        ["events and changes", _cpu([each.both for each in rounds])],
        ["changes alone", _cpu([each.changes for each in rounds])],
        ["events alone", _cpu([each.events for each in rounds])],
        ["events without permissions", _cpu([each.unguarded for each in rounds])],
    ]
    delivery = statistics.median(_delivery_ratio(each) for each in rounds)
    quiet = statistics.median(each.events.cpu_s / each.unguarded.cpu_s for each in rounds)
    return [
        "## Events while permissions change",
        table(["what", "wanted", "measured"], rows),
        table(["the router's CPU", "of one core"], cpu),
        (
            f"**Delivery costs {delivery:.2f} of what it costs without permissions** (at most 1.15): the CPU of events"
            " and changes less that of the changes alone, over that of the same events in a router without permissions;"
            f" median of {len(rounds)} interleaved rounds of {both[0].seconds:.0f} s. What is done together (a turn of"
            " the loop, a write, a commit) is cheaper than apart, so this may be less than 1. While nothing changes,"
            f" delivery costs {quiet:.2f}."
        ),
        (
            "Each revoking change takes a project from a team whose members keep it by another role: 200 subscriptions"
            " are judged again, and none ends."
        ),
    ]


def _delivery_ratio(found: Round) -> float:
    return (found.both.cpu_s - found.changes.cpu_s) / found.unguarded.cpu_s


def _latency(values: Sequence[float]) -> str:
    return f"{_percentile(values, 50):.0f}, {_percentile(values, 99):.0f} ms"


def _rate(numbers: Sequence[int], results: Sequence[Result]) -> float:
    return statistics.median(number / each.seconds for number, each in zip(numbers, results, strict=True))


def _cpu(results: Sequence[Result]) -> str:
    return f"{statistics.median(each.cpu_s / each.seconds for each in results):.2f}"


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else sum(values)
