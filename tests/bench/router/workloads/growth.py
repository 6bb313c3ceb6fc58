"""Cost against size: what a message costs among ever more connections, topics and patterns that it does not concern."""

from __future__ import annotations

from functools import partial
from itertools import islice

from bench import plots, rounds
from bench.environment import Unavailable
from bench.peers import PEERS
from bench.peers.base import Peer
from bench.rounds import Plan
from bench.suite.running import Run
from bench.suite.section import Section
from bench.summary import Summary, summarize
from bench.workloads.held import GROWTH

ROUNDS = 3
WARMUP_S = 0.2
MEASURED_S = 0.6
COMPARED = ("fairlead", "nexus")
QUICK = 2
"""How many of the sizes a quick run has."""


def connections(run: Run) -> Section:
    """Idle ones."""
    return _grown(run, "connections", "Growing: idle connections")


def topics(run: Run) -> Section:
    """A subscription each."""
    return _grown(run, "topics", "Growing: topics")


def patterns(run: Run) -> Section:
    """Prefixes of other topics."""
    return _grown(run, "patterns", "Growing: prefix subscriptions")


def _grown(run: Run, what: str, title: str) -> Section:
    by_size = dict(islice(GROWTH[what].items(), QUICK if run.is_quick else None))
    plan = Plan(
        peers=_peers(run),
        workloads=list(by_size.values()),
        rounds=1 if run.is_quick else ROUNDS,
        warmup_s=WARMUP_S,
        measured_s=MEASURED_S,
    )
    outcomes = rounds.run(plan, run.say, lambda outcome: None)
    rows = {(row.peer, row.workload): row for row in summarize(outcomes)}
    names = [peer.name for peer in plan.peers]
    lines = {name: [(size, rows[name, each.name].cpu_us) for size, each in by_size.items()] for name in names}
    return Section(
        title=title,
        about=(
            f"One publisher and one subscriber, one event in flight, beside so many {what} that it does not concern:"
            f" CPU an event, and the memory of each of them, median of {plan.rounds} rounds."
        ),
        header=[what, *names],
        rows=[[str(size), *(_cell(rows[name, each.name]) for name in names)] for size, each in by_size.items()],
        measured=outcomes,
        is_exact=all(rows[names[0], each.name].is_complete for each in by_size.values()),
        figures={f"router-{what}.svg": partial(plots.growth, lines=lines, x=what, y="router CPU an event, us")},
    )


def _peers(run: Run) -> list[Peer]:
    """Those that are here; the first one always is."""
    found = []
    for name in COMPARED:
        try:
            PEERS[name].prepare(run.environment)
        except Unavailable as reason:
            run.say(f"Without {name}: {reason}")
        else:
            found.append(PEERS[name])
    return found


def _cell(row: Summary) -> str:
    if not row.is_complete:
        return "**lost something**" if row.rounds else "failed"
    memory = f", {row.held_bytes / 1e3:.1f} kB" if row.held_bytes else ""
    return f"{row.cpu_us:.1f} us{memory}"
