"""A hundred thousand queued containers."""

from __future__ import annotations

from msgspec.structs import replace

from bench.logs.systems.fairlead import Fairlead
from bench.records.loads import snapshot
from bench.suite.running import Run, load
from bench.suite.section import Section

QUICK_CONTAINERS = 5_000
WANTED_S = 1.0
MB = 1e6
ABOUT = (
    "Containers that wait in the queue, and `fairlead.record.watch` of all of them, over WebSocket, by a client "
    f"that decodes every change. Wanted: a snapshot within {WANTED_S:g} s, from the call to the bookmark, and memory "
    "that does not grow with it but by what each watcher has been told. Ten at once share the server's core with "
    "each other."
)


def measure(run: Run) -> Section:
    """One measurement."""
    run.say("snapshot")
    with Fairlead().running() as server:
        job = snapshot.Job(server.url, server.pid)
        if run.is_quick:
            job = replace(job, containers=QUICK_CONTAINERS)
        result = load(snapshot, job, snapshot.Result)
    return Section(
        title="A long queue",
        about=ABOUT,
        header=("", "measured"),
        rows=_rows(job, result),
        measured=result,
        is_exact=result.is_exact(job),
    )


def _rows(job: snapshot.Job, result: snapshot.Result) -> list[list[str]]:
    each_bytes = (result.rss_created_bytes - result.rss_before_bytes) / job.containers
    told_bytes = (result.rss_watched_bytes - result.rss_created_bytes) / (job.containers * job.watchers)
    alone = " / ".join(f"{each.seconds:.2f} ({each.cpu_s:.2f})" for each in result.alone)
    return [
        ["containers", f"{job.containers}, made in {result.created_s:.0f} s"],
        ["a snapshot: seconds (server CPU), three times", alone],
        [
            f"{job.watchers} snapshots at once: seconds (server CPU)",
            f"{result.together.seconds:.2f} ({result.together.cpu_s:.2f})",
        ],
        [
            "server memory before, with all containers, with all watchers",
            " / ".join(
                f"{size / MB:.0f} MB"
                for size in (result.rss_before_bytes, result.rss_created_bytes, result.rss_watched_bytes)
            ),
        ],
        ["memory of a container, of a told record a watcher", f"{each_bytes:.0f} bytes, {told_bytes:.0f} bytes"],
    ]
