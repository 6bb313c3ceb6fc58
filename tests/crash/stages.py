"""What is crashed: a program that works in a directory and says what it does, and who judges what is left of it."""

from __future__ import annotations

import random
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from crash import hands_judge, service_judge, writers_judge
from crash.site import database_in

HERE = Path(__file__).parent
CHECKPOINT_PAGES = (20, 100, 1000)
"""How often a run copies its log into the database; 1000 is SQLite's own choice."""


class Run(NamedTuple):
    """One run of a stage's program: in `root`, telling the file `told`, the `number`th there."""

    root: Path
    told: str
    seed: int
    number: int


class Stage(NamedTuple):
    """`faults(root, said, was_killed)` is all that is wrong, in words; what is there changes by it.

    `machines` are directories in the root that stand for disks of several machines, which lose power one by one.
    """

    name: str
    command: Callable[[Run], list[str]]
    faults: Callable[[Path, list[bytes], bool], Awaitable[list[str]]]
    machines: tuple[str, ...] = ()


def service(*pragmas: str) -> Stage:
    """The log service, with its producers in the same process; `pragmas` are added to the store's."""
    return Stage("service", partial(_service_command, pragmas), _service_faults)


def records(*pragmas: str) -> Stage:
    """The record service, with the hands that change records in the same process; `pragmas` as above."""
    return Stage("records", partial(_records_command, pragmas), _records_faults)


def _service_command(pragmas: tuple[str, ...], run: Run) -> list[str]:
    program = str(HERE / "producers.py")
    return [sys.executable, program, database_in(run.root), run.told, str(run.seed), _often(run), *pragmas]


def _records_command(pragmas: tuple[str, ...], run: Run) -> list[str]:
    begin = run.number * hands_judge.RUN_NUMBERS + 1
    program = [sys.executable, str(HERE / "hands.py"), database_in(run.root), run.told]
    return [*program, str(run.seed), str(begin), _often(run), *pragmas]


def _often(run: Run) -> str:
    return f"wal_autocheckpoint={random.Random(run.seed).choice(CHECKPOINT_PAGES)}"


def _writers_command(run: Run) -> list[str]:
    begin = run.number * writers_judge.RUN_NUMBERS
    return [sys.executable, str(HERE / "writers.py"), str(run.root), run.told, str(run.seed), str(begin)]


async def _service_faults(root: Path, said: list[bytes], _was_killed: bool) -> list[str]:
    return await service_judge.faults_of(database_in(root), said)


async def _records_faults(root: Path, said: list[bytes], _was_killed: bool) -> list[str]:
    return await hands_judge.faults_of(database_in(root), said)


WRITERS = Stage("writers", _writers_command, writers_judge.faults_of, ("data", "spools"))
"""LogWriters with spools, and the log service that they reach over WebSocket."""
