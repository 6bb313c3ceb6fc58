"""The command: how long, from which seed, with how many at once; a progress line, and what has come of it."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import uvloop

from soak.run import Options, Report, soak

DEFAULT_MINUTES = 10.0
DEFAULT_WORKERS = 24


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 1 when something has leaked, failed or was stopped."""
    given = _parser().parse_args(arguments)
    seed = given.seed if given.seed is not None else time.time_ns() % 1_000_000
    options = Options(given.minutes * 60, seed, given.workers)
    print(f"soak: {given.minutes:g} minutes, {given.workers} at once, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        try:
            report = uvloop.run(soak(Path(directory), options, _progress))
        except KeyboardInterrupt:
            print("\nsoak: stopped")
            return 1
        except Exception:  # noqa: BLE001 - the traceback is the result
            traceback.print_exc()
            return 1
    print(summary(report))
    return 1 if report.faults else 0


def summary(report: Report) -> str:
    """What there was, and what is wrong, a line each."""
    before, after = report.before, report.after
    stats = after["stats"]["realms"]
    messages = sum(realm["messages_received"] + realm["messages_sent"] for realm in stats.values())
    too_slow = sum(realm["counters"]["sessions_too_slow"] for realm in stats.values())
    connections = after["stats"]["counters"]["connections_opened"]
    lines = [
        f"visits {report.visits:,}, sessions {after['sessions_opened']:,}, messages {messages:,} in the two realms",
        f"subscriptions revoked {after['revoked']:,}, sessions too slow {too_slow:,}, connections {connections:,}",
        f"steady peers: {report.rounds:,} rounds, the longest {report.longest_s * 1000:.0f} ms",
        f"resident memory {before['rss_kib'] / 1024:.1f} MiB before, {after['rss_kib'] / 1024:.1f} MiB after",
        f"grown by {report.growth.kib / 1024:.1f} MiB once settled, {report.growth.kib_a_minute:+.0f} KiB a minute",
        *(f"{name}: {before[name]:,} before, {after[name]:,} after"
          for name in ("objects", "tasks", "timers", "descriptors")),
        *(f"FAULT {fault}" for fault in report.faults),
        "soak: FAILED" if report.faults else "soak: nothing leaks",
    ]  # fmt: skip
    return "\n".join(lines)


def _progress(part: float, visits: int) -> None:
    if sys.stderr.isatty():
        print(f"\rsoak: {min(part, 1):4.0%}, {visits:,} visits ", end="", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make soak", description="Peers that come and go, and nothing may stay.")
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="a number; without it, the clock's")
    parser.add_argument("--workers", type=int, default=DEFAULT_WORKERS, help="visitors at once (default: %(default)s)")
    return parser
