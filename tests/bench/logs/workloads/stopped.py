"""A follower that is stopped for a minute, while its log grows."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import msgspec

from bench.logs.loads import follower, steady
from bench.logs.systems.base import Address
from bench.logs.systems.fairlead import Fairlead
from bench.procfs import rss_bytes
from bench.suite.running import Load, Run
from bench.suite.section import Section, found

STREAM = "stopped"
STOPPED_S, QUICK_STOPPED_S = 60.0, 3.0
BEFORE_S, AFTER_S = 3.0, 2.0
SAMPLE_S = 0.5
MB = 1e6
ABOUT = (
    "A producer of 20 000 lines/s of 100 bytes, and a follower that is stopped (SIGSTOP) a while after its beginning. "
    "Wanted: the server's memory stays flat, and the follower then gets everything. The log goes on for "
    f"{AFTER_S:g} s after it has been let go, and is sealed."
)


class Found(msgspec.Struct, frozen=True):
    """What was measured."""

    stopped_s: float
    rss_before_bytes: int
    rss_bytes: list[int]
    """While it was stopped."""
    caught_up_s: float
    """From letting it go to its end, with the seal."""
    written: int
    followed: int
    disordered: int


def measure(run: Run) -> Section:
    """One measurement."""
    run.say("a stopped follower")
    with Fairlead().running() as server:
        result = _stop(server, QUICK_STOPPED_S if run.is_quick else STOPPED_S)
    before, largest = result.rss_before_bytes / MB, max(result.rss_bytes) / MB
    return Section(
        title="A stopped follower",
        about=ABOUT,
        header=("", "measured"),
        rows=[
            ["stopped for", f"{result.stopped_s:g} s"],
            ["server memory before, at most while it was stopped", f"{before:.0f} / {largest:.0f} MB"],
            ["from letting it go to its end", f"{result.caught_up_s:.1f} s"],
            ["lines followed", found(result.followed, result.disordered, result.written)],
        ],
        measured=result,
        is_exact=(result.followed, result.disordered) == (result.written, 0),
    )


def _stop(server: Address, stopped_s: float) -> Found:
    seconds = BEFORE_S + stopped_s + AFTER_S
    with (
        Load(steady, steady.Job(server.url, STREAM, seconds)) as producer,
        Load(follower, follower.Job(server.url, STREAM)) as reader,
    ):
        time.sleep(BEFORE_S)
        rss_before_bytes = rss_bytes(server.pid)
        os.kill(reader.pid, signal.SIGSTOP)
        sampled = _sampled(lambda: rss_bytes(server.pid), stopped_s)
        os.kill(reader.pid, signal.SIGCONT)
        begun_s = time.perf_counter()
        read = reader.result(follower.Result)
        caught_up_s = time.perf_counter() - begun_s
        written = producer.result(steady.Result)
    return Found(stopped_s, rss_before_bytes, sampled, caught_up_s, written.lines, read.lines, read.disordered)


def _sampled(value: Callable[[], int], seconds: float) -> list[int]:
    found_values: list[int] = []
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        time.sleep(SAMPLE_S)
        found_values.append(value())
    return found_values
