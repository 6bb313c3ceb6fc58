"""Who gets an event: topics, patterns, black and white lists."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.errors import InvalidUri
from fairlead_router.limits import Limits
from fairlead_router.options import RealmOptions
from fairlead_router.pubsub.subscription import Subscription
from fairlead_router.session import Session
from support.core import EVERY_FEATURE, HAND_HOST_START_US, Core, types_of

PUBLISH_TYPE, SUBSCRIBE_TYPE, UNSUBSCRIBE_TYPE = 16, 32, 34


def test_event_is_delivered_once_per_matching_subscription() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    exact = alice.subscribe("com.app.a")
    prefix = alice.subscribe("com.app.", match="prefix")
    shorter = alice.subscribe("com", match="prefix")
    alice.subscribe("com.app.b", match="prefix")
    assert bob.ask([16, 1, {"acknowledge": True}, "com.app.a", ["x"], {"y": 1}])[0][:2] == [17, 1]
    events = alice.take()
    [publication] = {event[2] for event in events}
    assert events == [
        [36, exact, publication, {}, ["x"], {"y": 1}],
        [36, prefix, publication, {"topic": "com.app.a"}, ["x"], {"y": 1}],
        [36, shorter, publication, {"topic": "com.app.a"}, ["x"], {"y": 1}],
    ]


def test_prefix_is_a_string_prefix_and_matches_itself() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.subscribe("com.app", match="prefix")
    for topic in ("com.app", "com.apples", "com.ap", "com.app.x", "org.com.app"):
        bob.send([16, 1, {}, topic, [topic]])
    assert alice.events() == [["com.app"], ["com.apples"], ["com.app.x"]]


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("com..x", ["com.a.x", "com.b.x"]),
        ("com.a.", ["com.a.x", "com.a.y"]),
        (".a.x", ["com.a.x"]),
        ("..", ["com.a.x", "com.a.y", "com.b.x"]),
        (".", ["com.x"]),
        ("com.a.x", ["com.a.x"]),
        ("com.", ["com.x"]),
    ],
)
def test_empty_component_of_a_wildcard_is_exactly_one_component(pattern: str, matched: list[str]) -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.subscribe(pattern, match="wildcard")
    alice.take()  # three components are also what the meta events of this subscription have
    for topic in ("com", "com.x", "com.a.x", "com.a.y", "com.b.x", "com.a.x.y"):
        bob.send([16, 1, {}, topic])
    assert [event[3]["topic"] for event in alice.take()] == matched


def test_publication_goes_to_each_matching_subscription_whatever_its_policy() -> None:
    core = Core()
    alice, bob, carol = core.join(), core.join(), core.join()
    keys = [("com.a.x", "exact"), ("com.", "prefix"), ("com.a", "prefix"), ("com..x", "wildcard"), ("..x", "wildcard")]
    ids = {alice.subscribe(uri, match=match) for uri, match in keys}
    assert {bob.subscribe(uri, match=match) for uri, match in keys} == ids
    carol.send([16, 1, {}, "com.a.x"])
    for peer in (alice, bob):
        events = peer.take()
        assert {event[1] for event in events} == ids
        assert len(events) == 5
        assert len({event[2] for event in events}) == 1


def test_one_who_leaves_a_pattern_leaves_it_to_the_others() -> None:
    core = Core()
    alice, bob, carol = core.join(), core.join(), core.join()
    for pattern, match in (("com..x", "wildcard"), ("com..y", "wildcard"), ("com.", "prefix")):
        for peer in (alice, bob):
            peer.subscribe(pattern, match=match)
    alice.vanish()
    carol.send([16, 1, {}, "com.a.x", [1]], [16, 2, {}, "com.a.y", [2]])
    assert bob.events() == [[1], [1], [2], [2]]


def test_match_policies_of_one_uri_are_different_subscriptions() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    ids = {match: alice.subscribe("com.a", match=match) for match in ("exact", "prefix", "wildcard")}
    assert len(set(ids.values())) == 3
    alice.ask([34, 2, ids["prefix"]])
    bob.send([16, 1, {}, "com.a"], [16, 2, {}, "com.ab"])
    assert [event[1] for event in alice.take()] == [ids["exact"], ids["wildcard"]]


def test_sessions_share_a_subscription_and_leave_it_one_by_one() -> None:
    core = Core()
    alice, bob, carol = core.join(), core.join(), core.join()
    shared = alice.subscribe("com.x", match="prefix")
    assert bob.subscribe("com.x", match="prefix") == shared
    carol.send([16, 1, {}, "com.x.y", [0]])
    assert (alice.events(), bob.events()) == ([[0]], [[0]])
    assert alice.ask([34, 2, shared]) == [[35, 2]]
    carol.send([16, 1, {}, "com.x.y", [1]])
    assert (alice.take(), bob.events()) == ([], [[1]])
    dave = core.join()
    assert dave.subscribe("com.x", match="prefix") == shared
    carol.send([16, 1, {}, "com.x.y", [2]])
    assert (dave.events(), bob.events()) == ([[2]], [[2]])
    assert bob.ask([34, 2, shared]) == [[35, 2]]
    dave.ask([34, 3, shared])
    carol.send([16, 1, {}, "com.x.y", [3]])
    assert bob.take() == []
    assert alice.subscribe("com.x", match="prefix") != shared


def test_second_subscribe_gets_the_same_subscription_and_no_second_event() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    assert alice.subscribe("com.x") == alice.subscribe("com.x")
    bob.send([16, 1, {}, "com.x"])
    assert alice.events() == [[]]


def test_subscribed_comes_before_the_first_event() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.send([32, 1, {}, "com.x"])
    bob.send([16, 1, {}, "com.x", [1]])
    assert types_of(alice.take()) == [33, 36]


def test_nothing_follows_unsubscribed() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    subscription = alice.subscribe("com.x")
    bob.send([16, 1, {}, "com.x", [1]])
    alice.send([34, 2, subscription])
    bob.send([16, 2, {}, "com.x", [2]])
    assert alice.take() == [[35, 2]]


def test_unsubscribe_of_an_unknown_subscription_is_an_error() -> None:
    [[*head, _, kwargs]] = [[*answer, {}] for answer in Core().join().ask([34, 7, 4711])]
    assert head == [8, 34, 7, {}, "wamp.error.no_such_subscription"]
    assert kwargs == {}


def test_publisher_gets_its_own_event_only_if_it_says_so() -> None:
    core = Core()
    alice = core.join()
    alice.subscribe("com.x")
    alice.send([16, 1, {}, "com.x", ["mine"]], [16, 2, {"exclude_me": False}, "com.x", ["for me too"]])
    assert alice.events() == [["for me too"]]


def test_publisher_is_excluded_from_each_of_its_subscriptions_and_nobody_else_is() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    for peer in (alice, bob):
        peer.subscribe("com.x")
        peer.subscribe("com.", match="prefix")
    alice.send([16, 1, {}, "com.x", ["mine"]])
    assert (alice.events(), bob.events()) == ([], [["mine"], ["mine"]])


def test_publisher_is_disclosed_only_if_it_says_so() -> None:
    core = Core()
    alice, bob = core.join(), core.join("bob")
    alice.subscribe("com.x")
    bob.send([16, 1, {"disclose_me": True}, "com.x"], [16, 2, {}, "com.x"])
    disclosed, silent = alice.take()
    assert disclosed[3] == {"publisher": bob.session_id, "publisher_authid": "bob", "publisher_authrole": "user"}
    assert silent[3] == {}


def test_realm_that_discloses_nobody_refuses_who_asks_for_it() -> None:
    core = Core(options=RealmOptions(disclosure="never"))
    alice, bob = core.join(), core.join()
    alice.subscribe("com.x")
    [error] = bob.ask([16, 1, {"disclose_me": True, "acknowledge": True}, "com.x"])
    assert error[4] == "wamp.error.option_disallowed.disclose_me"
    bob.send([16, 2, {"disclose_me": True}, "com.x"], [16, 3, {}, "com.x", ["anonymous"]])
    [event] = alice.take()
    assert event[3:] == [{}, ["anonymous"]]
    assert core.realm1.counters.refused_publications == 1


def test_realm_may_disclose_everybody() -> None:
    core = Core(options=RealmOptions(disclosure="always"))
    alice, bob = core.join(), core.join("bob")
    alice.subscribe("com.", match="prefix")
    bob.send([16, 1, {}, "com.x"])
    [event] = alice.take()
    assert event[3] == {
        "publisher": bob.session_id,
        "publisher_authid": "bob",
        "publisher_authrole": "user",
        "topic": "com.x",
    }


@pytest.mark.parametrize(("trustlevel", "details"), [(None, {}), (0, {"trustlevel": 0}), (7, {"trustlevel": 7})])
def test_event_carries_the_trust_level_of_its_publisher(trustlevel: int | None, details: dict[str, int]) -> None:
    core = Core()
    alice = core.join()
    alice.subscribe("com.x")
    core.realm1.join(Principal("bob", "user", trustlevel=trustlevel)).publish("com.x")
    [event] = alice.take()
    assert event[3] == details


PASSTHRU_PUBLISHER: dict[str, Any] = {
    "publisher": {"features": {"payload_passthru_mode": True}},
    "subscriber": {"features": {"payload_passthru_mode": True}},
}


def test_passthru_attributes_and_payload_reach_the_subscriber_as_they_are() -> None:
    core = Core()
    alice, bob = core.join(codec="cbor"), core.join(roles=PASSTHRU_PUBLISHER, codec="msgpack")
    alice.subscribe("com.", match="prefix")
    attributes = {"ppt_scheme": "x_own", "ppt_serializer": "cbor", "ppt_cipher": "aes256gcm", "ppt_keyid": "key"}
    bob.send([16, 1, attributes, "com.x", [b"\0secret\xff"]])
    [event] = alice.take()
    assert event[3:] == [{**attributes, "topic": "com.x"}, [b"\0secret\xff"]]


def test_passthru_attributes_without_a_scheme_mean_nothing() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.subscribe("com.x")
    bob.send([16, 1, {"ppt_serializer": "cbor"}, "com.x", [1]])
    assert alice.take()[0][3:] == [{}, [1]]


def test_passthru_without_its_announcement_breaks_the_protocol() -> None:
    [abort] = Core().join().ask([16, 1, {"ppt_scheme": "mqtt"}, "com.x", [1]])
    assert (abort[0], abort[2]) == (3, "wamp.error.protocol_violation")


@pytest.mark.parametrize(
    ("options", "receivers"),
    [
        ({}, "abcd"),
        ({"exclude_authid": ["a", "x"]}, "bcd"),
        ({"exclude_authid": []}, "abcd"),
        ({"eligible_authid": ["a", "b"]}, "ab"),
        ({"eligible_authid": []}, ""),
        ({"exclude_authrole": ["admin"]}, "abc"),
        ({"eligible_authrole": ["admin"]}, "d"),
        ({"eligible_authid": ["a", "b"], "exclude_authid": ["b"]}, "a"),
        ({"eligible_authid": ["a", "b", "d"], "eligible_authrole": ["user"]}, "ab"),
        ({"eligible_authrole": []}, ""),
        ({"exclude_authid": ["a"], "exclude_authrole": ["admin"]}, "bc"),
        ({"eligible_authid": ["a"], "exclude_authrole": ["user"]}, ""),
    ],
)
def test_black_and_white_lists(options: dict[str, object], receivers: str) -> None:
    core = Core()
    core.authenticator.roles["d"] = "admin"
    peers = {name: core.join(name) for name in "abcd"}
    for peer in peers.values():
        peer.subscribe("com.x")
    core.join("publisher").send([16, 1, options, "com.x"])
    assert "".join(name for name, peer in peers.items() if peer.events()) == receivers


def test_lists_of_sessions() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    for peer in (alice, bob):
        peer.subscribe("com.x")
    core.join().send([16, 1, {"eligible": [alice.session_id]}, "com.x", [1]])
    core.join().send([16, 1, {"exclude": [alice.session_id]}, "com.x", [2]])
    both = [alice.session_id, bob.session_id]
    core.join().send([16, 1, {"eligible": both, "exclude": [bob.session_id]}, "com.x", [3]])
    core.join().send([16, 1, {"eligible": []}, "com.x", [4]], [16, 2, {"exclude": []}, "com.x", [5]])
    assert (alice.events(), bob.events()) == ([[1], [3], [5]], [[2], [5]])


def test_publisher_on_its_own_list_of_the_eligible_is_excluded_all_the_same() -> None:
    core = Core()
    alice = core.join()
    alice.subscribe("com.x")
    me = [alice.session_id]
    alice.send([16, 1, {"eligible": me}, "com.x", [1]], [16, 2, {"eligible": me, "exclude_me": False}, "com.x", [2]])
    assert alice.events() == [[2]]


@pytest.mark.parametrize("name", ["exclude", "eligible", "exclude_authid", "eligible_authrole"])
def test_list_of_the_wrong_type_breaks_the_protocol(name: str) -> None:
    [abort] = Core().join().ask([16, 1, {name: {"not": "a list"}}, "com.x"])
    assert (abort[0], abort[2]) == (3, "wamp.error.protocol_violation")


def test_order_of_a_publisher_is_kept_across_topics() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.subscribe("com.x")
    alice.subscribe("com.", match="prefix")
    bob.send(*([16, number, {}, f"com.{'xyz'[number % 3]}", [number]] for number in range(1, 31)))
    numbers = [event[0] for event in alice.events()]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, 31))


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ([16, 5, {"acknowledge": True}, "com..x"], "wamp.error.invalid_uri"),
        ([16, 5, {"acknowledge": True}, "fairlead.stream.x"], "wamp.error.not_authorized"),
        ([16, 5, {"acknowledge": True}, "wamp.session.on_join"], "wamp.error.not_authorized"),
        ([16, 5, {"acknowledge": True}, "com.x", {"not": "a list"}], "wamp.error.invalid_argument"),
        ([16, 5, {"acknowledge": True}, "com.x", [], ["not a map"]], "wamp.error.invalid_argument"),
        ([16, 5, {"acknowledge": True}, "com.x", ["\0no base64!"]], "wamp.error.invalid_argument"),
        ([32, 5, {}, "com. x"], "wamp.error.invalid_uri"),
        ([32, 5, {}, ""], "wamp.error.invalid_uri"),
        ([32, 5, {"match": "prefix"}, ""], "wamp.error.invalid_uri"),
        ([32, 5, {"match": "wildcard"}, "com. .x"], "wamp.error.invalid_uri"),
        ([32, 5, {"match": "wildcard"}, ""], "wamp.error.invalid_uri"),
        ([32, 5, {"match": "wildcard"}, "." * 16], "fairlead.error.limit_exceeded"),
        ([32, 5, {}, "x" * 1025], "wamp.error.invalid_uri"),
    ],
)
def test_request_is_refused(message: list[object], error: str) -> None:
    alice = Core().join()
    [answer] = alice.ask(message)
    assert answer[:5] == [8, message[0], 5, {}, error]
    assert len(answer[5]) == 1, "one sentence"
    assert alice.ask([16, 6, {"acknowledge": True}, "com.x"])[0][0] == 17, "the session goes on"


def test_refused_publication_without_acknowledgement_is_counted_and_not_answered() -> None:
    core = Core()
    assert core.join().ask([16, 1, {}, "com..x"]) == []
    assert core.realm1.counters.refused_publications == 1


def test_subscriptions_of_a_session_are_limited() -> None:
    alice = Core(Limits(subscriptions_per_session=2)).join()
    first = alice.subscribe("com.a")
    alice.subscribe("com.b")
    [error] = alice.ask([32, 3, {}, "com.c"])
    assert error[4] == "fairlead.error.limit_exceeded"
    assert "subscriptions_per_session" in error[5][0]
    alice.ask([34, 4, first])
    alice.subscribe("com.c")


def test_session_that_ends_leaves_all_subscriptions() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.subscribe("com.x")
    alice.subscribe("com.", match="prefix")
    alice.vanish()
    assert not core.realm1.broker.has_members("com.x")
    assert bob.ask([16, 1, {"acknowledge": True}, "com.x"])[0][0] == 17


# --- what others see of the subscriptions -------------------------------------------------------


class Diary:
    """A SubscriptionObserver that writes down what it is told."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, int, str]] = []

    def on_create(self, session: Session, subscription: Subscription) -> None:
        self.entries.append(("create", session.id, subscription.topic))

    def on_subscribe(self, session: Session, subscription: Subscription) -> None:
        self.entries.append(("subscribe", session.id, subscription.topic))

    def on_unsubscribe(self, session: Session, subscription: Subscription) -> None:
        self.entries.append(("unsubscribe", session.id, subscription.topic))

    def on_delete(self, session: Session, subscription: Subscription) -> None:
        self.entries.append(("delete", session.id, subscription.topic))

    def take(self) -> list[tuple[str, int, str]]:
        entries, self.entries = self.entries, []
        return entries


