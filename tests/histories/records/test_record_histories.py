"""Real servers with records, for some seconds in each run of the tests; `make histories` plays for minutes.

What is promised of watches is kept whatever goes wrong, and is not where a mechanism is switched off.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from histories.records.figures import RecordFigures
from histories.records.play import RecordOptions, clone, play
from histories.records.validators import VALIDATORS, judge

SEED = 20261127
KEPT: dict[str, list[str]] = {name: [] for name in VALIDATORS}


@pytest.mark.limit_s(60)
async def test_every_promise_about_records_is_kept_through_kills_and_another_store(tmp_path: Path) -> None:
    history = await play(tmp_path, RecordOptions(3, SEED))
    assert judge(history) == KEPT
    figures = RecordFigures.of(history)
    assert figures.acknowledged > 100
    assert figures.told > 500
    assert figures.resumed > 10
    assert figures.resets > 0
    assert figures.losses > 5


@pytest.mark.limit_s(60)
async def test_clones_of_many_keys_converge_under_fire(tmp_path: Path) -> None:
    options = clone(3, SEED, keys=1_000)._replace(watchers=8, stays_s=2, kills=1)
    history = await play(tmp_path, options)
    assert judge(history) == KEPT
    assert RecordFigures.of(history).told > 8_000


@pytest.mark.limit_s(60)
@pytest.mark.parametrize(
    ("mechanism", "broken"),
    [
        ("gate", {"Authorised", "Converged"}),
        ("history", {"Resumable"}),
    ],
)
async def test_the_validators_find_what_is_switched_off_in_the_record_service(
    tmp_path: Path, mechanism: str, broken: set[str]
) -> None:
    options = RecordOptions(1.5, SEED, mechanism, kills=0, is_wiped=False, stays_s=0.5, catch_up_s=1)
    found = judge(await play(tmp_path, options))
    assert broken <= {name for name, sentences in found.items() if sentences}


@pytest.mark.limit_s(60)
@pytest.mark.parametrize(
    ("mechanism", "broken"),
    [
        ("bookmark", {"Bookmarkable"}),
        ("last", {"Converged"}),
    ],
)
async def test_the_validators_find_what_is_switched_off_where_readers_are_slow(
    tmp_path: Path, mechanism: str, broken: set[str]
) -> None:
    options = clone(1.5, SEED, keys=1_500)._replace(
        mechanism=mechanism, watchers=6, stays_s=1, kills=0, is_wiped=False, catch_up_s=1
    )
    found = judge(await play(tmp_path, options))
    assert broken <= {name for name, sentences in found.items() if sentences}
