"""L8: a kill -9 or a power loss at any moment loses nothing acknowledged, repeats nothing and moves nothing.

A few crashes in each run of the tests; `make crash` makes a thousand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from crash.power_loss import Recording
from crash.recording import Kind
from crash.rounds import judged, kills, power_losses

SEED = 20261126
CONTROLS = 15
"""Cuts until what is switched off must have been missed."""


@pytest.mark.limit_s(60)
async def test_a_power_loss_loses_nothing_acknowledged(tmp_path: Path) -> None:
    seeds = range(SEED, SEED + 60)
    faults = [(seed, wrong) async for seed, wrong in power_losses(seeds, tmp_path) if wrong]
    assert faults == []


@pytest.mark.limit_s(60)
async def test_a_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    seeds = range(SEED, SEED + 3)
    faults = [(seed, wrong) async for seed, wrong in kills(seeds, tmp_path) if wrong]
    assert faults == []


async def faulty_cuts(recording: Recording, directory: Path, ignored: set[Kind]) -> int:
    cuts = recording.cuts(range(SEED, SEED + CONTROLS), directory, ignored)
    return sum([bool(await judged(cut)) for cut in cuts])


@pytest.mark.limit_s(60)
@pytest.mark.parametrize("ignored", [Kind.SYNC, Kind.SYNC_DIRECTORY], ids=["file", "directory"])
async def test_a_disk_that_does_not_sync_is_found_out(tmp_path: Path, ignored: Kind) -> None:
    (root := tmp_path / "run").mkdir()
    assert await faulty_cuts(Recording(root, SEED), tmp_path, {ignored}) > 0


@pytest.mark.limit_s(60)
@pytest.mark.parametrize("level", ["OFF", "NORMAL"])
async def test_a_store_that_does_not_wait_for_the_disk_is_found_out(tmp_path: Path, level: str) -> None:
    (root := tmp_path / "run").mkdir()
    recording = Recording(root, SEED, pragmas=[f"synchronous={level}"])
    assert await faulty_cuts(recording, tmp_path, set()) > 0
