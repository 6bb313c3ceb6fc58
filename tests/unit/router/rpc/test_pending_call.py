"""The rights that a call in progress rests on: each ends it, whichever cell has moved (G1, G7, G12)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fairlead_router.rpc.pending_call import PendingCall
from support.core import EVERY_FEATURE, Core, Peer, Rights

PROCEDURE = "obj.a.p"
NOT_AUTHORIZED = "wamp.error.not_authorized"


def calling() -> tuple[Core, Rights, Peer, PendingCall]:
    """Alice, who may read a and b, has called a procedure of bob's that is about a."""
    rights = Rights()
    rights.grant("alice", "a", "b")
    rights.grant("bob", "a")
    core = Core(authorizer=rights)
    bob, alice = core.join("bob", EVERY_FEATURE), core.join("alice", EVERY_FEATURE)
    bob.register(PROCEDURE)
    alice.ask([48, 1, {"receive_progress": True}, PROCEDURE])
    [call] = core.realm1.session(alice.session_id).calls.values()  # type: ignore[union-attr]
    return core, rights, alice, call


def errors(peer: Peer) -> list[str]:
    return [message[4] for message in peer.take() if message[0] == 8]


@pytest.mark.parametrize(("principals", "objects"), [((), ["a"]), (["alice"], ())])
def test_call_ends_with_the_right_to_the_object_that_its_procedure_is_about(
    principals: Sequence[str], objects: Sequence[str]
) -> None:
    core, rights, alice, _ = calling()
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(principals, objects)
    assert errors(alice) == [NOT_AUTHORIZED]


def test_call_ends_with_any_of_the_rights_that_it_was_tied_to() -> None:
    core, rights, alice, call = calling()
    rights.grant("alice", "c")
    call.tie_to("read", "b")
    call.tie_to("read", "c")
    rights.take_away("alice", "b")
    core.realm1.gate.revoke(objects=["b"])
    assert errors(alice) == [NOT_AUTHORIZED]


def test_call_that_was_tied_to_a_right_still_ends_with_the_right_to_call() -> None:
    core, rights, alice, call = calling()
    call.tie_to("read", "b")
    rights.denied_uris.add(PROCEDURE)
    core.realm1.gate.revoke(principals=["alice"])
    assert errors(alice) == [NOT_AUTHORIZED]


def test_call_that_lost_all_its_rights_at_once_ends_once() -> None:
    core, rights, alice, call = calling()
    call.tie_to("read", "b")
    rights.take_away("alice", "a", "b")
    core.realm1.gate.revoke_all()
    assert errors(alice) == [NOT_AUTHORIZED]


def test_nothing_rests_on_a_right_of_a_call_that_is_over() -> None:
    core, _, alice, call = calling()
    call.tie_to("read", "b")
    alice.ask([49, 1, {}])
    call.tie_to("read", "b")
    assert call.ties == ()
    assert core.realm1.gate.object_cell("b").holds == {}


def test_rights_that_one_callee_asked_for_bind_no_other() -> None:
    rights = Rights()
    rights.grant("alice", "b")
    core = Core(authorizer=rights)
    first, second, alice = core.join("bob"), core.join("carol"), core.join("alice")
    for callee in (first, second):
        callee.register("com.p", invoke="first")
    alice.ask([48, 1, {}, "com.p"])
    [invocation] = first.take()
    [call] = core.realm1.session(alice.session_id).calls.values()  # type: ignore[union-attr]
    call.tie_to("read", "b")
    first.ask([8, 68, invocation[1], {}, "wamp.error.unavailable"])
    rights.take_away("alice", "b")
    core.realm1.gate.revoke(objects=["b"])
    [invocation] = second.take()
    second.ask([70, invocation[1], {}, ["done"]])
    assert alice.take() == [[50, 1, {}, ["done"]]]
