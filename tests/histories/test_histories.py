"""Real servers, for some seconds in each run of the tests; `make histories` plays for minutes.

What is promised of revocation is kept, and is not where a mechanism is switched off.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from histories.figures import Figures
from histories.play import Options, play
from histories.validators import VALIDATORS, judge
from support import postgres

SEED = 20261126
BROKEN = str(Path(__file__).with_name("broken_serve.py"))


@pytest.mark.limit_s(60)
async def test_every_promise_is_kept(tmp_path: Path) -> None:
    history = await play(tmp_path, Options(4, SEED))
    assert judge(history) == {name: [] for name in VALIDATORS}
    figures = Figures.of(history)
    assert figures.deliveries > 500
    assert figures.positions > 50
    assert figures.losses > 50
    assert figures.notices > 10


@pytest.mark.limit_s(60)
async def test_every_promise_is_kept_with_postgresql(tmp_path: Path) -> None:
    history = await play(tmp_path, Options(2, SEED, database=postgres.new_database()))
    assert judge(history) == {name: [] for name in VALIDATORS}
    assert Figures.of(history).losses > 20


@pytest.mark.limit_s(60)
async def test_every_promise_is_kept_by_a_server_that_is_killed(tmp_path: Path) -> None:
    history = await play(tmp_path, Options(3, SEED, kills=1))
    assert judge(history) == {name: [] for name in VALIDATORS}
    assert Figures.of(history).losses > 20


@pytest.mark.limit_s(60)
@pytest.mark.parametrize(
    ("mechanism", "broken"), [("gate", {"NoLaterEvent", "Purged", "ToldOnce"}), ("purge", {"Purged"})]
)
async def test_the_validators_find_what_is_switched_off(tmp_path: Path, mechanism: str, broken: set[str]) -> None:
    history = await play(tmp_path, Options(2.5, SEED, program=(sys.executable, BROKEN, mechanism)))
    found = judge(history)
    assert broken <= {name for name, faults in found.items() if faults}
