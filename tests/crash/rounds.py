"""Crash after crash, each judged: the one way through which tests and `make crash` go.

A seed is one crash. The recordings, and the stores that are killed again and again, are shared by neighbouring seeds; a
seed run alone cuts another recording, in another place.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from crash.judgement import faults_of
from crash.killing import said_until_killed
from crash.power_loss import Cut, Recording, database_in

CUTS = 25
"""Of one recording."""
GENERATIONS = 3
"""A recording goes on from what a cut of the one before has left, so often; and a store is killed so often."""
CHECKPOINT_PAGES = (20, 100, 1000)
"""How often a run copies its log into the database; 1000 is SQLite's own choice."""
LINES = 150
"""A kill comes within so many lines of what the workload says, about half of what it has to say."""

Judged = tuple[int, list[str]]
"""A seed, and what was wrong."""


async def power_losses(seeds: Sequence[int], directory: Path) -> AsyncIterator[Judged]:
    """A power loss for each seed."""
    root, said = directory, list[bytes]()
    for number, begin in enumerate(range(0, len(seeds), CUTS)):
        group = seeds[begin : begin + CUTS]
        if number % GENERATIONS == 0:
            root, said = _new(directory / f"run{group[0]}"), []
        pragmas = [f"wal_autocheckpoint={random.Random(group[0]).choice(CHECKPOINT_PAGES)}"]
        recording = Recording(root, group[0], said, pragmas)
        for cut in recording.cuts(group, directory):
            if cut.seed == group[0]:
                root, said = _copied(cut.place), cut.said
            yield cut.seed, await judged(cut)


async def judged(cut: Cut) -> list[str]:
    """What is wrong with what a power loss has left, which is thrown away."""
    faults = await faults_of(database_in(cut.place), cut.said)
    shutil.rmtree(cut.place)
    return faults


async def kills(seeds: Sequence[int], directory: Path) -> AsyncIterator[Judged]:
    """A kill -9 for each seed, several of each store."""
    root, said = directory, list[bytes]()
    for number, seed in enumerate(seeds):
        if number % GENERATIONS == 0:
            root, said = _new(directory / f"store{seed}"), []
        said += await said_until_killed(database_in(root), seed, random.Random(seed).randint(1, LINES))
        yield seed, await judged(Cut(seed, _copied(root), said))


def _new(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _copied(directory: Path) -> Path:
    """What will be judged changes by it."""
    copy = directory.with_name(f"{directory.name}-copy")
    shutil.copytree(directory, copy)
    return copy
