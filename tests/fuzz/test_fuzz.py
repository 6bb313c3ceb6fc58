"""The fuzzer, for a few seconds in each run of the tests; and that it finds what is there to be found."""

from __future__ import annotations

from random import Random

import pytest

from fairlead_router.connection import Connection
from fairlead_router.errors import ProtocolViolation, SessionError
from fuzz.cli import TARGETS, fuzz, run_case
from fuzz.core import CoreTarget

SEED = 20261126
MESSAGES = {"codecs": 20_000, "core": 20_000, "wire": 6_000}


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_crashes_leaks_or_hangs(name: str) -> None:
    assert fuzz(TARGETS[name](), SEED, MESSAGES[name]) > 0


def test_a_failure_says_how_to_play_it_again() -> None:
    class Failing:
        name = "core"

        def run(self, random: Random) -> int:
            raise ValueError("found")

        def finish(self) -> None:
            """Nothing stays."""

    with pytest.raises(ValueError, match="found") as caught:
        run_case(Failing(), 7, 4711)
    assert caught.value.__notes__ == ['again: make fuzz ARGS="--target core --seed 7 --case 4711"']


def test_an_exception_in_the_core_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_connection: Connection, error: SessionError) -> None:
        raise RuntimeError("a mistake of ours") if isinstance(error, ProtocolViolation) else error

    monkeypatch.setattr(Connection, "fail", fail)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        fuzz(CoreTarget(), SEED, 20_000)


def test_a_session_that_stays_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "lost", lambda _connection: None)
    with pytest.raises(AssertionError, match="a session stays"):
        fuzz(CoreTarget(), SEED, 1_000)
