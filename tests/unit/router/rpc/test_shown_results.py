"""Results of the router's own that wait to be written, and what becomes of them when a right goes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.options import RealmOptions
from fairlead_router.payload import Payload
from fairlead_router.pubsub.event_history import HistoryRule
from fairlead_router.rpc.call import PENDING, Call
from support.core import EVERY_FEATURE, Core, Peer, Rights, types_of

GET_EVENTS = "wamp.subscription.get_events"
NOT_AUTHORIZED = "wamp.error.not_authorized"


def world() -> tuple[Core, Rights, Peer]:
    """Alice may see `a` and `b`, of which the realm keeps events, and subscribes to all objects; she reads nothing."""
    rights = Rights()
    rights.grant("alice", "a", "b")
    core = Core(authorizer=rights, options=RealmOptions(event_history=(HistoryRule("obj.", "prefix"),)))
    publisher = core.join("publisher")
    rights.grant("publisher", "a", "b")
    for topic in ("obj.a.x", "obj.b.x"):
        publisher.send([16, 1, {}, topic, [topic]])
    return core, rights, core.join("alice")


def ask_for(alice: Peer, *subscriptions: int) -> None:
    """Each subscription's events, in answers that stay in the queue."""
    alice.clog()
    for request, subscription in enumerate(subscriptions, 1):
        alice.send([48, request, {}, GET_EVENTS, [subscription]])
    alice.core.host.run()


def test_result_that_may_not_be_seen_any_more_is_an_error_and_no_other_is() -> None:
    core, rights, alice = world()
    ask_for(alice, alice.subscribe("obj.a.x"), alice.subscribe("obj.b.x"))
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(principals=["alice"])
    alice.read_on()
    answers = {message[1 if message[0] == 50 else 2]: message for message in alice.take()}
    assert (answers[1][0], answers[1][4]) == (8, NOT_AUTHORIZED)
    assert (answers[2][0], answers[2][3][0]["args"]) == (50, ["obj.b.x"])


def test_result_about_many_objects_goes_with_one_of_them() -> None:
    core, rights, alice = world()
    ask_for(alice, alice.subscribe("obj.", match="prefix"))
    rights.take_away("alice", "b")
    core.realm1.gate.revoke(objects=["b"])
    alice.read_on()
    [error] = alice.take()
    assert (error[0], error[4]) == (8, NOT_AUTHORIZED)


def test_unrelated_revocation_leaves_the_result() -> None:
    core, _, alice = world()
    ask_for(alice, alice.subscribe("obj.", match="prefix"))
    core.realm1.gate.revoke(principals=["publisher"], objects=["c"])
    core.realm1.gate.revoke_all()
    alice.read_on()
    assert types_of(alice.take()) == [50]


def test_result_that_was_written_is_answered_once() -> None:
    core, rights, alice = world()
    subscription = alice.subscribe("obj.a.x")
    assert types_of(alice.ask([48, 1, {}, GET_EVENTS, [subscription]])) == [50]
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(principals=["alice"])
    assert 8 not in types_of(alice.take())


def test_session_that_ends_leaves_nothing_to_judge() -> None:
    core, rights, alice = world()
    desk = core.join("alice")
    ask_for(alice, alice.subscribe("obj.a.x"))
    alice.vanish()
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(principals=["alice"])
    assert not core.realm1.gate.principal_cell("alice").holds
    assert desk.take() == []


def test_results_keep_their_place_among_other_messages() -> None:
    core, _, alice = world()
    ask_for(alice, alice.subscribe("obj.a.x"))
    alice.send([32, 9, {}, "com.x"])
    core.host.run()
    core.realm1.pubsub.deliver("com.x", Payload.of("later"), {})
    alice.read_on()
    assert types_of(alice.take()) == [50, 33, 36]


# ---- the results of calls that have ended ----


HOW: dict[str, Callable[[Call], object]] = {
    "held": lambda call: call.hold("read", "a"),
    "shown while": lambda call: call.show_while(lambda: call.caller.can("read", "a")),
    "by the right to call": lambda call: None,
}


def finished(rights: Rights, how: str) -> tuple[Core, Peer]:
    """A call of alice's of which the final result and those before it wait in the queue."""
    core = Core(authorizer=rights)
    alice = core.join("alice", EVERY_FEATURE)
    calls: list[Call] = []

    def endpoint(call: Call) -> object:
        calls.append(call)
        HOW[how](call)
        return PENDING

    procedure = "obj.a.x" if how == "by the right to call" else "com.x"
    core.realm1.join(Principal("service", "service")).register(procedure, endpoint)  # type: ignore[arg-type]
    alice.send([48, 1, {"receive_progress": True}, procedure])
    alice.clog()
    calls[0].send({"is": "progressive"})
    calls[0].finish({"is": "final"})
    core.host.run()
    return core, alice


@pytest.mark.parametrize("how", HOW)
async def test_results_of_a_call_that_has_ended_go_with_the_right_that_it_rested_on(how: str) -> None:
    rights = Rights()
    rights.grant("alice", "a")
    core, alice = finished(rights, how)
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(objects=["a"])
    alice.read_on()
    [error] = alice.take()
    assert error[:5] == [8, 48, 1, {}, NOT_AUTHORIZED]


@pytest.mark.parametrize("how", HOW)
async def test_results_of_a_call_that_has_ended_stay_with_the_right(how: str) -> None:
    rights = Rights()
    rights.grant("alice", "a")
    core, alice = finished(rights, how)
    core.realm1.gate.revoke_all()
    alice.read_on()
    assert [message[3] for message in alice.take()] == [[{"is": "progressive"}], [{"is": "final"}]]
