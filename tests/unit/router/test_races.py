"""The six races between a revocation and what is on its way: each lost by routers that authorize at SUBSCRIBE only.

A race is a function that fails if the revocation loses it. Each runs twice: with the gate it holds, with the gate
switched off it must not, or it would prove nothing. The remembered answers of an authorizer procedure (race d) are
in authorizers/test_by_procedure.py too, real sockets in tests/integration/test_router_revocation.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fairlead_router.authorizers import CallableAuthorizer
from fairlead_router.gate import Gate
from fairlead_router.limits import Limits
from fairlead_router.options import RealmOptions
from fairlead_router.payload import Payload
from fairlead_router.pubsub.event_history import HistoryRule
from support.core import EVERY_FEATURE, Answer, Core, GateSwitchedOff, Peer, Rights, types_of

Race = Callable[[type[Gate]], None]
RACES: list[Race] = []

LIMITS = Limits(write_bytes=1000, transport_bytes=2000)
RESIDUE_BYTES = LIMITS.write_bytes + LIMITS.transport_bytes


def race(function: Race) -> Race:
    RACES.append(function)
    return function


def world(gate: type[Gate], limits: Limits | None = None, history: str | None = None) -> tuple[Core, Rights]:
    rights = Rights()
    rights.grant("alice", "a")
    rights.grant("bob", "a")
    kept = () if history is None else (HistoryRule(history, "prefix"),)
    return Core(limits, rights, RealmOptions(event_history=kept), gate=gate), rights


def publish(core: Core, topic: str, *args: Any) -> None:
    core.realm1.pubsub.deliver(topic, Payload.of(*args), {})


def revoke(core: Core, rights: Rights, *authids: str) -> None:
    for authid in authids:
        rights.take_away(authid, "a")
    core.realm1.gate.revoke(principals=authids)


def publish_retained(core: Core, topic: str, *args: Any) -> None:
    answers = core.join("bob").ask([16, 1, {"retain": True, "acknowledge": True}, topic, list(args)])
    assert types_of(answers) == [17]


# ---- a: the grant changes while the authorizer thinks ----


@race
def a_yes_that_was_on_its_way_subscribes_nobody(gate: type[Gate]) -> None:
    core, rights = world(gate)
    alice = core.join("alice")
    rights.is_asynchronous = True
    alice.ask([32, 1, {}, "obj.a.x"])
    [[answer, _]] = rights.asked
    rights.is_asynchronous = False
    revoke(core, rights, "alice")
    answer.give(True)
    core.host.run()
    publish(core, "obj.a.x", "secret")
    assert [message[4] for message in alice.take()] == ["wamp.error.not_authorized"]


@race
def a_yes_that_was_on_its_way_publishes_and_registers_nothing(gate: type[Gate]) -> None:
    core, rights = world(gate)
    alice = core.join("alice")
    rights.is_asynchronous = True
    alice.ask([64, 1, {}, "obj.a.p"], [16, 2, {"acknowledge": True}, "obj.a.x"])
    [[answer, _]] = rights.asked
    rights.is_asynchronous = False
    revoke(core, rights, "alice")
    answer.give(True)
    assert [message[4] for message in alice.take()] == ["wamp.error.not_authorized"] * 2


@race
def a_yes_about_a_pattern_s_event_shows_nothing(gate: type[Gate]) -> None:
    core, rights = world(gate)
    alice = core.join("alice")
    alice.subscribe("obj.", match="prefix")
    rights.is_asynchronous = True
    publish(core, "obj.a.x", "secret")
    [[answer, _]] = rights.asked
    rights.is_asynchronous = False
    revoke(core, rights, "alice")
    answer.give(True)
    assert alice.take() == []


# ---- b: a fan-out to many, and a revocation in its midst ----


@race
def b_revocation_amid_a_fan_out_takes_effect_for_the_rest(gate: type[Gate]) -> None:
    """The write to the first of 150 makes the revocation: those behind it have events in their queues only."""
    core, rights = world(gate)
    first, *others = [core.join("bob" if number == 0 else "alice") for number in range(150)]
    for peer in (first, *others):
        peer.subscribe("obj.a.x")
    first.network.on_write = lambda: revoke(core, rights, "alice")
    publish(core, "obj.a.x", "secret")
    assert first.events() == [["secret"]]
    assert [peer.take() for peer in others] == [[]] * 149


@race
def b_revocation_behind_a_fan_out_empties_every_queue(gate: type[Gate]) -> None:
    core, rights = world(gate)
    peers = [core.join("alice", roles=EVERY_FEATURE) for _ in range(150)]
    for peer in peers:
        peer.subscribe("obj.a.x")
    publish(core, "obj.a.x", "secret")
    revoke(core, rights, "alice")
    assert [types_of(peer.take()) for peer in peers] == [[35]] * 150


# ---- c: events in the transport's buffer ----


@race
def c_no_more_arrives_than_one_write_and_the_buffer_of_the_transport(gate: type[Gate]) -> None:
    core, rights = world(gate, LIMITS)
    alice = core.join("alice")
    alice.subscribe("obj.a.x")
    alice.stop_reading()
    for number in range(100):
        publish(core, "obj.a.x", number, "x" * 100)
        core.host.run()
    revoke(core, rights, "alice")
    alice.read_on()
    events = alice.take()
    assert sum(len(str(event)) for event in events) <= RESIDUE_BYTES
    assert [event[4][0] for event in events] == list(range(len(events)))


# ---- d: a yes that is remembered ----


@race
def d_remembered_yes_of_a_pattern_is_void(gate: type[Gate]) -> None:
    core, rights = world(gate)
    alice = core.join("alice")
    alice.subscribe("obj.", match="prefix")
    publish(core, "obj.a.x", "allowed")
    assert alice.events() == [["allowed"]]
    revoke(core, rights, "alice")
    publish(core, "obj.a.x", "secret")
    assert alice.take() == []


# ---- e: other ways to what was published ----


@race
def e_retained_event_in_the_queue_is_taken_back(gate: type[Gate]) -> None:
    core, rights = world(gate)
    publish_retained(core, "obj.a.x", "secret")
    alice = core.join("alice")
    alice.clog()
    alice.send([32, 1, {"get_retained": True, "match": "prefix"}, "obj."])
    core.host.run()
    revoke(core, rights, "alice")
    alice.read_on()
    assert types_of(alice.take()) == [33]


@race
def e_retained_event_waits_for_an_answer_that_is_not_stale(gate: type[Gate]) -> None:
    core, rights = world(gate)
    publish_retained(core, "obj.a.x", "secret")
    alice = core.join("alice")
    rights.is_asynchronous = True
    alice.ask([32, 1, {"get_retained": True}, "obj.a.x"])
    [[answer, _]] = rights.asked
    rights.is_asynchronous = False
    revoke(core, rights, "alice")
    answer.give(True)
    assert [message[4] for message in alice.take()] == ["wamp.error.not_authorized"]


@race
def e_past_events_of_a_subscription_in_question_are_not_shown(gate: type[Gate]) -> None:
    """The subscription is live until the answer comes, but what is shown once cannot be taken back."""
    core, rights = world(gate, history="obj.")
    alice = core.join("alice")
    subscription = alice.subscribe("obj.a.x")
    publish_retained(core, "obj.a.x", "secret")
    alice.take()
    rights.is_asynchronous = True
    revoke(core, rights, "alice")
    rights.is_asynchronous = False
    alice.send([48, 1, {}, "wamp.subscription.get_events", [subscription]])
    rights.answer()
    assert "secret" not in str(alice.take())


@race
def e_past_events_in_the_queue_are_taken_back(gate: type[Gate]) -> None:
    core, rights = world(gate, history="obj.")
    alice = core.join("alice")
    subscription = alice.subscribe("obj.a.x")
    publish_retained(core, "obj.a.x", "secret")
    alice.take()
    alice.clog()
    alice.send([48, 1, {}, "wamp.subscription.get_events", [subscription]])
    core.host.run()
    revoke(core, rights, "alice")
    alice.read_on()
    assert "secret" not in str(alice.take())


# ---- f: UNSUBSCRIBE crosses the revocation ----


@race
def f_unsubscribe_that_crosses_the_revocation_is_answered_and_nothing_follows(gate: type[Gate]) -> None:
    core, rights = world(gate)
    alice = core.join("alice", roles=EVERY_FEATURE)
    subscription = alice.subscribe("obj.a.x")
    alice.clog()
    publish(core, "obj.a.x", "secret")
    revoke(core, rights, "alice")
    alice.send([34, 2, subscription])
    publish(core, "obj.a.x", "secret")
    alice.read_on()
    assert [message[:2] for message in alice.take()] == [[35, 0], [35, 2]]


@race
def f_unsubscribe_during_a_judgement_is_answered_and_nobody_is_told_of_a_revocation(gate: type[Gate]) -> None:
    core, rights = world(gate)
    alice = core.join("alice", roles=EVERY_FEATURE)
    subscription = alice.subscribe("obj.a.x")
    rights.is_asynchronous = True
    revoke(core, rights, "alice")
    publish(core, "obj.a.x", "secret")
    assert alice.ask([34, 2, subscription]) == [], "nothing is written until the answer is known"
    rights.answer()
    assert alice.take() == [[35, 2]]


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.__name__)
def test_revocation_wins(race: Race) -> None:
    race(Gate)


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.__name__)
def test_revocation_wins_by_the_gate(race: Race) -> None:
    with pytest.raises((AssertionError, ValueError, IndexError)):
        race(GateSwitchedOff)


# ---- what ends in a race ----


def test_session_that_ends_while_its_request_is_judged_leaves_nothing() -> None:
    core, rights = world(Gate)
    alice = core.join("alice")
    rights.is_asynchronous = True
    alice.ask([32, 1, {}, "obj.a.x"], [64, 2, {}, "obj.a.p"])
    revoke(core, rights, "alice")
    alice.vanish()
    while rights.answer():
        core.host.run()
    core.host.advance(core.limits.authorizer_timeout_s)
    assert not core.realm1.broker.has_members("obj.a.x")
    assert core.host.pending_timers == 0


@pytest.mark.parametrize("match", ["exact", "prefix"])
def test_subscription_of_a_session_that_ends_while_it_is_judged_leaves_nothing(match: str) -> None:
    answer = Answer()
    replies: list[Any] = [True, answer]
    core = Core(authorizer=CallableAuthorizer(lambda *question: replies.pop(0) if replies else False))
    alice = core.join("alice")
    alice.subscribe("com.x", match=match)
    core.realm1.gate.revoke_all()
    publish(core, "com.x", "secret")
    alice.vanish()
    answer.give(True)
    core.host.run()
    assert not core.realm1.broker.has_members("com.x")
    assert alice.take() == []


def test_client_that_is_judged_by_a_silent_authorizer_loses_its_subscription_in_time() -> None:
    core, rights = world(Gate)
    alice: Peer = core.join("alice", roles=EVERY_FEATURE)
    alice.subscribe("obj.a.x")
    rights.is_asynchronous = True
    core.realm1.gate.revoke_all()
    publish(core, "obj.a.x", "secret")
    publish(core, "com.x", "public")
    core.host.advance(core.limits.authorizer_timeout_s)
    assert types_of(alice.take()) == [35]
