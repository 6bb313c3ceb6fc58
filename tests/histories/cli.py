"""The command: plays, judges, says what there was and what was broken; or judges a history that was kept.

There are kinds of histories: of permissions, logs, records, clones (many records that everybody wants to have) and
dispatch. Without a word of which, all are played.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import uvloop

from fairlead_server.connect import hush_autobahn
from histories import play, validators
from histories.dispatch import play as dispatch_play
from histories.dispatch import validators as dispatch_validators
from histories.dispatch.figures import DispatchFigures
from histories.dispatch.record import DispatchHistory
from histories.figures import Figures
from histories.logs import play as logs_play
from histories.logs import validators as logs_validators
from histories.logs.figures import LogFigures
from histories.logs.record import LogHistory
from histories.record import History
from histories.records import play as records_play
from histories.records import validators as records_validators
from histories.records.figures import RecordFigures
from histories.records.record import RecordHistory
from support import postgres

DEFAULT_MINUTES = 5.0
SHOWN_FAULTS = 10

Faults = Mapping[str, list[str]]
AnyHistory = History | LogHistory | RecordHistory | DispatchHistory
Playing = Coroutine[Any, Any, AnyHistory]


class Kind(NamedTuple):
    """Of histories."""

    type: type[AnyHistory]
    play: Callable[[argparse.Namespace, int, Path], Playing]
    figures: Callable[[Any], tuple[Any, ...]]
    judge: Callable[[Any], Faults]


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 1 when a promise was broken, or the play was stopped."""
    given = _parser().parse_args(arguments)
    hush_autobahn()  # lost sessions are what is played
    if (given.keep or given.judge) and given.only is None:
        print(f"histories: --keep and --judge are about one kind: say --only with one of {', '.join(KINDS)}")
        return 1
    names = [given.only] if given.only else list(KINDS)
    try:
        return max(_look_at(name, given) for name in names)
    except KeyboardInterrupt:
        print("\nhistories: stopped")
        return 1


def summary(figures: tuple[Any, ...], faults: Faults) -> str:
    """What there was, and what each validator has found, a line each."""
    numbers: dict[str, int] = figures._asdict()  # type: ignore[attr-defined]
    lines = [f"{name.replace('_', ' ')}: {number:,}" for name, number in numbers.items()]
    for name, found in faults.items():
        lines.append(f"{name}: {len(found) or 'nothing'}")
        lines += [f"    {fault}" for fault in found[:SHOWN_FAULTS]]
    return "\n".join([*lines, "histories: FAILED" if any(faults.values()) else "histories: every promise was kept"])


def _look_at(name: str, given: argparse.Namespace) -> int:
    """Play one kind, or take what was kept, and judge it."""
    kind = KINDS[name]
    if given.judge is not None:
        history = msgspec.msgpack.decode(given.judge.read_bytes(), type=kind.type)
    else:
        history = _play(name, given)
    if given.keep is not None:
        given.keep.write_bytes(msgspec.msgpack.encode(history))
    faults = kind.judge(history)
    print(summary(kind.figures(history), faults), flush=True)
    return 1 if any(faults.values()) else 0


def _play(name: str, given: argparse.Namespace) -> AnyHistory:
    seed = given.seed if given.seed is not None else time.time_ns() % 1_000_000
    print(f"histories: {given.minutes:g} minutes of {name}, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="histories-") as directory:
        return uvloop.run(KINDS[name].play(given, seed, Path(directory)))


def _play_permissions(given: argparse.Namespace, seed: int, directory: Path) -> Playing:
    database = postgres.new_database() if given.postgresql else None
    options = play.Options(given.minutes * 60, seed, database=database, kills=given.kills)
    return play.play(directory, options, _progress)


def _play_logs(given: argparse.Namespace, seed: int, directory: Path) -> Playing:
    """One server that finds another store in the middle, or two on one database."""
    database = postgres.new_database() if given.postgresql else None
    options = logs_play.LogOptions(given.minutes * 60, seed, database=database, is_replaced=database is None)
    return logs_play.play(directory, options, _progress)


def _play_records(given: argparse.Namespace, seed: int, directory: Path) -> Playing:
    """A server that is killed ten times a minute."""
    seconds = given.minutes * 60
    return records_play.play(directory, records_play.RecordOptions(seconds, seed, kills=int(seconds / 6)), _progress)


def _play_clones(given: argparse.Namespace, seed: int, directory: Path) -> Playing:
    return records_play.play(directory, records_play.clone(given.minutes * 60, seed), _progress)


def _play_dispatch(given: argparse.Namespace, seed: int, directory: Path) -> Playing:
    return dispatch_play.play(directory, dispatch_play.DispatchOptions(given.minutes * 60, seed), _progress)


def _progress(part: float) -> None:
    if sys.stderr.isatty():
        print(f"\rhistories: {min(part, 1):4.0%} ", end="", file=sys.stderr, flush=True)


KINDS = {
    "permissions": Kind(History, _play_permissions, Figures.of, validators.judge),
    "logs": Kind(LogHistory, _play_logs, LogFigures.of, logs_validators.judge),
    "records": Kind(RecordHistory, _play_records, RecordFigures.of, records_validators.judge),
    "clones": Kind(RecordHistory, _play_clones, RecordFigures.of, records_validators.judge),
    "dispatch": Kind(DispatchHistory, _play_dispatch, DispatchFigures.of, dispatch_validators.judge),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make histories", description="Promises, judged by what clients recorded.")
    parser.add_argument("--only", choices=list(KINDS), help="one kind of histories (default: all)")
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES, help="how long, each (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="a number; without it, the clock's")
    parser.add_argument("--kills", type=int, default=0, help="permissions: kill the server so often (default: none)")
    parser.add_argument(
        "--postgresql", action="store_true", help="permissions there; logs of two servers that share it"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the history there")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="play nothing, judge this history")
    return parser
