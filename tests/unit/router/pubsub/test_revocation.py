"""How clients are told that a subscription has ended: by what they can bear, once, in order (G4)."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.gate import REVOKED
from fairlead_router.limits import Limits
from fairlead_router.options import RealmOptions
from fairlead_router.pubsub.revocation import RevocationSignal
from support.core import AUTOBAHN_PYTHON, EVERY_FEATURE, ROLES, Core, Peer, Rights, types_of

SPEC, AUTOBAHN, WAMPY = EVERY_FEATURE, AUTOBAHN_PYTHON, ROLES
AUTO, EVENT, SILENT = RevocationSignal.AUTO, RevocationSignal.EVENT, RevocationSignal.SILENT
NOTICES = "fairlead.session.revoked"


def subscriber(roles: dict[str, Any], signal: RevocationSignal, topic: str = "obj.a") -> tuple[Core, Peer, int]:
    rights = Rights()
    rights.grant("alice", "a")
    core = Core(authorizer=rights, options=RealmOptions(revocation_signal=signal))
    core.serve()
    alice = core.join("alice", roles=roles)
    subscription = alice.subscribe(topic)
    rights.grant("alice")
    rights.granted.clear()
    return core, alice, subscription


def by_spec(subscription: int) -> list[Any]:
    return [35, 0, {"subscription": subscription, "reason": REVOKED}]


@pytest.mark.parametrize(
    ("roles", "signal", "is_told"),
    [
        (SPEC, AUTO, True),
        (AUTOBAHN, AUTO, False),
        (WAMPY, AUTO, False),
        (SPEC, RevocationSignal.SPEC, True),
        (AUTOBAHN, RevocationSignal.SPEC, True),
        (WAMPY, RevocationSignal.SPEC, False),
        (SPEC, EVENT, False),
        (SPEC, SILENT, False),
    ],
)
def test_spec_message_goes_to_who_can_bear_it(roles: dict[str, Any], signal: RevocationSignal, is_told: bool) -> None:
    core, alice, subscription = subscriber(roles, signal)
    core.realm1.gate.revoke(principals=["alice"])
    assert alice.take() == ([by_spec(subscription)] if is_told else [])


@pytest.mark.parametrize(
    ("roles", "signal", "is_told"),
    [
        (SPEC, AUTO, False),
        (AUTOBAHN, AUTO, True),
        (WAMPY, AUTO, True),
        (SPEC, EVENT, True),
        (AUTOBAHN, RevocationSignal.SPEC, False),
        (WAMPY, SILENT, False),
    ],
)
def test_event_on_the_notices_goes_to_who_cannot(
    roles: dict[str, Any], signal: RevocationSignal, is_told: bool
) -> None:
    core, alice, subscription = subscriber(roles, signal)
    notices, bob = alice.subscribe(NOTICES), core.join("bob")
    bob.subscribe(NOTICES)
    core.realm1.gate.revoke(principals=["alice"])
    events = [message for message in alice.take() if message[0] == 36]
    assert [event[1] for event in events] == ([notices] if is_told else [])
    if is_told:
        assert events[0][4:] == [[{"subscription": subscription, "topic": "obj.a", "reason": REVOKED}], {}]
    assert bob.take() == [], "it concerns alice alone"


@pytest.mark.parametrize(
    ("roles", "signal", "types"),
    [
        (SPEC, AUTO, [36, 35]),
        (AUTOBAHN, AUTO, [36]),
        (WAMPY, AUTO, [36]),
        (SPEC, EVENT, [36]),
        (SPEC, RevocationSignal.SPEC, [35]),
        (SPEC, SILENT, []),
    ],
)
def test_topic_with_a_source_ends_with_a_last_event(
    roles: dict[str, Any], signal: RevocationSignal, types: list[int]
) -> None:
    core, alice, subscription = subscriber(roles, signal, topic="src.a")
    alice.subscribe(NOTICES)
    core.realm1.gate.revoke(principals=["alice"])
    messages = alice.take()
    assert types_of(messages) == types
    for event in (message for message in messages if message[0] == 36):
        assert event[1] == subscription
        assert event[4:] == [[{"revoked": {"reason": REVOKED}}], {}]


def test_session_may_be_closed_instead() -> None:
    core, alice, _ = subscriber(SPEC, RevocationSignal.CLOSE)
    core.realm1.gate.revoke(principals=["alice"])
    [goodbye] = alice.take()
    assert (goodbye[0], goodbye[2]) == (6, REVOKED)
    assert not alice.has_session


@pytest.mark.parametrize("roles", [SPEC, AUTOBAHN])
def test_reason_is_a_uri_as_autobahn_wants_it(roles: dict[str, Any]) -> None:
    core, alice, _ = subscriber(roles, RevocationSignal.SPEC)
    core.realm1.gate.revoke(principals=["alice"], reason="com.app.expired")
    assert alice.take()[0][2]["reason"] == "com.app.expired"


@pytest.mark.parametrize("signal", [AUTO, SILENT])
def test_unsubscribe_after_a_silent_end_is_answered_once(signal: RevocationSignal) -> None:
    core, alice, subscription = subscriber(AUTOBAHN, signal)
    core.realm1.gate.revoke(principals=["alice"])
    assert alice.ask([34, 5, subscription]) == [[35, 5]]
    [error] = alice.ask([34, 6, subscription])
    assert error[4] == "wamp.error.no_such_subscription"


def test_unsubscribe_that_crosses_the_revocation_is_answered() -> None:
    core, alice, subscription = subscriber(SPEC, AUTO)
    core.realm1.gate.revoke(principals=["alice"])
    assert alice.ask([34, 5, subscription]) == [by_spec(subscription), [35, 5]]


def test_subscription_that_begins_anew_is_no_ended_one() -> None:
    core, alice, subscription = subscriber(AUTOBAHN, AUTO)
    bob = core.join("bob")
    rights = core.realm1.authorizer
    assert isinstance(rights, Rights)
    rights.grant("alice", "a")
    rights.grant("bob", "a")
    assert bob.subscribe("obj.a") == subscription
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(principals=["alice"])
    rights.grant("alice", "a")
    assert alice.subscribe("obj.a") == subscription
    bob.send([16, 1, {}, "obj.a", [1]])
    assert alice.events() == [[1]]
    assert alice.ask([34, 5, subscription]) == [[35, 5]]
    bob.send([16, 2, {}, "obj.a", [2]])
    assert alice.take() == []


def test_revoked_subscriptions_are_counted() -> None:
    core, _, _ = subscriber(SPEC, AUTO)
    core.realm1.gate.revoke(principals=["alice"])
    assert core.realm1.counters.subscriptions_revoked == 1


def test_client_that_never_answers_costs_no_memory() -> None:
    rights = Rights()
    core = Core(Limits(subscriptions_per_session=3), rights)
    alice = core.join("alice", roles=AUTOBAHN)
    ended = []
    for _ in range(5):
        rights.grant("alice", "a")
        ended.append(alice.subscribe("obj.a"))
        rights.take_away("alice", "a")
        core.realm1.gate.revoke(principals=["alice"])
    answers = alice.ask(*([34, number, subscription] for number, subscription in enumerate(ended, 1)))
    assert types_of(answers) == [8, 8, 35, 35, 35]


def test_welcome_says_how_revocation_is_told() -> None:
    peer = Peer(Core(options=RealmOptions(revocation_signal=SILENT)))
    [welcome] = peer.ask([1, "realm1", {"roles": ROLES}])
    assert welcome[2]["_fairlead"]["revocation"] == "silent"
