"""Observers and sources that fail: the router has logged it, and leaves nothing half done."""

from __future__ import annotations

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.observer import RealmObserver
from support.core import Core, types_of


class Clumsy(RealmObserver):
    """An observer that fails whatever it is told."""

    def joined(self, session_id: int, principal: Principal) -> None:
        raise ZeroDivisionError

    left = limit_exceeded = subscription_revoked = joined  # type: ignore[assignment]


def test_observer_that_fails_leaves_nothing_half_done(caplog: pytest.LogCaptureFixture) -> None:
    core = Core()
    core.realm1.observe(Clumsy())
    callee, caller = core.join(), core.join()
    callee.register("com.p")
    caller.subscribe("wamp.session.on_leave")
    caller.ask([48, 1, {}, "com.p"])
    callee.vanish()
    assert types_of(caller.take()) == [8, 36]
    assert "ZeroDivisionError" in caplog.text


def test_source_that_fails_leaves_no_session_half_closed() -> None:
    core = Core()
    core.serve().left = lambda reader: 1 / 0  # type: ignore[assignment, method-assign]
    callee, caller = core.join(), core.join()
    callee.subscribe("src.a")
    callee.register("com.p")
    caller.ask([48, 1, {}, "com.p"])
    callee.vanish()
    assert [message[4] for message in caller.take()] == ["wamp.error.canceled"]
