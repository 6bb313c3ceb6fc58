"""Ten thousand streams at once."""

from __future__ import annotations

from msgspec.structs import replace

from bench.logs.loads import many_streams
from bench.logs.loads.many_streams import Job, Result
from bench.logs.systems.fairlead import Fairlead
from bench.suite.running import Run, load
from bench.suite.section import Section, found

WHOLE = Job("", 0)
QUICK = Job("", 0, streams=1_000, followed=100, warmup_s=1.0, measured_s=3.0)
MB = 1e6
ABOUT = (
    "Open streams with a line of 100 bytes a second each, every line an append of its own, over 100 connections; some "
    "of them are followed, over 100 others."
)


def measure(run: Run) -> Section:
    """One measurement."""
    run.say("many streams")
    with Fairlead().running() as server:
        job = replace(QUICK if run.is_quick else WHOLE, url=server.url, pid=server.pid)
        result = load(many_streams, job, Result)
    return Section(
        title="Many streams",
        about=ABOUT,
        header=("", "measured"),
        rows=_rows(job, result),
        measured=result,
        is_exact=result.is_exact,
    )


def _rows(job: Job, result: Result) -> list[list[str]]:
    acknowledged, delivered = result.acknowledged_ms, result.delivered_ms
    each_bytes = (result.rss_open_bytes - result.rss_before_bytes) / job.streams
    return [
        ["streams, of them followed", f"{job.streams}, {job.followed}"],
        ["appends/s", f"{result.appended / result.seconds:.0f}"],
        [
            "server CPU",
            f"{result.cpu_s / result.seconds:.2f} of a core, {result.cpu_s * 1e6 / result.appended:.0f} us an append",
        ],
        ["append to acknowledgement (p50, p99)", f"{acknowledged[0]:.0f}, {acknowledged[1]:.0f} ms"],
        ["append to follower (p50, p99)", f"{delivered[0]:.0f}, {delivered[1]:.0f} ms"],
        [
            "server memory before, with all open, after",
            " / ".join(
                f"{size / MB:.0f} MB" for size in (result.rss_before_bytes, result.rss_open_bytes, result.rss_bytes)
            ),
        ],
        ["memory of an open stream", f"{each_bytes / 1e3:.1f} kB"],
        ["lines acknowledged", found(result.acknowledged, 0, result.expected)],
        ["lines followed", found(result.received, result.disordered, result.expected_followed)],
    ]
