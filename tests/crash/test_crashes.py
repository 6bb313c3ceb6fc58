"""L8: a kill -9 or a power loss at any moment loses nothing acknowledged, repeats nothing and moves nothing.

Of logs and of records. And of a writer's spool a kill takes nothing, a power loss at most what was not synced. A few
crashes in each run of the tests; `make crash` makes a thousand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crash import stages
from crash.power_loss import Recording
from crash.recording import Kind
from crash.rounds import judged, kills, power_losses
from crash.stages import WRITERS, Stage

SEED = 20261126
CONTROLS = 15
"""Cuts until what is switched off must have been missed."""

each_stage = pytest.mark.parametrize(
    "stage", [stages.service(), stages.records(), WRITERS], ids=lambda stage: str(stage.name)
)


@each_stage
@pytest.mark.limit_s(60)
async def test_a_power_loss_loses_nothing_promised(stage: Stage, tmp_path: Path) -> None:
    seeds = range(SEED, SEED + 50)
    faults = [(seed, wrong) async for seed, wrong in power_losses(stage, seeds, tmp_path) if wrong]
    assert faults == []


@each_stage
@pytest.mark.limit_s(60)
async def test_a_kill_loses_nothing_promised(stage: Stage, tmp_path: Path) -> None:
    seeds = range(SEED, SEED + 3)
    faults = [(seed, wrong) async for seed, wrong in kills(stage, seeds, tmp_path) if wrong]
    assert faults == []


async def faulty_cuts(stage: Stage, directory: Path, ignored: set[Kind]) -> int:
    (root := directory / "run").mkdir()
    cuts = Recording(stage, root, SEED).cuts(range(SEED, SEED + CONTROLS), directory, ignored)
    return sum([bool(await judged(stage, cut)) for cut in cuts])


@each_stage
@pytest.mark.limit_s(60)
@pytest.mark.parametrize("ignored", [Kind.SYNC, Kind.SYNC_DIRECTORY], ids=["file", "directory"])
async def test_a_disk_that_does_not_sync_is_found_out(stage: Stage, ignored: Kind, tmp_path: Path) -> None:
    assert await faulty_cuts(stage, tmp_path, {ignored}) > 0


@pytest.mark.limit_s(60)
@pytest.mark.parametrize("level", ["OFF", "NORMAL"])
@pytest.mark.parametrize("stage", [stages.service, stages.records])
async def test_a_store_that_does_not_wait_for_the_disk_is_found_out(
    stage: Callable[[str], Stage], tmp_path: Path, level: str
) -> None:
    assert await faulty_cuts(stage(f"synchronous={level}"), tmp_path, set()) > 0
