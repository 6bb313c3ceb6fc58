"""Who has registered what."""

from __future__ import annotations

import pytest

from fairlead_router.limits import Limits
from support.core import Core, types_of


def test_procedure_has_one_callee() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.register("com.p")
    [error] = bob.ask([64, 2, {}, "com.p"])
    assert error[:5] == [8, 64, 2, {}, "wamp.error.procedure_already_exists"]


def test_unregistered_procedure_is_free_again() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    registration = alice.register("com.p")
    assert alice.ask([66, 2, registration]) == [[67, 2]]
    assert bob.ask([48, 1, {}, "com.p"])[0][4] == "wamp.error.no_such_procedure"
    assert bob.register("com.p") != registration


def test_call_in_progress_survives_unregister() -> None:
    core = Core()
    callee, caller = core.join(), core.join()
    registration = callee.register("com.p")
    caller.ask([48, 1, {}, "com.p"])
    [[_, invocation, *_]] = callee.take()
    callee.ask([66, 2, registration])
    callee.send([70, invocation, {}, ["done"]])
    assert caller.take() == [[50, 1, {}, ["done"]]]


def test_registration_of_another_session_cannot_be_taken_back() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    registration = alice.register("com.p")
    [error] = bob.ask([66, 2, registration])
    assert error[:5] == [8, 66, 2, {}, "wamp.error.no_such_registration"]


def test_callee_that_leaves_frees_its_procedures() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.register("com.p")
    alice.vanish()
    bob.register("com.p")


@pytest.mark.parametrize(
    ("options", "procedure", "error"),
    [
        ({}, "com..p", "wamp.error.invalid_uri"),
        ({}, "", "wamp.error.invalid_uri"),
        ({}, "wamp.session.count", "wamp.error.not_authorized"),
        ({}, "fairlead.log.append", "wamp.error.not_authorized"),
        ({"match": "prefix"}, "wamp.session.", "wamp.error.not_authorized"),
        ({"match": "wildcard"}, "fairlead..append", "wamp.error.not_authorized"),
        ({"match": "prefix"}, "com..p", "wamp.error.invalid_uri"),
        ({"match": "wildcard"}, "a." * 16 + "a", "fairlead.error.limit_exceeded"),
        ({"invoke": "cheapest"}, "com.p", "wamp.error.option_not_allowed"),
    ],
)
def test_registration_is_refused(options: dict[str, object], procedure: str, error: str) -> None:
    [answer] = Core().join().ask([64, 5, options, procedure])
    assert answer[:5] == [8, 64, 5, {}, error]


def test_registrations_of_a_session_are_limited() -> None:
    alice = Core(Limits(registrations_per_session=1)).join()
    alice.register("com.p")
    [error] = alice.ask([64, 5, {}, "com.q"])
    assert error[4] == "fairlead.error.limit_exceeded"
    assert "registrations_per_session" in error[5][0]


def test_callee_may_ask_who_calls() -> None:
    core = Core()
    callee, caller = core.join(), core.join("alice")
    callee.register("com.p", disclose_caller=True)
    callee.register("com.q")
    caller.ask([48, 1, {}, "com.p"], [48, 2, {}, "com.q"], [48, 3, {"disclose_me": True}, "com.q"])
    who = {"caller": caller.session_id, "caller_authid": "alice", "caller_authrole": "user"}
    assert [invocation[3] for invocation in callee.take()] == [who, {}, who]


def test_invocation_ids_count_from_one_for_each_callee() -> None:
    core = Core()
    alice, bob, caller = core.join(), core.join(), core.join()
    alice.register("com.a")
    bob.register("com.b")
    caller.ask([48, 10, {}, "com.a"], [48, 11, {}, "com.b"], [48, 12, {}, "com.a"])
    assert [message[1] for message in alice.take()] == [1, 2]
    assert [message[1] for message in bob.take()] == [1]
    assert types_of(caller.take()) == []
