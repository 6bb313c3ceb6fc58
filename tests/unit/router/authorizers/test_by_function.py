"""A function of the program as the authorizer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from fairlead_router import Action, Match, Principal
from fairlead_router.authorizers import CallableAuthorizer
from support.core import EVERY_FEATURE, Answer, Core, types_of

FAILED = "wamp.error.authorization_failed"


class Function:
    """Allows what is in `allowed`, and remembers what it was asked."""

    def __init__(self) -> None:
        self.allowed: set[tuple[str, str]] = set()
        self.asked: list[tuple[Any, ...]] = []
        self.answer: bool | Awaitable[bool] | Exception | None = None

    def __call__(self, principal: Principal, action: Action, uri: str, match: Match) -> bool | Awaitable[bool]:
        self.asked.append((principal.authid, action, uri, match))
        if isinstance(self.answer, Exception):
            raise self.answer
        return (principal.authid, uri) in self.allowed if self.answer is None else self.answer


def world() -> tuple[Core, Function, CallableAuthorizer]:
    function = Function()
    authorizer = CallableAuthorizer(function)
    return Core(authorizer=authorizer), function, authorizer


def test_function_is_asked_with_the_match_policy() -> None:
    core, function, _ = world()
    alice = core.join("alice")
    function.allowed = {("alice", "com.x")}
    assert types_of(alice.ask([32, 1, {}, "com.x"])) == [33]
    assert alice.ask([32, 2, {"match": "prefix"}, "com."])[0][4] == "wamp.error.not_authorized"
    assert function.asked == [("alice", "subscribe", "com.x", "exact"), ("alice", "subscribe", "com.", "prefix")]


def test_answer_may_come_later() -> None:
    core, function, _ = world()
    alice = core.join("alice")
    function.answer = answer = Answer()
    assert alice.ask([32, 1, {}, "com.x"]) == []
    answer.give(True)
    assert types_of(alice.take()) == [33]


def test_function_that_raises_allows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    core, function, _ = world()
    function.answer = ZeroDivisionError("secret")
    [error] = core.join("alice").ask([32, 1, {}, "com.x"])
    assert error[4] == FAILED
    assert "secret" not in str(error)
    assert "ZeroDivisionError: secret" in caplog.text


def test_coroutine_that_raises_allows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    core, function, _ = world()
    alice = core.join("alice")
    function.answer = answer = Answer()
    alice.ask([32, 1, {}, "com.x"])
    answer.give(ZeroDivisionError("secret"))
    [error] = alice.take()
    assert error[4] == FAILED
    assert "ZeroDivisionError: secret" in caplog.text


async def test_coroutine_function_is_awaited() -> None:
    async def may(principal: Principal, action: Action, uri: str, match: Match) -> bool:
        return uri == "com.x"

    core = Core(authorizer=CallableAuthorizer(may))
    alice = core.join("alice")
    alice.send([32, 1, {}, "com.x"])
    while not (answers := alice.take()):
        await asyncio.sleep(0)
    assert types_of(answers) == [33]


def test_change_ends_what_the_function_denies_now() -> None:
    core, function, authorizer = world()
    function.allowed = {("alice", "com.x"), ("bob", "com.x")}
    alice, bob = core.join("alice", roles=EVERY_FEATURE), core.join("bob", roles=EVERY_FEATURE)
    for peer in (alice, bob):
        peer.subscribe("com.x")
    function.allowed.clear()
    authorizer.changed("alice")
    assert (types_of(alice.take()), types_of(bob.take())) == ([35], [])
    authorizer.changed()
    assert types_of(bob.take()) == [35]
