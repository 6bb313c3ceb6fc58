"""What an authorizer answers later: at most once, within its time; whatever is no bool is a no."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.answers import Answers, Verdict
from fairlead_router.errors import AuthorizationFailed
from fairlead_router.failure_log import FailureLog
from support.core import Answer, HandHost

TIMEOUT_S = 10.0


def asked() -> tuple[HandHost, Answer, list[Verdict]]:
    host, answer = HandHost(), Answer()
    verdicts: list[Verdict] = []
    Answers(host, TIMEOUT_S, FailureLog(host, 20)).wait_for(answer, verdicts.append)
    return host, answer, verdicts


@pytest.mark.parametrize("value", [True, False])
def test_answer_is_handed_on_and_nothing_is_left(value: bool) -> None:
    host, answer, verdicts = asked()
    answer.give(value)
    host.run()
    assert verdicts == [value]
    assert host.pending_timers == 0


@pytest.mark.parametrize("value", [None, 1, "yes", {"allow": True}, ZeroDivisionError("secret")])
def test_what_is_no_bool_is_a_failure_that_only_the_log_explains(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    host, answer, verdicts = asked()
    answer.give(value)
    host.run()
    [failure] = verdicts
    assert isinstance(failure, AuthorizationFailed)
    assert "secret" not in failure.text
    assert (repr(value) if not isinstance(value, Exception) else "secret") in caplog.text


def test_failure_that_the_authorizer_meant_for_the_peer_is_handed_on() -> None:
    host, answer, verdicts = asked()
    meant = AuthorizationFailed("nobody has registered 'com.authorize'")
    answer.give(meant)
    host.run()
    assert verdicts == [meant]


def test_answer_that_does_not_come_is_a_failure_when_its_time_is_over() -> None:
    host, _, verdicts = asked()
    host.advance(TIMEOUT_S - 0.1)
    assert verdicts == []
    host.advance(0.2)
    [failure] = verdicts
    assert isinstance(failure, AuthorizationFailed)


def test_answer_that_comes_after_its_time_is_none() -> None:
    host, answer, verdicts = asked()
    host.advance(TIMEOUT_S)
    answer.give(True)
    host.run()
    assert len(verdicts) == 1
    assert verdicts != [True]
