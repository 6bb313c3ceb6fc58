"""Retained events: what is kept for later subscribers, who gets it, and when."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.limits import Limits
from fairlead_router.messages import PublishOptions
from fairlead_router.payload import Payload
from support.core import EVERY_FEATURE, Core, Peer, Rights, types_of

RETAIN = {"retain": True, "acknowledge": True}


def retain(peer: Peer, topic: str, value: Any, **options: Any) -> None:
    [answer] = peer.ask([16, 1, {**RETAIN, **options}, topic, [value]])
    assert answer[0] == 17, answer


def retained(peer: Peer, uri: str, match: str = "exact") -> list[Any]:
    """What a new subscription of this peer brings with it."""
    [subscribed, *events] = peer.ask([32, 1, {"get_retained": True, "match": match}, uri])
    assert subscribed[0] == 33, subscribed
    assert all(event[0] == 36 and event[3]["retained"] is True for event in events), events
    return [event[4][0] for event in events]


# --- what is kept -------------------------------------------------------------------------------


def test_last_retained_event_comes_behind_subscribed_and_says_what_it_is() -> None:
    core = Core()
    alice, bob = core.join(), core.join("bob")
    retain(bob, "com.x", "old")
    [published] = bob.ask([16, 2, {**RETAIN, "disclose_me": True}, "com.x", ["last"], {"a": 1}])
    bob.ask([16, 3, {}, "com.x", ["not retained"]])
    [subscribed, event] = alice.ask([32, 1, {"get_retained": True}, "com.x"])
    who = {"publisher": bob.session_id, "publisher_authid": "bob", "publisher_authrole": "user"}
    assert event == [36, subscribed[2], published[2], {**who, "retained": True}, ["last"], {"a": 1}]


def test_who_does_not_ask_gets_nothing_and_live_events_are_not_marked() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    retain(bob, "com.x", 1)
    assert types_of(alice.ask([32, 1, {}, "com.x"])) == [33]
    retain(bob, "com.x", 2)
    assert [event[3:] for event in alice.take()] == [[{}, [2]]]


def test_second_subscribe_brings_no_second_copy() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    retain(bob, "com.x", 1)
    subscribed = alice.ask([32, 1, {"get_retained": True}, "com.x"])[0]
    assert types_of(alice.ask([32, 2, {"get_retained": True}, "com.x"])) == [33]
    alice.ask([34, 3, subscribed[2]])
    assert retained(alice, "com.x") == [1]


def test_retained_event_survives_its_publisher() -> None:
    core = Core()
    bob = core.join()
    retain(bob, "com.x", 1)
    bob.vanish()
    assert retained(core.join(), "com.x") == [1]


def test_empty_event_is_an_event_and_clears_nothing() -> None:
    core = Core()
    retain(core.join(), "com.x", 1)
    core.join().ask([16, 1, RETAIN, "com.x"])
    [_, event] = core.join().ask([32, 1, {"get_retained": True}, "com.x"])
    assert event[3:] == [{"retained": True}]


def test_program_forgets_what_is_retained() -> None:
    core = Core()
    retain(core.join(), "com.x", 1)
    core.realm1.retention.forget("com.x")
    core.realm1.retention.forget("com.never")
    assert retained(core.join(), "com.x") == []


# --- patterns -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "match", "values"),
    [("com.", "prefix", "abc"), ("com..x", "wildcard", "ab"), ("com.a", "prefix", "a"), ("com.a.x", "exact", "a")],
)
def test_pattern_gets_the_retained_event_of_each_topic_that_matches(pattern: str, match: str, values: str) -> None:
    core = Core()
    bob = core.join()
    for topic, value in (("com.a.x", "a"), ("com.b.x", "b"), ("com.b", "c"), ("org.a.x", "d")):
        retain(bob, topic, value)
    alice = core.join()
    events = alice.ask([32, 1, {"get_retained": True, "match": match}, pattern])[1:]
    assert "".join(sorted(event[4][0] for event in events)) == values
    assert all(("topic" in event[3]) == (match != "exact") for event in events)


def test_pattern_gets_them_in_the_order_in_which_they_were_published() -> None:
    core = Core()
    bob = core.join()
    for topic, value in (("com.a", 1), ("com.b", 2), ("com.c", 3), ("com.a", 4)):
        retain(bob, topic, value)
    assert retained(core.join(), "com.", "prefix") == [2, 3, 4]


def test_pattern_gets_only_what_its_subscriber_may_see() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    rights.grant("bob", "a", "b")
    rights.grant("alice", "b")
    bob = core.join("bob")
    for name in "ab":
        retain(bob, f"obj.{name}.x", name)
    assert retained(core.join("alice"), "obj.", "prefix") == ["b"]
    assert retained(core.join("alice"), "obj..x", "wildcard") == ["b"]


# --- lists --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "receivers"),
    [
        ({"exclude_authid": ["a"]}, "bd"),
        ({"exclude_authrole": ["admin"]}, "ab"),
        ({"eligible_authid": ["a", "d"]}, "ad"),
        ({"eligible_authrole": ["admin"]}, "d"),
        ({"eligible": []}, ""),
        ({"exclude": [4711]}, "abd"),
    ],
)
def test_lists_hold_for_later_subscribers(options: dict[str, Any], receivers: str) -> None:
    core = Core()
    core.authenticator.roles["d"] = "admin"
    retain(core.join(), "com.x", 1, **options)
    assert "".join(name for name in "abd" if retained(core.join(name), "com.x")) == receivers
    assert "".join(name for name in "abd" if retained(core.join(name), "com.", "prefix")) == receivers


def test_lists_of_sessions_hold_for_later_subscriptions_of_them() -> None:
    core = Core()
    alice, bob, carol = core.join(), core.join(), core.join()
    retain(carol, "com.x", 1, eligible=[alice.session_id])
    retain(carol, "com.y", 2, exclude=[alice.session_id])
    assert (retained(alice, "com.x"), retained(bob, "com.x")) == ([1], [])
    assert (retained(alice, "com.y"), retained(bob, "com.y")) == ([], [2])


def test_publisher_does_not_get_its_own_event_unless_it_says_so() -> None:
    core = Core()
    bob = core.join()
    retain(bob, "com.x", 1)
    retain(bob, "com.y", 2, exclude_me=False)
    assert (retained(bob, "com.x"), retained(bob, "com.y")) == ([], [2])
    assert retained(core.join(), "com.x") == [1]


def test_everybody_gets_the_latest_event_that_it_may_have() -> None:
    core = Core()
    bob = core.join()
    retain(bob, "com.x", "for all")
    retain(bob, "com.x", "for a, old", eligible_authid=["a"])
    retain(bob, "com.x", "for a", eligible_authid=["a"])
    retain(bob, "com.x", "not for c", exclude_authid=["a", "c"])
    assert {name: retained(core.join(name), "com.x") for name in "abc"} == {
        "a": ["for a"],
        "b": ["not for c"],
        "c": ["for all"],
    }
    retain(bob, "com.x", "newer, for all")
    assert [retained(core.join(name), "com.x") for name in "abc"] == [["newer, for all"]] * 3


# --- rights -------------------------------------------------------------------------------------


def test_event_of_one_who_lost_the_right_to_publish_is_not_delivered() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    rights.grant("bob", "a")
    rights.grant("alice", "a")
    retain(core.join("bob"), "obj.a.x", 1)
    assert retained(core.join("alice"), "obj.a.x") == [1]
    rights.take_away("bob", "a")
    core.realm1.gate.revoke(["bob"])
    assert retained(core.join("alice"), "obj.a.x") == []
    assert retained(core.join("alice"), "obj.", "prefix") == []


def test_refused_publication_is_not_retained() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    rights.grant("alice", "a")
    assert core.join("bob").ask([16, 1, RETAIN, "obj.a.x", [1]])[0][0] == 8
    assert core.join("bob").ask([16, 1, {**RETAIN, "disclose_me": True}, "com.y", ["\0no"]])[0][0] == 8
    assert retained(core.join("alice"), "obj.a.x") == []
    assert retained(core.join("alice"), "com.y") == []


def test_queued_retained_event_is_taken_back_with_the_right_to_see_it() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    rights.grant("bob", "a", "b")
    rights.grant("alice", "a", "b")
    bob, alice = core.join("bob"), core.join("alice", roles=EVERY_FEATURE)
    for name in "ab":
        retain(bob, f"obj.{name}.x", name)
    alice.clog()
    alice.send([32, 1, {"get_retained": True, "match": "prefix"}, "obj."])
    alice.send([32, 2, {"get_retained": True}, "obj.a.x"])
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(["alice"], ["a"])
    alice.read_on()
    messages = alice.take()
    assert types_of(messages) == [33, 36, 33, 35]
    assert messages[1][4] == ["b"]


# --- an authorizer that takes its time ----------------------------------------------------------


def thinking() -> tuple[Core, Rights, Peer, Peer]:
    """Alice may see and bob may publish a and b, where something is retained; from now on answers come later."""
    rights = Rights()
    core = Core(authorizer=rights)
    alice, bob = core.join("alice"), core.join("bob")
    for name in "ab":
        rights.grant("alice", name)
        rights.grant("bob", name)
        retain(bob, f"obj.{name}.x", name)
    rights.is_asynchronous = True
    return core, rights, alice, bob


def settle(core: Core, rights: Rights) -> None:
    core.host.run()
    while rights.answer():
        core.host.run()


@pytest.mark.parametrize("match", ["exact", "prefix"])
def test_retained_event_comes_before_live_ones_also_when_answers_come_later(match: str) -> None:
    core, rights, alice, _ = thinking()
    alice.send([32, 1, {"get_retained": True, "match": match}, "obj.a.x"])
    core.host.run()
    rights.answer()
    core.host.run()
    core.realm1.pubsub.deliver("obj.a.x", Payload.of("live"), {})
    settle(core, rights)
    messages = alice.take()
    assert types_of(messages) == [33, 36, 36]
    assert [message[4] for message in messages[1:]] == [["a"], ["live"]]


@pytest.mark.parametrize(("authid", "is_member_left"), [("alice", False), ("bob", True)])
def test_right_that_goes_while_the_authorizer_thinks_takes_the_event_with_it(authid: str, is_member_left: bool) -> None:
    core, rights, alice, _ = thinking()
    alice.send([32, 1, {"get_retained": True, "match": "prefix"}, "obj."])
    core.host.run()
    rights.answer()
    core.host.run()
    asked = list(rights.asked)
    core.realm1.pubsub.deliver("obj.a.x", Payload.of("live"), {})
    for answer, _question in asked:
        rights.asked.remove((answer, _question))
        answer.give(True)  # a yes from before the revocation, which comes after it
    rights.take_away(authid, "a")
    core.realm1.gate.revoke([authid], ["a"])
    settle(core, rights)
    arrived = [message[4][0] for message in alice.take() if message[0] == 36]
    assert arrived == (["b", "live"] if is_member_left else ["b"])


def test_subscription_that_ends_while_the_authorizer_thinks_gets_nothing() -> None:
    core, rights, alice, _ = thinking()
    alice.send([32, 1, {"get_retained": True}, "obj.a.x"])
    core.host.run()
    rights.answer()
    core.host.run()
    session = core.realm1.session(alice.session_id)
    assert session is not None
    [subscription] = session.memberships
    alice.send([34, 2, subscription])
    settle(core, rights)
    assert types_of(alice.take()) == [33, 35]


# --- bounds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(retained_topics=2), "retained_topics"),
        (Limits(retained_event_bytes=600), "retained_event_bytes"),
        (Limits(retained_bytes=1500), "retained_bytes"),
    ],
)
def test_publication_that_cannot_be_retained_is_refused_as_a_whole(limits: Limits, name: str) -> None:
    core = Core(limits)
    alice, bob = core.join(), core.join()
    alice.subscribe("com.", match="prefix")
    retain(bob, "com.x", 1)
    retain(bob, "com.y", 2)
    assert alice.events() == [[1], [2]]
    [error] = bob.ask([16, 3, RETAIN, "com.z", ["x" * 200]])
    assert (error[4], error[6]) == ("fairlead.error.limit_exceeded", {"limit": name})
    assert name in error[5][0]
    bob.send([16, 4, {"retain": True}, "com.z", ["x" * 200]])
    assert alice.events() == [], "neither retained nor delivered"
    assert core.realm1.counters.limits_exceeded == {name: 2}
    assert core.realm1.counters.refused_publications == 1
    assert retained(core.join(), "com.y") == [2]


@pytest.mark.parametrize(
    "options",
    [
        {"eligible_authid": ["x" * 600]},
        {"exclude": list(range(1, 20))},
        {"ppt_scheme": "x_own", "ppt_keyid": "x" * 600},
    ],
)
def test_whatever_is_kept_of_an_event_counts_for_its_bounds(options: dict[str, Any]) -> None:
    core = Core(Limits(retained_event_bytes=1_000))
    bob = core.join(roles={"publisher": {"features": {"payload_passthru_mode": True}}})
    [error] = bob.ask([16, 1, {**RETAIN, **options}, "com.x"])
    assert error[6] == {"limit": "retained_event_bytes"}


def test_events_with_different_lists_are_bounded_for_each_topic() -> None:
    core = Core(Limits(retained_per_topic=2))
    bob = core.join()
    retain(bob, "com.x", 0)
    for value in (1, 2):
        retain(bob, "com.x", value, eligible_authid=["a"])
    [error] = bob.ask([16, 3, {**RETAIN, "eligible_authid": ["b"]}, "com.x", [3]])
    assert error[6] == {"limit": "retained_per_topic"}
    assert (retained(core.join("a"), "com.x"), retained(core.join("b"), "com.x")) == ([2], [0])


def test_nobody_takes_all_the_room() -> None:
    core = Core(Limits(retained_per_authid=2))
    alice, bob = core.join("alice"), core.join("bob")
    for topic in ("com.a", "com.b", "com.b"):
        retain(bob, topic, 1)
    for peer in (bob, core.join("bob")):
        assert peer.ask([16, 1, RETAIN, "com.c", [1]])[0][6] == {"limit": "retained_per_authid"}
    retain(alice, "com.a", "alice's now")
    retain(bob, "com.c", 1)
    assert bob.ask([16, 1, RETAIN, "com.a", [1]])[0][6] == {"limit": "retained_per_authid"}
    service = core.realm1.join(Principal("states", "service"))
    for topic in ("com.d", "com.e", "com.f"):
        service.publish(topic, [topic], options=PublishOptions(retain=True))
    assert len(retained(alice, "com.", "prefix")) == 5


def test_place_of_a_retained_event_is_free_again() -> None:
    core = Core(Limits(retained_bytes=1100))
    bob = core.join()
    for value in range(20):
        retain(bob, "com.x", value)
    retain(bob, "com.y", 1)
    assert bob.ask([16, 1, RETAIN, "com.z", [1]])[0][0] == 8
    core.realm1.retention.forget("com.y")
    retain(bob, "com.z", 1)


def test_subscribe_for_more_than_there_is_room_for_is_refused_and_changes_nothing() -> None:
    core = Core(Limits(catch_up_bytes=2_000))
    alice, bob = core.join(), core.join()
    for name in "abc":
        retain(bob, f"com.{name}", "x" * 300)
    [error] = alice.ask([32, 1, {"get_retained": True, "match": "prefix"}, "com."])
    assert (error[0], error[6]) == (8, {"limit": "catch_up_bytes"})
    assert not core.realm1.broker.has_members("com.a")
    assert len(retained(alice, "com.a", "prefix")) == 1


def test_hidden_events_take_no_room() -> None:
    rights = Rights()
    core = Core(Limits(catch_up_bytes=2_000), authorizer=rights)
    rights.grant("bob", *"abc")
    rights.grant("alice", "c")
    bob = core.join("bob")
    for name in "abc":
        retain(bob, f"obj.{name}.x", name * 300)
    assert retained(core.join("alice"), "obj.", "prefix") == ["c" * 300]


def test_many_subscriptions_in_one_turn_queue_no_more_than_catch_up_allows() -> None:
    core = Core(Limits(catch_up_bytes=20_000))
    alice, bob = core.join(), core.join()
    retain(bob, "com.some.topic", "x" * 5_000)
    alice.clog()
    alice.send(
        *([32, number, {"get_retained": True, "match": "prefix"}, "com.some"[:number]] for number in range(1, 9))
    )
    alice.read_on()
    answers = types_of(alice.take())
    assert (answers.count(36), answers.count(8)) == (3, 5)


def test_what_a_service_retains_is_delivered_by_its_own_right() -> None:
    rights = Rights()
    rights.grant("alice", "a")
    core = Core(authorizer=rights)
    core.realm1.join(Principal("states", "service")).publish("obj.a.x", [1], options=PublishOptions(retain=True))
    assert retained(core.join("alice"), "obj.a.x") == [1]
