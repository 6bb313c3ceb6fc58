"""Crash after crash, each judged: the one way through which tests and `make crash` go.

A seed is one crash. The recordings, and the stores that are killed again and again, are shared by neighbouring seeds; a
seed run alone cuts another recording, in another place.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from crash.killing import said_until_killed
from crash.power_loss import Cut, Recording
from crash.stages import Run, Stage

CUTS = 25
"""Of one recording."""
GENERATIONS = 3
"""A recording goes on from what a cut of the one before has left, so often; and a store is killed so often."""
LINES = 150
"""A kill comes within so many lines of what a program says, which is about half."""

Judged = tuple[int, list[str]]
"""A seed, and what was wrong."""


async def power_losses(stage: Stage, seeds: Sequence[int], directory: Path) -> AsyncIterator[Judged]:
    """A power loss for each seed."""
    root, said = directory, list[bytes]()
    for number, begin in enumerate(range(0, len(seeds), CUTS)):
        group = seeds[begin : begin + CUTS]
        if number % GENERATIONS == 0:
            root, said = _new(directory / f"run{group[0]}"), []
        for cut in Recording(stage, root, group[0], number % GENERATIONS, said).cuts(group, directory):
            if cut.seed == group[0]:
                root, said = _copied(cut.place), list(cut.said)
            yield cut.seed, await judged(stage, cut)


async def judged(stage: Stage, cut: Cut, *, was_killed: bool = False) -> list[str]:
    """What is wrong with what a crash has left, which is thrown away."""
    faults = await stage.faults(cut.place, cut.said, was_killed)
    shutil.rmtree(cut.place)
    return faults


async def kills(stage: Stage, seeds: Sequence[int], directory: Path) -> AsyncIterator[Judged]:
    """A kill -9 for each seed, several in each root."""
    root, said = directory, list[bytes]()
    for number, seed in enumerate(seeds):
        if number % GENERATIONS == 0:
            root, said = _new(directory / f"root{seed}"), []
        command = stage.command(Run(root, "-", seed, number % GENERATIONS))
        said += await said_until_killed(command, random.Random(seed).randint(1, LINES))
        yield seed, await judged(stage, Cut(seed, _copied(root), list(said)), was_killed=True)


def _new(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _copied(directory: Path) -> Path:
    """What will be judged changes by it."""
    copy = directory.with_name(f"{directory.name}-copy")
    shutil.copytree(directory, copy)
    return copy
