"""What peers can make fail is in the log, but not as often as they like."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.failure_log import FailureLog
from fairlead_router.limits import Limits
from support.core import Core, HandHost, Rights


class Broken(Rights):
    """An authorizer with a mistake."""

    def authorize(self, *question: Any) -> Any:
        raise ZeroDivisionError("secret")


def test_first_failures_are_logged_whole_and_the_others_counted(caplog: pytest.LogCaptureFixture) -> None:
    host = HandHost()
    failures = FailureLog(host, 2)
    for _ in range(5):
        failures.add("it failed", ZeroDivisionError())
    assert [(record.message, bool(record.exc_info)) for record in caplog.records] == [("it failed", True)] * 2
    host.advance(60)
    failures.add("it failed again")
    assert caplog.messages[2:] == ["3 more failures were left out (logged_failures)", "it failed again"]


def test_quiet_minute_is_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    host = HandHost()
    failures = FailureLog(host, 2)
    failures.add("it failed")
    host.advance(60)
    failures.add("it failed again")
    assert caplog.messages == ["it failed", "it failed again"]


def test_peer_fills_no_log_by_what_an_authorizer_with_a_mistake_judges(caplog: pytest.LogCaptureFixture) -> None:
    alice = Core(Limits(logged_failures=3), Broken()).join()
    errors = alice.ask(*([16, request, {"acknowledge": True}, "com.x"] for request in range(1, 101)))
    assert [error[4] for error in errors] == ["wamp.error.authorization_failed"] * 100
    assert len(caplog.records) == 3