def test_observer_is_told_of_the_life_of_a_subscription() -> None:
    core, diary = Core(), Diary()
    core.realm1.broker.observe(diary)
    alice, bob = core.join(), core.join()
    subscription = alice.subscribe("com.x")
    assert diary.take() == [("create", alice.session_id, "com.x"), ("subscribe", alice.session_id, "com.x")]
    alice.subscribe("com.x")
    assert diary.take() == [], "a second SUBSCRIBE changes nothing"
    bob.subscribe("com.x")
    assert diary.take() == [("subscribe", bob.session_id, "com.x")]
    alice.ask([34, 2, subscription])
    assert diary.take() == [("unsubscribe", alice.session_id, "com.x")]
    bob.vanish()
    assert diary.take() == [("unsubscribe", bob.session_id, "com.x"), ("delete", bob.session_id, "com.x")]


def test_subscriptions_are_found_by_id_and_by_uri_and_policy() -> None:
    core = Core()
    broker = core.realm1.broker
    alice = core.join()
    core.host.advance(1.5)
    ids = [alice.subscribe("com.x"), alice.subscribe("com.x", match="prefix")]
    assert [each.id for each in broker.subscriptions()] == ids
    assert [each.id for each in broker.matching("com.x")] == ids
    prefix = broker.get(ids[1])
    assert prefix is not None
    assert prefix is broker.lookup("com.x", "prefix")
    assert (prefix.topic, prefix.match, prefix.created_us) == ("com.x", "prefix", HAND_HOST_START_US + 1_500_000)
    assert broker.lookup("com.y", "exact") is None
    alice.vanish()
    assert (list(broker.subscriptions()), broker.get(ids[0])) == ([], None)


