"""What the router is meant to cost beside others, and whether it does: ratios of CPU, and memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bench.startup_times import IMPORT_AIM, StartUp
from bench.summary import Summary

LIMITS: dict[str, dict[str, float]] = {
    "fan-out-1000-window-4": {"nexus": 0.25, "crossbar": 0.07, "nats": 0.8},
    "fan-out-1000-window-64": {"nats": 0.7},
    "one-to-one-100": {"nexus": 0.55},
    "one-to-one-10000": {"nexus": 0.55},
    "calls-1": {"nexus": 0.9},
    "calls-10": {"nexus": 0.5},
    "calls-100": {"nexus": 0.5},
    "connects": {"nexus": 1.3},
    "connects-wampcra": {"nexus": 1.3},
}
"""By workload and peer: CPU a unit at most so many times the peer's."""

RIVAL = "nexus"
"""Whose cost no workload but connecting may exceed."""
HELD_LIMITS = {"idle-10000": 20_000.0, "subscriptions-100000": 1_000.0}
"""Bytes for each of what is held."""
ALONE, AMONG_MANY, AMONG_MANY_LIMIT = "subscriptions-1", "subscriptions-100000", 1.2
"""What an event costs among many subscriptions, over what it costs with one."""


class Target(msgspec.Struct, frozen=True):
    """One row of the table."""

    what: str
    at_most: str
    measured: str
    is_met: bool | None
    """None: it cannot be compared."""

    def cells(self) -> list[str]:
        verdict = {True: "yes", False: "**no**", None: ""}[self.is_met]
        return [self.what, self.at_most, self.measured, verdict]


def targets(summaries: Sequence[Summary], titles: dict[str, str], start_up: StartUp | None) -> Iterator[Target]:
    """All that can be said of what was measured. `titles` are the workloads'."""
    rows = {(row.workload, row.peer): row for row in summaries}
    ours = {row.workload: row for row in summaries if row.is_reference}
    for workload, reference in ours.items():
        for peer, limit in _limits(workload):
            other = rows.get((workload, peer))
            if other is not None:
                yield _beside(f"{titles[workload]}: CPU beside {peer}", reference, other, limit)
        if workload in HELD_LIMITS:
            yield _held(titles[workload], reference, HELD_LIMITS[workload])
    if {ALONE, AMONG_MANY} <= ours.keys() and ours[ALONE].cpu_us:
        ratio = ours[AMONG_MANY].cpu_us / ours[ALONE].cpu_us
        what = "An event among 100 000 subscriptions, beside one among 1"
        yield Target(what, f"{AMONG_MANY_LIMIT:g}", f"{ratio:.2f}", ratio <= AMONG_MANY_LIMIT)
    if start_up is not None:
        ratio = start_up.import_ratio
        what = "`import fairlead_router`, beside its dependencies alone"
        yield Target(what, f"{IMPORT_AIM:g}", f"{ratio:.2f}", ratio <= IMPORT_AIM)


def _limits(workload: str) -> list[tuple[str, float]]:
    return list(({RIVAL: 1.0} | LIMITS.get(workload, {})).items())


def _beside(what: str, reference: Summary, other: Summary, limit: float) -> Target:
    if not reference.is_complete:
        return Target(what, f"{limit:g}", "we lost something", False)
    if other.ratio is None:
        return Target(what, f"{limit:g}", f"{other.peer} lost or refused something", None)
    ratio = 1 / other.ratio.median
    return Target(what, f"{limit:g}", f"{ratio:.2f}", ratio <= limit)


def _held(title: str, reference: Summary, limit_bytes: float) -> Target:
    what = f"{title}: memory of each"
    measured = f"{reference.held_bytes / 1e3:.1f} kB"
    return Target(what, f"{limit_bytes / 1e3:g} kB", measured, reference.held_bytes <= limit_bytes)
