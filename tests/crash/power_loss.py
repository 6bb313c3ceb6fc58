"""Power loss: one recorded run of a stage, cut at many places, and the files that may be there then.

A run may begin with what such a cut has left, so that the recovery from a crash is cut as well.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from crash.disk import Disk
from crash.recording import Kind, Step, recorded_environment, steps
from crash.stages import Run, Stage

TOLD = "told"


class Cut(NamedTuple):
    """What there is after a power loss: the files in `place`, and what had been said until then."""

    seed: int
    place: Path
    said: list[bytes]


class Recording:
    """A run of a stage, with what is there in its root, after what has been `said` before."""

    def __init__(self, stage: Stage, root: Path, seed: int, number: int = 0, said: Sequence[bytes] = ()) -> None:
        self._machines = stage.machines
        self._disk = Disk.holding(root)
        self._said = list(said)
        command = stage.command(Run(root, str(root / TOLD), seed, number))
        log = root.with_suffix(".log")
        subprocess.run(command, check=True, env=recorded_environment(root, log))
        self._steps = list(steps(log, root))
        self._told_inode = next(step.inode for step in self._steps if step.path == TOLD)
        self._tells = [index for index, step in enumerate(self._steps) if self._is_telling(step)]
        log.unlink()
        shutil.rmtree(root)

    def cuts(self, seeds: Iterable[int], directory: Path, ignored: Collection[Kind] = frozenset()) -> Iterator[Cut]:
        """A cut for each seed, in the order of their places; once only. What is `ignored` the disk says it has done."""
        places = sorted((self._place_of(random.Random(seed)), seed) for seed in seeds)
        done = 0
        for place, seed in places:
            for step in self._steps[done:place]:
                self._do(step, ignored)
            done = place
            left = directory / f"cut{seed}"
            left.mkdir()
            chance = random.Random(f"disk {seed}")
            self._disk.after_power_loss(chance, left, chance.choice(["", *self._machines]))
            yield Cut(seed, left, list(self._said))

    def _place_of(self, chance: random.Random) -> int:
        """Anywhere, or just after something was told, when a loss would show."""
        return chance.choice([chance.randrange(len(self._steps)), chance.choice(self._tells) + 1])

    def _do(self, step: Step, ignored: Collection[Kind]) -> None:
        if self._is_telling(step):
            self._said.append(step.data)
        elif step.path != TOLD and step.kind not in ignored:
            self._disk.do(step)

    def _is_telling(self, step: Step) -> bool:
        return step.kind is Kind.WRITE and step.inode == self._told_inode
