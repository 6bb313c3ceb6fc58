"""Real dispatchers on a real server, for some seconds in each run of the tests; `make histories` plays for minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from histories.dispatch.figures import DispatchFigures
from histories.dispatch.play import FAULTS, DispatchOptions, play
from histories.dispatch.validators import VALIDATORS, judge

SEED = 20261127


@pytest.mark.limit_s(120)
async def test_containers_run_once_and_end_whoever_is_killed(tmp_path: Path) -> None:
    history = await play(tmp_path, DispatchOptions(5, SEED, dispatchers=2, between_s=0.8))
    assert judge(history) == {name: [] for name in VALIDATORS}
    assert set(history.faults) == set(FAULTS)
    assert DispatchFigures.of(history).processes > 3


@pytest.mark.limit_s(120)
async def test_the_validators_find_a_cancel_that_is_forgotten(tmp_path: Path) -> None:
    options = DispatchOptions(3, SEED, "cancel", dispatchers=2, stays_s=(1.5,), faults=("server_killed",), between_s=3)
    assert judge(await play(tmp_path, options))["Cancelled"] != []
