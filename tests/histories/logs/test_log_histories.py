"""Real log servers, for some seconds in each run of the tests; `make histories` plays for minutes.

What is promised of logs is kept whatever goes wrong, and is not where a mechanism is switched off.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from histories.logs.figures import LogFigures
from histories.logs.play import LogOptions, play
from histories.logs.validators import VALIDATORS, judge
from support import postgres

SEED = 20261126
KEPT: dict[str, list[str]] = {name: [] for name in VALIDATORS}


@pytest.mark.limit_s(90)
async def test_every_promise_about_logs_is_kept_through_faults_and_another_store(tmp_path: Path) -> None:
    history = await play(tmp_path, LogOptions(4, SEED, is_replaced=True))
    assert judge(history) == KEPT
    figures = LogFigures.of(history)
    assert figures.acknowledged > 200
    assert figures.read > 500
    assert figures.resumed > 50
    assert figures.resets > 0
    assert figures.faults > 2


@pytest.mark.limit_s(90)
async def test_every_promise_about_logs_is_kept_by_two_servers_on_one_database(tmp_path: Path) -> None:
    options = LogOptions(1, SEED, database=postgres.new_database(), faults=("server_killed", "network_black"))
    history = await play(tmp_path, options)
    assert judge(history) == KEPT
    assert LogFigures.of(history).read > 200


@pytest.mark.limit_s(90)
@pytest.mark.parametrize(
    ("mechanisms", "fault", "broken"),
    [
        ("acknowledgement,hand-over", "server_killed", {"Durable", "Unique"}),
        ("delivery", "server_killed", {"Ordered", "Converged"}),
        ("gate", "clock_stepped", {"Authorised"}),
    ],
)
async def test_the_validators_find_what_is_switched_off_in_the_log_service(
    tmp_path: Path, mechanisms: str, fault: str, broken: set[str]
) -> None:
    options = LogOptions(2, SEED, mechanisms, faults=(fault,), between_s=1.2, catch_up_s=1)
    found = judge(await play(tmp_path, options))
    assert broken <= {name for name, sentences in found.items() if sentences}
