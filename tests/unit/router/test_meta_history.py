"""`wamp.subscription.get_events`: what of the past is shown, in which order, and to whom."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router import Call, Payload, Principal
from fairlead_router.limits import Limits
from fairlead_router.options import RealmOptions
from fairlead_router.pubsub.event_history import HistoryRule
from support.core import Core, Peer, RecordingSource, Rights

GET_EVENTS = "wamp.subscription.get_events"
EVERYTHING = RealmOptions(event_history=(HistoryRule("com.", match="prefix"), HistoryRule("obj.", match="prefix")))


def publish(peer: Peer, topic: str, *args: Any, **options: Any) -> int:
    [published] = peer.ask([16, 1, {"acknowledge": True, **options}, topic, list(args)])
    assert published[0] == 17, published
    publication: int = published[2]
    return publication


def ask(peer: Peer, subscription: int, **options: Any) -> list[Any]:
    [answer] = peer.ask([48, 1, {}, GET_EVENTS, [subscription], options])
    return answer


def past(peer: Peer, subscription: int, **options: Any) -> list[Any]:
    """The first arg of each event, in the order of the answer."""
    answer = ask(peer, subscription, **options)
    assert answer[0] == 50, answer
    return [event["args"][0] for event in answer[3]]


def error_of(answer: list[Any]) -> str:
    assert answer[0] == 8, answer
    uri: str = answer[4]
    return uri


# --- the answer ---------------------------------------------------------------------------------


def test_past_event_is_the_event_with_its_time() -> None:
    core = Core(options=EVERYTHING)
    alice, bob = core.join(), core.join("bob")
    core.host.advance(1.5)
    first = publish(bob, "com.x", "one", disclose_me=True)
    bob.ask([16, 2, {}, "com.x", [], {"k": [b"\x00\xff".hex()]}], [16, 3, {}, "com.x"])
    exact, prefix = alice.subscribe("com.x"), alice.subscribe("com.", match="prefix")
    who = {"publisher": bob.session_id, "publisher_authid": "bob", "publisher_authrole": "user"}
    answer = ask(alice, exact)
    assert answer[3][0] == {
        "timestamp": "2023-11-14T22:13:21.500000Z",
        "subscription": exact,
        "publication": first,
        "details": who,
        "args": ["one"],
    }
    assert [sorted(event) for event in answer[3][1:]] == [
        ["args", "details", "kwargs", "publication", "subscription", "timestamp"],
        ["details", "publication", "subscription", "timestamp"],
    ]
    assert answer[4] == {"is_limit_reached": False}
    assert ask(alice, prefix)[3][0]["details"] == {**who, "topic": "com.x"}


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
def test_history_crosses_serializers(codec: Any) -> None:
    core = Core(options=EVERYTHING)
    publish(core.join(codec="msgpack"), "com.x", b"\x00\xff")
    alice = core.join(codec=codec)
    assert past(alice, alice.subscribe("com.x"), from_time="2023-11-14T22:13:20Z") == [
        "\0AP8=" if codec == "json" else b"\x00\xff"
    ]


def test_each_subscription_has_the_events_that_it_matches() -> None:
    core = Core(options=EVERYTHING)
    alice, bob = core.join(), core.join()
    for topic in ("com.log.auth", "com.log.basket", "com.log.basket", "com.checkout", "org.x"):
        publish(bob, topic, topic)
    expected = {
        ("com.log.auth", "exact"): ["com.log.auth"],
        ("com.log.basket", "exact"): ["com.log.basket"] * 2,
        ("com.log", "prefix"): ["com.log.auth", "com.log.basket", "com.log.basket"],
        ("com..basket", "wildcard"): ["com.log.basket"] * 2,
        ("com.", "wildcard"): ["com.checkout"],
        ("org.x", "exact"): [],
    }
    found = {key: past(alice, alice.subscribe(key[0], match=key[1])) for key in expected}
    assert found == expected


# --- filters ------------------------------------------------------------------------------------


def filtered() -> tuple[Peer, int, list[int]]:
    """Five events a second apart, 0 to 4, on com.x and com.y in turn; a subscriber to both, the publications."""
    core = Core(options=EVERYTHING)
    alice, bob = core.join(), core.join()
    publications = []
    for number in range(5):
        publications.append(publish(bob, f"com.{'xy'[number % 2]}", number))
        core.host.advance(1)
    return alice, alice.subscribe("com.", match="prefix"), publications


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"reverse": True}, [4, 3, 2, 1, 0]),
        ({"limit": 2}, [0, 1]),
        ({"limit": 2, "reverse": True}, [4, 3]),
        ({"limit": 9}, [0, 1, 2, 3, 4]),
        ({"topic": "com.y"}, [1, 3]),
        ({"topic": "com.y", "limit": 1}, [1]),
        ({"topic": "com.z"}, []),
        ({"from_time": "2023-11-14T22:13:22Z"}, [2, 3, 4]),
        ({"after_time": "2023-11-14T22:13:22Z"}, [3, 4]),
        ({"before_time": "2023-11-14T22:13:22Z"}, [0, 1]),
        ({"until_time": "2023-11-14T22:13:22Z"}, [0, 1, 2]),
        ({"until_time": "2023-11-14T23:13:22.000000+01:00"}, [0, 1, 2]),
        ({"after_time": "2023-11-14T22:13:20Z", "before_time": "2023-11-14T22:13:23Z", "topic": "com.x"}, [2]),
        ({"from_time": "2024-01-01T00:00:00Z"}, []),
        ({"from_publication": 2}, [2, 3, 4]),
        ({"after_publication": 2}, [3, 4]),
        ({"before_publication": 2}, [0, 1]),
        ({"until_publication": 2}, [0, 1, 2]),
        ({"from_publication": 1, "until_publication": 3, "reverse": True}, [3, 2, 1]),
        ({"after_publication": 0, "before_publication": 1}, []),
        ({"after_publication": 3, "before_publication": 1}, []),
        ({"from_publication": 1, "after_publication": 2}, [3, 4]),
        ({"after_publication": 1, "limit": 1}, [2]),
        ({"before_publication": 3, "reverse": True, "limit": 1}, [2]),
        ({"from_publication": 1, "topic": "com.x"}, [2, 4]),
    ],
)
def test_filters_hold_together(options: dict[str, Any], numbers: list[int]) -> None:
    alice, subscription, publications = filtered()
    named = {name: publications[value] if name.endswith("_publication") else value for name, value in options.items()}
    assert past(alice, subscription, **named) == numbers


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": "many"},
        {"reverse": 1},
        {"from_time": "yesterday"},
        {"from_time": "2023-11-14T22:13:20"},
        {"until_time": 17},
        {"topic": 5},
        {"from_publication": 0},
        {"after_publication": 4711},
        {"until_publication": 4711},
    ],
)
def test_filter_that_means_nothing_is_refused(options: dict[str, Any]) -> None:
    alice, subscription, _ = filtered()
    assert error_of(ask(alice, subscription, **options)) == "wamp.error.invalid_argument"


@pytest.mark.parametrize("args", [[], ["com.x"], [0], [1, 2]])
def test_one_subscription_is_asked_about(args: list[Any]) -> None:
    alice, _, _ = filtered()
    [answer] = alice.ask([48, 1, {}, GET_EVENTS, args])
    assert error_of(answer) == "wamp.error.invalid_argument"


def test_answer_is_bounded_and_goes_on_from_its_last_publication() -> None:
    core = Core(Limits(history_events=2), options=EVERYTHING)
    alice, bob = core.join(), core.join()
    for number in range(5):
        publish(bob, "com.x", number)
    subscription = alice.subscribe("com.x")
    pages: list[list[int]] = []
    options: dict[str, Any] = {}
    is_limit_reached = True
    while is_limit_reached:
        answer = ask(alice, subscription, **options)
        pages.append([event["args"][0] for event in answer[3]])
        options = {"after_publication": answer[3][-1]["publication"]}
        is_limit_reached = answer[4]["is_limit_reached"]
    assert pages == [[0, 1], [2, 3], [4]]
    assert past(alice, subscription, limit=5) == [0, 1]


def test_answer_is_bounded_in_bytes_but_has_one_event_at_least() -> None:
    core = Core(Limits(history_bytes=3_000), options=EVERYTHING)
    alice, bob = core.join(), core.join()
    for size in (5_000, 400, 400, 400, 400):
        publish(bob, "com.x", "x" * size)
    subscription = alice.subscribe("com.x")
    first = ask(alice, subscription)
    assert ([len(event["args"][0]) for event in first[3]], first[4]) == ([5_000], {"is_limit_reached": True})
    then = ask(alice, subscription, after_publication=first[3][0]["publication"])
    assert ([len(event["args"][0]) for event in then[3]], then[4]) == ([400] * 3, {"is_limit_reached": True})


# --- to whom ------------------------------------------------------------------------------------


def test_unknown_subscription_has_no_history() -> None:
    assert error_of(ask(Core(options=EVERYTHING).join(), 4711)) == "wamp.error.no_such_subscription"


def test_subscription_of_others_is_for_who_may_subscribe_to_it() -> None:
    rights = Rights()
    core = Core(authorizer=rights, options=EVERYTHING)
    for authid in ("alice", "bob"):
        rights.grant(authid, "a")
    alice, bob, mallory = core.join("alice"), core.join("bob"), core.join("mallory")
    subscription = alice.subscribe("obj.a.x")
    publish(bob, "obj.a.x", "secret")
    assert past(bob, subscription) == ["secret"]
    answer = ask(mallory, subscription)
    assert error_of(answer) == "wamp.error.not_authorized"
    assert "obj.a.x" not in str(answer), "not even what the subscription is about"


def test_right_that_is_lost_takes_the_past_with_it() -> None:
    rights = Rights()
    core = Core(authorizer=rights, options=EVERYTHING)
    for authid in ("alice", "bob"):
        rights.grant(authid, "a", "b")
    alice, bob = core.join("alice"), core.join("bob")
    for name in "ab":
        publish(bob, f"obj.{name}.x", name)
    exact, prefix = alice.subscribe("obj.a.x"), alice.subscribe("obj.", match="prefix")
    bob.subscribe("obj.a.x")
    assert (past(alice, exact), past(alice, prefix)) == (["a"], ["a", "b"])
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(["alice"])
    alice.take()
    assert error_of(ask(alice, exact)) == "wamp.error.not_authorized"
    assert past(alice, prefix) == ["b"]


def test_hidden_events_are_neither_counted_nor_paged_from() -> None:
    rights = Rights()
    core = Core(Limits(history_events=2), authorizer=rights, options=EVERYTHING)
    rights.grant("bob", "a", "b")
    rights.grant("alice", "b")
    alice, bob = core.join("alice"), core.join("bob")
    hidden = publish(bob, "obj.a.x", "a")
    publish(bob, "obj.b.x", "b1")
    publish(bob, "obj.b.x", "b2")
    publish(bob, "obj.a.x", "a")
    subscription = alice.subscribe("obj.", match="prefix")
    answer = ask(alice, subscription)
    assert [event["args"][0] for event in answer[3]] == ["b1", "b2"]
    assert answer[4] == {"is_limit_reached": False}
    known, unknown = (ask(alice, subscription, after_publication=each) for each in (hidden, 4711))
    assert known[5][0].replace(str(hidden), "4711") == unknown[5][0]


@pytest.mark.parametrize(
    ("options", "readers"),
    [
        ({"eligible_authrole": ["admin"]}, "d"),
        ({"exclude_authrole": ["admin"]}, "ab"),
        ({"eligible_authid": ["a", "b"], "exclude_authid": ["b"]}, "a"),
        ({"eligible_authid": []}, ""),
    ],
)
def test_lists_of_principals_hold_when_the_past_is_read(options: dict[str, Any], readers: str) -> None:
    core = Core(options=EVERYTHING)
    core.authenticator.roles["d"] = "admin"
    publish(core.join(), "com.x", 1, **options)
    peers = {name: core.join(name) for name in "abd"}
    assert "".join(name for name, peer in peers.items() if past(peer, peer.subscribe("com.x"))) == readers


def test_publisher_finds_its_own_events() -> None:
    core = Core(options=EVERYTHING)
    bob = core.join()
    subscription = bob.subscribe("com.x")
    publish(bob, "com.x", "mine")
    assert past(bob, subscription) == ["mine"]


def test_authorizer_that_takes_its_time_hides_what_is_not_known_yet() -> None:
    rights = Rights()
    core = Core(authorizer=rights, options=EVERYTHING)
    for authid in ("alice", "bob"):
        rights.grant(authid, "a")
    alice, bob = core.join("alice"), core.join("bob")
    publish(bob, "obj.a.x", "a")
    exact, prefix = alice.subscribe("obj.a.x"), alice.subscribe("obj.", match="prefix")
    rights.is_asynchronous = True
    assert slowly(core, rights, alice, exact) == ["a"], "the membership itself says yes"
    assert slowly(core, rights, alice, prefix) == []


def test_membership_that_waits_for_its_judgement_shows_nothing() -> None:
    rights = Rights()
    core = Core(authorizer=rights, options=EVERYTHING)
    for authid in ("alice", "bob"):
        rights.grant(authid, "a")
    alice = core.join("alice")
    publish(core.join("bob"), "obj.a.x", "a")
    subscription = alice.subscribe("obj.a.x")
    rights.is_asynchronous = True
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(["alice"])
    judgement = rights.asked.pop()
    alice.send([48, 1, {}, GET_EVENTS, [subscription]])
    core.host.run()
    call = rights.asked.pop()
    call[0].give(True)
    core.host.run()
    judgement[0].give(False)
    assert "wamp.error.not_authorized" in [message[4] for message in alice.take() if message[0] == 8]


def slowly(core: Core, rights: Rights, peer: Peer, subscription: int) -> list[Any]:
    """Ask while each answer of the authorizer comes later."""
    peer.send([48, 1, {}, GET_EVENTS, [subscription]])
    core.host.run()
    rights.answer()
    [answer] = peer.take()
    return [event["args"][0] for event in answer[3]]


# --- topics with a source -------------------------------------------------------------------------


async def test_the_past_of_a_topic_with_a_source_is_asked_of_its_service() -> None:
    core = Core()
    asked: list[Any] = []

    def answer(call: Call) -> Payload:
        asked.append((call.payload.args, call.payload.kwargs))
        return Payload.from_values([{"event": 1}], {"is_limit_reached": False})

    service = core.realm1.join(Principal("logs", "service"))
    service.register("fairlead.log.events", answer)
    service.serve_topics("src.", RecordingSource("fairlead.log.events"))
    alice = core.join()
    subscription = alice.subscribe("src.a")
    times = {"after_time": "1970-01-01T00:00:01Z", "until_time": "1970-01-01T00:00:02Z"}
    assert ask(alice, subscription, reverse=True, **times)[3:] == [[{"event": 1}], {"is_limit_reached": False}]
    expected = {"topic": "src.a", "subscription": subscription, "reverse": True}
    assert asked == [([], {**expected, "since_us": 1_000_001, "until_us": 2_000_001})]
    assert past_count(alice, subscription, topic="src.b") == 0


def test_a_source_without_a_past_has_none() -> None:
    core = Core()
    core.realm1.join(Principal("logs", "service")).serve_topics("src.", RecordingSource())
    alice = core.join()
    assert past_count(alice, alice.subscribe("src.a")) == 0


def test_who_may_not_subscribe_is_not_passed_on() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    core.realm1.join(Principal("logs", "service")).serve_topics("src.", RecordingSource("fairlead.log.events"))
    rights.grant("alice", "a")
    alice, bob = core.join("alice"), core.join("bob")
    subscription = alice.subscribe("src.a")
    assert error_of(ask(bob, subscription)) == "wamp.error.not_authorized"


def test_who_may_not_call_the_service_is_not_passed_on() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    core.realm1.join(Principal("logs", "service")).serve_topics("src.", RecordingSource("fairlead.log.events"))
    rights.grant("alice", "a")
    alice = core.join("alice")
    subscription = alice.subscribe("src.a")
    assert error_of(ask(alice, subscription)) == "wamp.error.no_such_procedure"
    rights.denied_uris.add("fairlead.log.events")
    assert error_of(ask(alice, subscription)) == "wamp.error.not_authorized"


def past_count(peer: Peer, subscription: int, **options: Any) -> int:
    answer = ask(peer, subscription, **options)
    assert answer[0] == 50, answer
    return len(answer[3])
