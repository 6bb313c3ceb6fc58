"""The tail under load: events at half and at four fifths of what the router can do, timed from when each was due."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bench.environment import Unavailable
from bench.peers import PEERS
from bench.processes import running
from bench.router.loads import paced
from bench.router.loads.paced import Job, Result
from bench.suite.running import Run, load
from bench.suite.section import Section, found

SUBSCRIBERS = 100
SHARES = (0.5, 0.8)
MEASURED_S = 5.0
QUICK_S = 1.0
APPENDS_PER_S = 100


class Case(msgspec.Struct, frozen=True):
    """A row of the table for each share."""

    title: str
    peer: str
    appends_per_s: int = 0


CASES = (
    Case("Fairlead", "fairlead"),
    Case(f"Fairlead, and {APPENDS_PER_S} durable appends/s to a log", "fairlead", APPENDS_PER_S),
    Case("nexus", "nexus"),
    Case("NATS", "nats"),
    Case("a loop in C, batched", "floor-batched"),
)


class Measured(msgspec.Struct, frozen=True):
    """For the JSON."""

    case: Case
    share: float
    result: Result


def measure(run: Run) -> Section:
    measured = [each for case in CASES for each in _measured(run, case)]
    return Section(
        title="The tail under load",
        about=(
            f"One publisher, some publications each millisecond, {SUBSCRIBERS} subscribers: events at so much of what"
            " the same router delivered just before, with the next publication sent when the last was received (16 in"
            " flight). Latency is from when a publication was due, not from when it could be sent, so a pause of the"
            " router counts for everything that it held up, and so does one of the load generator, which shares the two"
            " cores. What the loop in C shows is theirs: it writes what it has read to everybody and does nothing else."
        ),
        header=["", "of the highest", "events/s", "p50", "p99", "p99.9", "worst", "router", "load", "received"],
        rows=[_row(each) for each in measured],
        measured=measured,
        is_exact=all(each.result.is_exact for each in measured if each.case.peer == "fairlead"),
    )


def _measured(run: Run, case: Case) -> Iterator[Measured]:
    """First as fast as it goes, then at each share of that, each on a router of its own."""
    run.say(f"latency: {case.title}")
    try:
        PEERS[case.peer].prepare(run.environment)
    except Unavailable as reason:
        run.say(f"Without {case.peer}: {reason}")
        return
    highest_per_s = _run(run, case, 0.0).events_per_s / SUBSCRIBERS
    for share in SHARES:
        yield Measured(case, share, _run(run, case, highest_per_s * share))


def _run(run: Run, case: Case, publications_per_s: float) -> Result:
    peer = PEERS[case.peer]
    with running(peer) as router:
        job = Job(
            url=router.url,
            dialect="wamp-json" if peer.protocol == "wamp" else peer.protocol,
            pid=router.pid,
            subscribers=SUBSCRIBERS,
            publications_per_s=publications_per_s,
            appends_per_s=case.appends_per_s,
            measured_s=QUICK_S if run.is_quick else MEASURED_S,
        )
        return load(paced, job, Result)


def _row(each: Measured) -> list[str]:
    result = each.result
    times = (result.p50_ms, result.p99_ms, result.p999_ms, result.worst_ms)
    return [
        each.case.title,
        f"{each.share:.0%}",
        f"{result.events_per_s:,.0f}",
        *(f"{time_ms:.1f} ms" for time_ms in times),
        f"{result.router:.2f}",
        f"{result.load:.2f}",
        found(result.received, 0, result.expected),
    ]
