"""Ten thousand watchers of single records, beside as many subscribers of plain topics."""

from __future__ import annotations

from statistics import median

from bench.logs.systems.fairlead import Fairlead
from bench.records.loads import watchers
from bench.records.loads.watchers import Job, Result
from bench.suite.running import Run, load
from bench.suite.section import Section

ROUNDS, QUICK_ROUNDS = 3, 1
MEASURED_S, QUICK_S = 8.0, 2.0
WAYS = {"event": "plain events, PUBLISH", "watch": "`fairlead.record.watch`", "topic": "the topic of a record"}
WANTED_RATIO = 1.3
HEADER = ("", "delivered/s", "server CPU a delivered change", "of an event's", "delivery (p50, p99)", "memory", "exact")
ABOUT = (
    "10 000 watchers of one record each, 50 a connection, and 5000 changes/s of 200 bytes, 50 in a "
    "`fairlead.record.batch`, durable; the same with plain events, a PUBLISH each, which are kept nowhere. CPU is "
    f"all that the server used, over what was delivered. Wanted: at most {WANTED_RATIO} of a plain event's. Medians "
    "of interleaved rounds, each on a new server."
)


def measure(run: Run) -> Section:
    """All ways, in interleaved rounds."""
    rounds = QUICK_ROUNDS if run.is_quick else ROUNDS
    results: dict[str, list[Result]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS:
            run.say(f"watchers, round {number + 1} of {rounds}: {way}")
            with Fairlead().running() as server:
                job = Job(server.url, server.pid, way, measured_s=QUICK_S if run.is_quick else MEASURED_S)
                results[way].append(load(watchers, job, Result))
    return Section(
        title="Many watchers",
        about=ABOUT,
        header=HEADER,
        rows=[_row(way, results) for way in WAYS],
        measured=results,
        is_exact=all(result.is_exact for each in results.values() for result in each),
    )


def _row(way: str, results: dict[str, list[Result]]) -> list[str]:
    mine = results[way]
    ratio = median(one.cpu_us / event.cpu_us for one, event in zip(mine, results["event"], strict=True))
    last = mine[-1]
    return [
        WAYS[way],
        f"{median(each.delivered / each.seconds for each in mine):.0f}",
        f"{median(each.cpu_us for each in mine):.1f} us",
        f"{ratio:.2f}",
        str(last.lags),
        f"{last.rss_bytes / 1e6:.0f} MB",
        "yes" if all(each.is_exact for each in mine) else f"**{last.received} of {last.expected}**",
    ]
