"""Remembered answers: bounded, and for no longer than their lifetime."""

from __future__ import annotations

from fairlead_router.authorizers.cache import AnswerCache
from support.core import HandHost

LIFETIME_S = 60.0


def cache(size: int = 100) -> tuple[HandHost, AnswerCache]:
    host = HandHost()
    return host, AnswerCache(host, size, LIFETIME_S)


def test_answers_are_remembered_yes_and_no() -> None:
    _, answers = cache()
    answers.put("yes", True)
    answers.put("no", False)
    assert (answers.get("yes"), answers.get("no"), answers.get("other")) == (True, False, None)


def test_answer_lives_for_half_its_lifetime_and_never_longer_than_all_of_it() -> None:
    for put_at_s in range(0, 120, 7):
        host, answers = cache()
        answers.put("older", True)
        host.advance(put_at_s)
        answers.put("question", True)
        host.advance(LIFETIME_S / 2 - 0.1)
        assert answers.get("question") is True
        host.advance(LIFETIME_S / 2 + 0.1)
        assert answers.get("question") is None


def test_asking_keeps_no_answer_alive() -> None:
    host, answers = cache()
    answers.put("question", True)
    for _ in range(int(LIFETIME_S)):
        answers.get("question")
        host.advance(1)
    assert answers.get("question") is None


def test_answers_are_bounded_and_the_newest_stay() -> None:
    _, answers = cache(size=100)
    for number in range(1000):
        answers.put(number, True)
        assert len(answers) <= 100
    assert all(answers.get(number) for number in range(951, 1000))


def test_newer_answer_counts() -> None:
    host, answers = cache()
    answers.put("question", True)
    host.advance(LIFETIME_S / 2)
    answers.put("question", False)
    assert answers.get("question") is False


def test_cleared_cache_has_forgotten_everything() -> None:
    host, answers = cache()
    answers.put("old", True)
    host.advance(LIFETIME_S / 2)
    answers.put("young", True)
    answers.clear()
    assert (answers.get("old"), answers.get("young"), len(answers)) == (None, None, 0)


def test_empty_cache_needs_no_timer() -> None:
    host, answers = cache()
    assert host.pending_timers == 0
    answers.put("question", True)
    host.advance(2 * LIFETIME_S)
    assert host.pending_timers == 0
