"""From single measurements to what is said about a peer: medians, and ratios against the reference peer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from bench.results import Measurement, Outcome

PACED_BY_LOAD = 0.9
"""From this share of its core on, the load generator may be what sets the pace."""


class Ratio(msgspec.Struct, frozen=True):
    """A peer's router CPU per unit over the reference's: the median of the rounds, and the extremes."""

    median: float
    lowest: float
    highest: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a peer on a workload. The numbers are medians over its rounds."""

    workload: str
    peer: str
    rounds: int
    is_reference: bool = False
    """Whether the others of this workload are compared with it."""
    cpu_us: float = 0.0
    ratio: Ratio | None = None
    """None where one of the two lost something, or is not there."""
    per_s: float = 0.0
    p50_us: float = 0.0
    p99_us: float = 0.0
    rss_bytes: int = 0
    held_bytes: float = 0.0
    router_share: float = 0.0
    load_share: float = 0.0
    lost: int = 0
    refused: int = 0
    closed: int = 0
    expected: int = 0
    is_complete: bool = False
    """Nothing lost, repeated, refused or closed in any round: only such rows are compared."""
    paced_by_load: bool = False
    failure: str = ""


def summarize(outcomes: Iterable[Outcome]) -> list[Summary]:
    """One summary for each workload and peer, in order of first appearance, which makes the first one the reference."""
    rows: dict[str, dict[str, list[Outcome]]] = {}
    for outcome in outcomes:
        rows.setdefault(outcome.workload, {}).setdefault(outcome.peer, []).append(outcome)
    return [_summary(row, next(iter(peers.values()))) for peers in rows.values() for row in peers.values()]


def _summary(row: Sequence[Outcome], reference: Sequence[Outcome]) -> Summary:
    workload, peer = row[0].workload, row[0].peer
    is_reference = peer == reference[0].peer
    measured = [outcome.measurement for outcome in row if outcome.measurement]
    failure = next((outcome.failure for outcome in row if outcome.failure), "")
    if not measured:
        return Summary(workload=workload, peer=peer, rounds=0, is_reference=is_reference, failure=failure)
    return Summary(
        workload=workload,
        peer=peer,
        rounds=len(measured),
        is_reference=is_reference,
        cpu_us=median(each.cpu_us for each in measured),
        ratio=None if failure else _ratio(row, reference),
        per_s=median(each.per_s for each in measured),
        p50_us=median(each.p50_us for each in measured),
        p99_us=median(each.p99_us for each in measured),
        rss_bytes=int(median(each.rss_bytes for each in measured)),
        held_bytes=median(each.held_bytes for each in measured),
        router_share=median(each.router_share for each in measured),
        load_share=median(each.load_share for each in measured),
        lost=sum(each.lost for each in measured),
        refused=sum(each.refused for each in measured),
        closed=sum(each.closed for each in measured),
        expected=sum(each.expected for each in measured),
        is_complete=not failure and all(each.is_complete for each in measured),
        paced_by_load=any(is_paced_by_load(each) for each in measured),
        failure=failure,
    )


def is_paced_by_load(measurement: Measurement) -> bool:
    """Whether the load generator was busy while the router was not: then throughput says nothing of the router."""
    return measurement.load_share > PACED_BY_LOAD > measurement.router_share


def _ratio(row: Sequence[Outcome], reference: Sequence[Outcome]) -> Ratio | None:
    of_reference = {outcome.round: outcome.measurement for outcome in reference}
    ratios = []
    for outcome in row:
        ours, theirs = of_reference.get(outcome.round), outcome.measurement
        if ours is None or theirs is None or not ours.is_complete or not theirs.is_complete or not ours.router_cpu_s:
            return None
        ratios.append(theirs.cpu_us / ours.cpu_us)
    return Ratio(median(ratios), min(ratios), max(ratios))
