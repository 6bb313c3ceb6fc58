"""The command: how many crashes, from which seed; a progress line, and what was wrong."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from crash.rounds import Judged, kills, power_losses
from crash.stages import WRITERS, records, service

STAGES = (service(), records(), WRITERS)
DEFAULT_SEEDS = 1000
KILLS_SHARE = 10
"""One crash in so many is a kill -9, which takes a process of its own each time."""


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 1 when something was wrong."""
    given = _parser().parse_args(arguments)
    logging.disable(logging.WARNING)  # each session that ends says so
    seeds = range(given.seed, given.seed + given.seeds)
    with tempfile.TemporaryDirectory(prefix="crash-") as directory:
        try:
            faults = asyncio.run(_crash(Path(directory), seeds))
        except KeyboardInterrupt:
            print("\ncrash: stopped")
            return 1
    for line in faults:
        print(f"FAULT {line}")
    lost, killed = len(STAGES) * len(seeds), len(STAGES) * len(_killed(seeds))
    print(f"crash: {len(faults) or 'no'} faults in {lost} power losses and {killed} kills")
    return 1 if faults else 0


async def _crash(directory: Path, seeds: Sequence[int]) -> list[str]:
    faults: list[str] = []
    for stage in STAGES:
        for crashes, what, chosen in ((power_losses, "power loss", seeds), (kills, "kill", _killed(seeds))):
            place = directory / f"{stage.name} {what}"
            place.mkdir()
            faults += await _faults(f"{what} of the {stage.name}", crashes(stage, chosen, place), len(chosen))
    return faults


def _killed(seeds: Sequence[int]) -> Sequence[int]:
    return seeds[: max(1, len(seeds) // KILLS_SHARE)]


async def _faults(what: str, rounds: AsyncIterator[Judged], count: int) -> list[str]:
    faults: list[str] = []
    done = 0
    async for seed, wrong in rounds:
        done += 1
        faults += [f"{what} {seed}: {fault}" for fault in wrong]
        if sys.stderr.isatty() or done == count:
            end = "\n" if done == count else ""
            print(f"\rcrash: {what} {done:,} of {count:,}, {len(faults)} faults ", end=end, file=sys.stderr, flush=True)
    return faults


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make crash", description="Crashes of the services and of writers.")
    parser.add_argument(
        "--seeds", type=int, default=DEFAULT_SEEDS, help="how many power losses of each (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the first one (default: %(default)s)")
    return parser
