"""The command: plays, judges, says what there was and what was broken; or judges a history that was kept."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop

from histories.figures import Figures
from histories.play import Options, play
from histories.record import History
from histories.validators import judge
from support import postgres

DEFAULT_MINUTES = 5.0
SHOWN_FAULTS = 10


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 1 when a promise was broken, or the play was stopped."""
    given = _parser().parse_args(arguments)
    if given.judge is not None:
        history = msgspec.msgpack.decode(given.judge.read_bytes(), type=History)
    else:
        try:
            history = _play(given)
        except KeyboardInterrupt:
            print("\nhistories: stopped")
            return 1
    if given.keep is not None:
        given.keep.write_bytes(msgspec.msgpack.encode(history))
    faults = judge(history)
    print(summary(history, faults))
    return 1 if any(faults.values()) else 0


def summary(history: History, faults: dict[str, list[str]]) -> str:
    """What there was, and what each validator has found, a line each."""
    lines = [f"{name.replace('_', ' ')}: {number:,}" for name, number in Figures.of(history)._asdict().items()]
    for name, found in faults.items():
        lines.append(f"{name}: {len(found) or 'nothing'}")
        lines += [f"    {fault}" for fault in found[:SHOWN_FAULTS]]
    return "\n".join([*lines, "histories: FAILED" if any(faults.values()) else "histories: every promise was kept"])


def _play(given: argparse.Namespace) -> History:
    seed = given.seed if given.seed is not None else time.time_ns() % 1_000_000
    database = postgres.new_database() if given.postgresql else None
    print(f"histories: {given.minutes:g} minutes, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="histories-") as directory:
        options = Options(given.minutes * 60, seed, database=database, kills=given.kills)
        return uvloop.run(play(Path(directory), options, _progress))


def _progress(part: float) -> None:
    if sys.stderr.isatty():
        print(f"\rhistories: {min(part, 1):4.0%} ", end="", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make histories", description="Promises, judged by what clients recorded.")
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="a number; without it, the clock's")
    parser.add_argument("--kills", type=int, default=0, help="kill the server so often (default: none)")
    parser.add_argument("--postgresql", action="store_true", help="keep the permissions there")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the history there")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="play nothing, judge this history")
    return parser
