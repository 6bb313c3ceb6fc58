"""What each feature costs: the same work with one of them on, beside the plain router."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench import rounds
from bench.environment import Environment
from bench.results import Outcome
from bench.rounds import Plan
from bench.suite.running import PATH, Run
from bench.suite.section import Section
from bench.summary import Summary, summarize
from bench.workloads import WORKLOADS as WORK

ROUNDS = 5
MEASURED_S = 1.0
WARMUP_S = 0.3
PROGRAM = Path(__file__).parents[1] / "featured.py"
MEASURED = ("fan-out-1000-window-4", "fan-out-1000-window-64", "one-to-one-100", "calls-10")
PLAIN = "plain"
PERMISSIONS_LIMIT = 1.15


class Featured:
    """A Peer: Fairlead's router with one feature on."""

    lacks: frozenset[str] = frozenset()
    only_for: frozenset[str] = frozenset()

    def __init__(self, name: str, feature: str = PLAIN, protocol: str = "wamp", scheme: str = "ws") -> None:
        self.name = name
        self.protocol = protocol
        self.url = scheme + "://127.0.0.1:{port}/ws"
        self._feature = feature

    def prepare(self, environment: Environment) -> str:
        return ""

    def command(self, port: int, directory: Path) -> list[str]:
        path = f"PYTHONPATH={PATH['PYTHONPATH']}"
        return ["env", path, sys.executable, str(PROGRAM), str(port), str(directory), self._feature]


FEATURED = (
    Featured(PLAIN),
    Featured("subscriptions by prefix", protocol="wamp-pattern"),
    Featured("publishers and callers disclosed", protocol="wamp-disclosed"),
    Featured("retained events", protocol="wamp-retained"),
    Featured("event history", "history"),
    Featured("permissions, a user a connection", "permissions", protocol="wamp-named"),
    Featured("MessagePack", protocol="wamp-msgpack"),
    Featured("TLS", "tls", scheme="wss"),
)


def measure(run: Run) -> Section:
    """One row a feature: CPU a unit, and that over the plain router's of the same round."""
    plan = Plan(
        peers=FEATURED,
        workloads=[WORK[name] for name in MEASURED],
        rounds=1 if run.is_quick else ROUNDS,
        warmup_s=WARMUP_S,
        measured_s=0.5 if run.is_quick else MEASURED_S,
    )
    outcomes = rounds.run(plan, run.say, lambda outcome: None)
    summaries = summarize(outcomes)
    return Section(
        title="What features cost",
        about=(
            "The router in a program of its own, with one feature on at a time: CPU a delivered event or call, and in"
            f" parentheses that over the plain router's, the median of {plan.rounds} interleaved rounds. Subscribers by"
            " prefix have the whole topic as their prefix; history keeps the latest 1000 events of all topics; with"
            " permissions each connection is a user of its own, who may by way of a role; wanted is at most"
            f" {PERMISSIONS_LIMIT:g}. TLS is its cost on long connections, handshakes not counted."
        ),
        header=["feature", *(WORK[name].title for name in MEASURED)],
        rows=[[peer.name, *(_cell(summaries, peer.name, name) for name in MEASURED)] for peer in FEATURED],
        measured=outcomes,
        is_exact=_is_exact(outcomes),
    )


def _cell(summaries: Sequence[Summary], peer: str, workload: str) -> str:
    (row,) = (row for row in summaries if (row.peer, row.workload) == (peer, workload))
    if not row.is_complete or row.ratio is None:
        return "**lost something**" if row.rounds else "failed"
    return f"{row.cpu_us:.2f} us" if row.is_reference else f"{row.cpu_us:.2f} us ({row.ratio.median:.2f})"


def _is_exact(outcomes: Sequence[Outcome]) -> bool:
    return all(outcome.measurement is not None and outcome.measurement.is_complete for outcome in outcomes)