def test_removed_subscriber_is_told_once_and_may_unsubscribe_meanwhile() -> None:
    core = Core()
    alice, bob = core.join(roles=EVERY_FEATURE), core.join()
    subscription = alice.subscribe("com.x")
    session = core.realm1.session(alice.session_id)
    assert session is not None
    bob.send([16, 1, {}, "com.x", ["taken back"]])
    core.realm1.pubsub.remove_subscriber(session.memberships[subscription], "com.app.removed")
    assert alice.ask([34, 2, subscription]) == [
        [35, 0, {"subscription": subscription, "reason": "com.app.removed"}],
        [35, 2],
    ]
    assert alice.ask([34, 3, subscription])[0][4] == "wamp.error.no_such_subscription"


def test_reason_of_a_removal_is_a_uri() -> None:
    core = Core()
    alice = core.join()
    subscription = alice.subscribe("com.x")
    session = core.realm1.session(alice.session_id)
    assert session is not None
    with pytest.raises(InvalidUri):
        core.realm1.pubsub.remove_subscriber(session.memberships[subscription], "no longer authorized")
    assert subscription in session.memberships


def test_ids_in_use_are_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = Core().join("alice")
    drawn = iter([41, 41, 42])
    monkeypatch.setattr(random, "getrandbits", lambda bits: next(drawn))
    assert (alice.subscribe("com.x"), alice.subscribe("com.y")) == (42, 43)
