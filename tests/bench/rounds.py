"""The order of a run: rounds of workloads of peers, so that a ratio is always between neighbours in time.

A machine's speed drifts by half within minutes. Peers are therefore measured in turn, each on a fresh router
process, and what is compared is the median of the ratios within each round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from bench.peers.base import Peer, dialect, takes
from bench.processes import MeasuringFailed, RunningRouter, generate_load, running
from bench.results import Job, Outcome
from bench.workloads.base import Workload


class Plan(msgspec.Struct, frozen=True):
    """What a run consists of."""

    peers: Sequence[Peer]
    workloads: Sequence[Workload]
    rounds: int
    warmup_s: float
    measured_s: float

    @property
    def count(self) -> int:
        """How many measurements it takes."""
        return sum(1 for _step in self.steps())

    def steps(self) -> Iterator[tuple[int, Workload, Peer]]:
        """All of them, in order; every second round goes through the peers backwards, so that none is always first."""
        for number in range(1, self.rounds + 1):
            for workload in self.workloads:
                able = [peer for peer in self.peers if takes(peer, workload)]
                for peer in able if number % 2 else reversed(able):
                    yield number, workload, peer


def run(plan: Plan, about_to: Callable[[str], None], finished: Callable[[Outcome], None]) -> list[Outcome]:
    """Measures everything; `about_to` is told in words what comes next."""
    outcomes = []
    for number, workload, peer in plan.steps():
        about_to(f"round {number}/{plan.rounds}: {workload.name}, {peer.name}")
        outcomes.append(measure(plan, number, workload, peer))
        finished(outcomes[-1])
    return outcomes


def measure(plan: Plan, number: int, workload: Workload, peer: Peer) -> Outcome:
    """One measurement, on a router process of its own."""
    try:
        with running(peer) as router:
            measurement = generate_load(job_for(plan, workload, peer, router))
    except MeasuringFailed as failed:
        return Outcome(round=number, workload=workload.name, peer=peer.name, failure=str(failed))
    return Outcome(round=number, workload=workload.name, peer=peer.name, measurement=measurement)


def job_for(plan: Plan, workload: Workload, peer: Peer, router: RunningRouter) -> Job:
    """What the load generator has to do."""
    return Job(
        workload=workload.name,
        dialect=dialect(peer, workload),
        url=router.url,
        router_pid=router.pid,
        payload_bytes=workload.payload_bytes,
        holds=workload.holds,
        warmup_s=plan.warmup_s,
        measured_s=plan.measured_s,
    )
