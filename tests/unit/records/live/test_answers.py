"""Answers that are repeated: so many, of so many bytes, for so long."""

from __future__ import annotations

import pytest

from fairlead_records.live import answers as answers_module
from fairlead_records.live.answers import Answers
from fairlead_records.store.record_store import Answer


def answer(key: str, at_us: int = 1, size: int = 10) -> Answer:
    return Answer("alice", key, b'"%b"' % (b"x" * size), at_us)


def test_the_oldest_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_module, "KEPT_ANSWERS", 2)
    answers = Answers(answer(key) for key in "abc")
    assert [answers.get("alice", key) is None for key in "abc"] == [True, False, False]


def test_the_oldest_are_forgotten_when_they_take_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_module, "KEPT_BYTES", 100)
    answers = Answers([answer("a", size=60), answer("b", size=30), answer("c", size=30)])
    assert [answers.get("alice", key) is None for key in "abc"] == [True, False, False]


def test_trimming_says_before_what_time_nothing_is_known() -> None:
    answers = Answers([answer("a", 1), answer("b", 5), answer("c", 9)])
    assert answers.trim(3) == 5
    assert len(answers) == 2
    assert answers.trim(10) == 10
    assert len(answers) == 0
