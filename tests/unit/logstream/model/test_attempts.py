"""Attempts: the latest ones are known, with how they ended, in bounded room."""

from __future__ import annotations

from fairlead_logstream.model.attempts import ATTEMPTS_LIMIT, REASON_CHARACTERS, Attempt, begun, ended, found
from unit.logstream.fakes import NOW_US

ONE, TWO, THREE = Attempt(1, 0, NOW_US), Attempt(2, 5, NOW_US + 1), Attempt(3, 9, NOW_US + 2)


def test_the_latest_is_the_one_that_ends() -> None:
    assert ended((ONE, TWO), 3, "killed") == (ONE, Attempt(2, 5, NOW_US + 1, 3, "killed"))


def test_where_none_is_known_none_ends() -> None:
    assert ended((), 0, None) == ()


def test_one_is_found_with_the_begin_of_the_next() -> None:
    attempts = (ONE, TWO, THREE)
    assert found(attempts, 1) == (ONE, 5)
    assert found(attempts, 2) == (TWO, 9)
    assert found(attempts, 3) == (THREE, None)
    assert found(attempts, 4) is None
    assert found((), 1) is None


def test_the_oldest_are_forgotten_beyond_the_limit() -> None:
    attempts: tuple[Attempt, ...] = ()
    for number in range(1, ATTEMPTS_LIMIT + 3):
        attempts = begun(attempts, Attempt(number, number, NOW_US))
    assert len(attempts) == ATTEMPTS_LIMIT
    assert found(attempts, 2) is None
    assert found(attempts, 3) == (Attempt(3, 3, NOW_US), 4)


def test_a_long_reason_is_cut() -> None:
    (attempt,) = ended((ONE,), 1, "x" * 1024)
    assert attempt.reason == "x" * REASON_CHARACTERS
