"""A revocation of very many holds: their notices come over some turns, and nothing is delivered in between."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router import gate as module
from fairlead_router.gate import REVOKED, Gate
from support.core import EVERY_FEATURE, Core, Peer, Rights

USERS = [f"u{number}" for number in range(5)]
TOPIC = "obj.a.x"


class NeverSwept(Gate):
    """A gate that judges nothing that can wait, unless it is used."""

    def _sweep_late(self) -> None:
        """The loop has no time for it."""


@pytest.fixture(autouse=True)
def slices_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEPT_IN_A_TURN", 2)
    monkeypatch.setattr(module, "LATE_IN_A_TURN", 2)


class World:
    """Five readers of the object `a`, all subscribed to its topic."""

    def __init__(self, gate: type[Gate] = Gate) -> None:
        self.rights = Rights()
        self.core = Core(authorizer=self.rights, gate=gate)
        for user in (*USERS, "publisher"):
            self.rights.grant(user, "a")
        self.peers = [self.core.join(user, roles=EVERY_FEATURE) for user in USERS]
        self.subscriptions = [peer.subscribe(TOPIC) for peer in self.peers]

    def revoke(self, *users: str) -> None:
        """As a service does it; nothing else happens in this turn."""
        for user in users or USERS:
            self.rights.take_away(user, "a")
        self.core.realm1.gate.revoke(objects=["a"])

    def publish(self, text: str) -> None:
        """In this turn."""
        publisher = Peer(self.core)
        publisher.send([1, "realm1", {"roles": {"publisher": {}}, "authid": "publisher"}], [16, 1, {}, TOPIC, [text]])

    def notice(self) -> list[Any]:
        return [35, 0, {"subscription": self.subscriptions[0], "reason": REVOKED}]


def test_everybody_is_told_once_over_some_turns() -> None:
    world = World()
    world.revoke()
    for _ in range(module.TURNS_PUT_OFF + 1):
        world.core.host.turn()
    told = [peer for peer in world.peers if peer.network.arrived]
    assert 0 < len(told) < len(USERS)
    assert [peer.take() for peer in world.peers] == [[world.notice()]] * len(USERS)


def test_nobody_is_told_in_the_turns_in_which_the_revocation_is_acknowledged() -> None:
    world = World()
    world.revoke()
    for _ in range(module.TURNS_PUT_OFF - 1):
        world.core.host.turn()
    assert not any(peer.network.arrived for peer in world.peers)
    assert [peer.take() for peer in world.peers] == [[world.notice()]] * len(USERS)


def test_nothing_is_delivered_in_between_and_the_notice_comes_after_the_last_permitted_event() -> None:
    world = World()
    world.publish("permitted")
    world.core.host.run()
    world.revoke()
    world.publish("secret")
    for peer in world.peers:
        event, notice = peer.take()
        assert (event[4], notice) == (["permitted"], world.notice())


def test_nothing_is_delivered_even_if_there_is_never_time_for_the_notices() -> None:
    world = World(NeverSwept)
    world.revoke()
    assert [peer.take() for peer in world.peers] == [[]] * len(USERS)
    world.publish("secret")
    assert [peer.take() for peer in world.peers] == [[world.notice()]] * len(USERS)


def test_who_has_something_queued_is_judged_at_once() -> None:
    world = World(NeverSwept)
    slow = world.peers[3]
    slow.clog()
    world.publish("queued")
    world.core.host.run()
    for peer in world.peers:
        if peer is not slow:
            peer.take()
    world.revoke()
    slow.read_on()
    assert slow.take() == [world.notice()]


def test_who_keeps_the_right_is_told_nothing_and_goes_on() -> None:
    world = World()
    world.revoke(*USERS[1:])
    world.core.host.run()
    world.publish("public")
    assert world.peers[0].events() == [["public"]]


def test_a_second_revocation_in_between_changes_nothing() -> None:
    world = World()
    world.revoke()
    world.revoke()
    world.core.realm1.gate.revoke(principals=[USERS[4]])
    assert [peer.take() for peer in world.peers] == [[world.notice()]] * len(USERS)


def test_an_object_that_is_bumped_again_and_again_keeps_nobody_else_waiting() -> None:
    world = World()
    for peer, user in zip(world.peers, USERS, strict=True):
        world.rights.grant(user, "b")
        peer.subscribe("obj.b.x")
    gate = world.core.realm1.gate
    gate.revoke(objects=["a"])
    world.rights.granted -= {(user, "b") for user in USERS}
    gate.revoke(objects=["b"])
    for _ in range(module.TURNS_PUT_OFF + 2 * len(USERS)):
        gate.revoke(objects=["a"])
        world.core.host.turn()
    assert all(peer.network.arrived for peer in world.peers)


def test_who_gets_the_right_back_in_between_has_lost_nothing() -> None:
    world = World()
    world.revoke()
    world.rights.grant(USERS[4], "a")
    world.core.realm1.gate.grant()
    world.publish("public again")
    assert world.peers[4].events() == [["public again"]]


def test_a_session_that_ends_or_unsubscribes_in_between_is_told_nothing_more() -> None:
    world = World()
    world.revoke()
    world.peers[3].vanish()
    world.peers[4].send([34, 7, world.subscriptions[4]])
    assert world.peers[3].take() == []
    assert world.peers[4].take() == [[35, 7]]


def test_the_meta_api_counts_nobody_who_has_lost_the_right() -> None:
    world = World(NeverSwept)
    boss = world.core.join("boss")
    world.rights.grant("boss", "a")
    subscription = world.subscriptions[0]
    world.revoke(*USERS[1:])
    [result] = boss.ask([48, 1, {}, "wamp.subscription.count_subscribers", [subscription]])
    assert result[3] == [1]


def test_a_reason_of_its_own_is_told_by_whoever_notices_first() -> None:
    world = World(NeverSwept)
    for user in USERS:
        world.rights.take_away(user, "a")
    world.core.realm1.gate.revoke(objects=["a"], reason="com.example.closed")
    world.publish("secret")
    assert world.peers[0].take() == [[35, 0, {"subscription": world.subscriptions[0], "reason": "com.example.closed"}]]


def test_a_registration_is_taken_away_at_once() -> None:
    world = World(NeverSwept)
    callee = world.core.join("callee", roles=EVERY_FEATURE)
    world.rights.grant("callee", "a")
    registration = callee.register("obj.a.p")
    world.revoke("callee")
    assert callee.take() == [[67, 0, {"registration": registration, "reason": REVOKED}]]
