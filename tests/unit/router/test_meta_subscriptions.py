"""The subscription meta API: what is there, for those who may see it, and what happens to it, in order."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router import Limits, Principal, RealmOptions
from fairlead_router.gate import Gate
from fairlead_router.pubsub.revocation import RevocationSignal
from support.core import EVERY_FEATURE, Core, GateSwitchedOff, Peer, Rights
from support.meta import Watcher, call, refused

PREFIX = "wamp.subscription."
LIST, LOOKUP, MATCH, GET = (PREFIX + name for name in ("list", "lookup", "match", "get"))
SUBSCRIBERS, COUNT, REMOVE = (PREFIX + name for name in ("list_subscribers", "count_subscribers", "remove_subscriber"))
EVENTS = [PREFIX + name for name in ("on_create", "on_subscribe", "on_unsubscribe", "on_delete")]
NOTHING: dict[str, list[int]] = {"exact": [], "prefix": [], "wildcard": []}
MISSING = "wamp.error.no_such_subscription"


@pytest.fixture
def rights() -> Rights:
    rights = Rights()
    rights.grant("alice", "a", "b")
    return rights


@pytest.fixture
def core(rights: Rights) -> Core:
    return Core(authorizer=rights)


@pytest.fixture
def alice(core: Core) -> Peer:
    return core.join("alice")


@pytest.fixture
def bob(core: Core) -> Peer:
    """He may see nothing of what is about an object."""
    return core.join("bob")


# ---- asking ----


def test_subscriptions_are_listed_by_match_policy(alice: Peer, bob: Peer) -> None:
    exact, prefix = alice.subscribe("com.x"), alice.subscribe("com.", match="prefix")
    wildcard = alice.subscribe("com..x", match="wildcard")
    assert call(bob, LIST) == {"exact": [exact], "prefix": [prefix], "wildcard": [wildcard]}


def test_lookup_finds_by_uri_and_policy(alice: Peer, bob: Peer) -> None:
    exact, prefix = alice.subscribe("com.x"), alice.subscribe("com.x", match="prefix")
    assert call(bob, LOOKUP, "com.x") == exact
    assert call(bob, LOOKUP, "com.x", {"match": "prefix"}) == prefix
    assert call(bob, LOOKUP, "com.x", {"match": "exact", "get_retained": True}) == exact
    assert call(bob, LOOKUP, "com.x", {"match": "wildcard"}) is None
    assert call(bob, LOOKUP, "com.y") is None


def test_match_finds_whatever_an_event_would_go_to(alice: Peer, bob: Peer) -> None:
    expected = {
        alice.subscribe("com.a.x"),
        alice.subscribe("com.", match="prefix"),
        alice.subscribe("com..x", match="wildcard"),
    }
    alice.subscribe("com.b.x")
    assert set(call(bob, MATCH, "com.a.x")) == expected
    assert call(bob, MATCH, "org.x") is None


def test_a_subscription_is_described(core: Core, alice: Peer, bob: Peer) -> None:
    subscription = alice.subscribe("com.", match="prefix")
    details = call(bob, GET, subscription)
    created = details.pop("created")
    assert details == {"id": subscription, "uri": "com.", "match": "prefix"}
    assert created.endswith("Z")
    assert len(created) == len("2026-11-26T13:00:00.000000Z")


def test_subscribers_are_listed_and_counted(core: Core, alice: Peer, bob: Peer) -> None:
    subscription = alice.subscribe("com.x")
    bob.subscribe("com.x")
    assert call(bob, SUBSCRIBERS, subscription) == [alice.session_id, bob.session_id]
    assert call(bob, COUNT, subscription) == 2
    alice.ask([34, 5, subscription])
    assert call(bob, SUBSCRIBERS, subscription) == [bob.session_id]
    bob.ask([34, 5, subscription])
    assert refused(bob, COUNT, subscription) == MISSING


def test_readers_of_a_topic_with_a_source_are_subscribers(core: Core, rights: Rights, alice: Peer) -> None:
    core.serve("src.")
    subscription = alice.subscribe("src.a")
    assert call(alice, COUNT, subscription) == 1


@pytest.mark.parametrize("procedure", [GET, SUBSCRIBERS, COUNT])
def test_an_unknown_id_is_no_such_subscription(alice: Peer, procedure: str) -> None:
    assert refused(alice, procedure, 4711) == MISSING


@pytest.mark.parametrize(
    ("procedure", "args", "error"),
    [
        (LIST, [1], "wamp.error.invalid_argument"),
        (GET, [], "wamp.error.invalid_argument"),
        (GET, ["1"], "wamp.error.invalid_argument"),
        (LOOKUP, ["com.x", {"match": "regex"}], "wamp.error.invalid_argument"),
        (LOOKUP, ["com.x", "exact"], "wamp.error.invalid_argument"),
        (LOOKUP, ["com..x"], "wamp.error.invalid_uri"),
        (MATCH, ["com..x"], "wamp.error.invalid_uri"),
        (MATCH, [""], "wamp.error.invalid_uri"),
        (MATCH, ["x" * 2000], "wamp.error.invalid_uri"),
        (COUNT, [None], "wamp.error.invalid_argument"),
        (REMOVE, [1], "wamp.error.invalid_argument"),
    ],
)
def test_bad_arguments_are_refused(alice: Peer, procedure: str, args: list[Any], error: str) -> None:
    assert refused(alice, procedure, *args) == error


def test_an_answer_with_too_many_ids_is_refused() -> None:
    core = Core(Limits(listed_ids=2))
    peers = [core.join() for _ in range(3)]
    [subscription] = {peer.subscribe("com.x") for peer in peers}
    assert call(peers[0], LIST) == {**NOTHING, "exact": [subscription]}
    assert refused(peers[0], SUBSCRIBERS, subscription) == "fairlead.error.limit_exceeded"
    assert refused(peers[0], "wamp.session.list") == "fairlead.error.limit_exceeded"
    assert call(peers[0], COUNT, subscription) == 3


# ---- what may not be seen does not exist (G5, G13) ----


def test_what_the_caller_may_not_subscribe_to_does_not_exist_for_it(rights: Rights, alice: Peer, bob: Peer) -> None:
    secret, public = alice.subscribe("obj.a.x"), alice.subscribe("com.x")
    assert call(bob, LIST) == {**NOTHING, "exact": [public]}
    assert call(bob, LOOKUP, "obj.a.x") is None
    assert call(bob, MATCH, "obj.a.x") is None
    for procedure in (GET, SUBSCRIBERS, COUNT):
        assert refused(bob, procedure, secret) == MISSING
    assert refused(bob, REMOVE, secret, alice.session_id) == MISSING
    rights.grant("bob", "a")
    assert call(bob, LOOKUP, "obj.a.x") == secret


def test_a_pattern_is_seen_by_the_right_to_the_pattern(rights: Rights, alice: Peer, bob: Peer) -> None:
    alice.subscribe("com.", match="prefix")
    rights.denied_uris.add("com.")
    assert call(bob, MATCH, "com.x") is None


def test_an_authorizer_that_takes_its_time_shows_nothing(core: Core, rights: Rights, alice: Peer) -> None:
    alice.subscribe("com.x")
    rights.is_asynchronous = True
    alice.send([48, 7, {}, LIST])
    rights.answer()
    assert alice.take() == [[50, 7, {}, [NOTHING], {}]]


def test_a_coroutine_that_nobody_waits_for_is_closed() -> None:
    class Slow(Rights):
        def authorize(self, *question: Any) -> Any:
            async def answer() -> bool:
                raise AssertionError("nobody waits for this")

            return self.judge(*question) if question[1] == "call" else answer()

    core = Core(authorizer=Slow())
    core.realm1.join(Principal("logs", "service"))
    assert call(core.join("alice"), MATCH, "com.x") is None


@pytest.mark.parametrize("lost", [(["bob"], []), ([], ["a"])])
@pytest.mark.parametrize(("procedure", "about"), [(LIST, None), (MATCH, "uri"), (GET, "id"), (SUBSCRIBERS, "id")])
def test_an_answer_that_is_not_written_yet_is_taken_back_with_the_right_to_see_it(
    core: Core, rights: Rights, alice: Peer, lost: tuple[list[str], list[str]], procedure: str, about: str | None
) -> None:
    rights.grant("bob", "a")
    bob, subscription = core.join("bob"), alice.subscribe("obj.a.x")
    arguments = {None: [], "uri": ["obj.a.x"], "id": [subscription]}[about]
    bob.clog()
    bob.ask([48, 1, {}, procedure, arguments])
    rights.take_away("bob", "a")
    core.realm1.gate.revoke(*lost)
    bob.read_on()
    [answer] = bob.take()
    assert (answer[0], answer[4]) == (8, "wamp.error.not_authorized")


# ---- removing ----


def test_a_removed_subscriber_is_told_and_gets_nothing_more(core: Core, bob: Peer) -> None:
    alice = core.join("alice", roles=EVERY_FEATURE)
    subscription = alice.subscribe("com.x")
    assert call(bob, REMOVE, subscription, alice.session_id, reason="com.app.moved") is None
    assert alice.take() == [[35, 0, {"subscription": subscription, "reason": "com.app.moved"}]]
    bob.ask([16, 1, {}, "com.x"])
    assert alice.take() == []
    assert alice.ask([34, 9, subscription]) == [[35, 9]]


def test_without_a_reason_it_says_that_it_was_removed(core: Core, bob: Peer) -> None:
    alice = core.join("alice", roles=EVERY_FEATURE)
    subscription = alice.subscribe("com.x")
    call(bob, REMOVE, subscription, alice.session_id)
    assert alice.take() == [[35, 0, {"subscription": subscription, "reason": "fairlead.revoked.removed"}]]


def test_removing_is_refused_where_there_is_nothing_to_remove(core: Core, alice: Peer, bob: Peer) -> None:
    subscription = alice.subscribe("com.x")
    assert refused(bob, REMOVE, subscription, bob.session_id) == MISSING
    assert refused(bob, REMOVE, subscription, 4711) == "wamp.error.no_such_session"
    assert refused(bob, REMOVE, 4711, alice.session_id) == MISSING
    assert refused(bob, REMOVE, subscription, alice.session_id, reason="not a uri") == "wamp.error.invalid_uri"
    assert call(bob, COUNT, subscription) == 1


async def test_a_service_is_not_removed(core: Core, bob: Peer) -> None:
    service = core.realm1.join(Principal("logs", "service"))
    service.subscribe("com.x", print)
    subscription = call(bob, LOOKUP, "com.x")
    assert refused(bob, REMOVE, subscription, service.session_id) == "wamp.error.no_such_session"
    assert call(bob, SUBSCRIBERS, subscription) == [service.session_id]


def test_who_removes_itself_where_that_closes_the_session_gets_goodbye_and_nothing_after_it() -> None:
    core = Core(options=RealmOptions(revocation_signal=RevocationSignal.CLOSE))
    alice = core.join()
    subscription = alice.subscribe("com.x")
    assert alice.ask([48, 1, {}, REMOVE, [subscription, alice.session_id]]) == [
        [6, {"message": "the subscription to 'com.x' was revoked"}, "fairlead.revoked.removed"]
    ]


# ---- events ----


def test_events_tell_the_life_of_a_subscription_in_the_order_of_the_spec(alice: Peer, bob: Peer) -> None:
    watcher = Watcher(bob, *EVENTS)
    subscription = alice.subscribe("com.x")
    details = call(bob, GET, subscription)
    alice.ask([34, 5, subscription])
    assert watcher.heard() == [
        ("on_create", [alice.session_id, details]),
        ("on_subscribe", [alice.session_id, subscription]),
        ("on_unsubscribe", [alice.session_id, subscription]),
        ("on_delete", [alice.session_id, subscription]),
    ]


def test_a_subscription_is_created_by_the_first_and_deleted_after_the_last(core: Core, alice: Peer, bob: Peer) -> None:
    watcher = Watcher(core.join("watcher"), *EVENTS)
    subscription = alice.subscribe("com.x")
    bob.subscribe("com.x")
    bob.subscribe("com.x")
    alice.ask([34, 5, subscription])
    bob.ask([34, 5, subscription])
    assert [(name, args[0]) for name, args in watcher.heard()] == [
        ("on_create", alice.session_id),
        ("on_subscribe", alice.session_id),
        ("on_subscribe", bob.session_id),
        ("on_unsubscribe", alice.session_id),
        ("on_unsubscribe", bob.session_id),
        ("on_delete", bob.session_id),
    ]


def test_a_session_leaves_after_its_subscriptions(core: Core, alice: Peer, bob: Peer) -> None:
    watcher = Watcher(bob, "wamp.session.on_leave", *EVENTS[2:])
    alice.subscribe("com.x")
    alice.vanish()
    assert [name for name, _ in watcher.heard()] == ["on_unsubscribe", "on_delete", "on_leave"]


def test_subscribed_comes_before_the_event_about_it(core: Core, alice: Peer) -> None:
    topic = PREFIX + "on_subscribe"
    messages = alice.ask([32, 1, {}, topic], [32, 2, {}, PREFIX + "on_create"], [32, 3, {}, "com.x"])
    assert [message[0] for message in messages[:3]] == [33, 33, 33]
    assert {message[0] for message in messages[3:]} == {36}


def test_a_pattern_over_meta_topics_hears_them_with_their_topic(core: Core, alice: Peer, bob: Peer) -> None:
    bob.subscribe(PREFIX, match="prefix")
    bob.take()
    alice.subscribe("com.x")
    assert [message[3]["topic"] for message in bob.take()] == EVENTS[:2]


def test_events_about_what_a_session_may_not_see_do_not_reach_it(
    core: Core, rights: Rights, alice: Peer, bob: Peer
) -> None:
    blind, seeing = Watcher(bob, *EVENTS), Watcher(core.join("alice"), *EVENTS)
    pattern = core.join("bob")
    pattern.subscribe("wamp.", match="prefix")
    pattern.take()
    blind.heard()
    seeing.heard()
    subscription = alice.subscribe("obj.a.x")
    alice.ask([34, 5, subscription])
    assert blind.heard() == []
    assert pattern.take() == []
    assert [name for name, _ in seeing.heard()] == ["on_create", "on_subscribe", "on_unsubscribe", "on_delete"]


@pytest.mark.parametrize("lost", [(["bob"], []), ([], ["a"])])
@pytest.mark.parametrize("topic", [(PREFIX + "on_subscribe", "exact"), ("wamp.", "prefix")])
@pytest.mark.parametrize("gate", [Gate, GateSwitchedOff])
def test_queued_events_about_what_may_no_longer_be_seen_are_taken_back_and_only_those(
    rights: Rights, lost: tuple[list[str], list[str]], topic: tuple[str, str], gate: type[Gate]
) -> None:
    core = Core(authorizer=rights, gate=gate)
    rights.grant("bob", "a", "b")
    alice, bob = core.join("alice"), core.join("bob")
    bob.subscribe(topic[0], match=topic[1])
    bob.take()
    bob.clog()
    secret = {alice.subscribe("obj.a.x")}
    others = {alice.subscribe("obj.b.x"), alice.subscribe("com.x")}
    rights.take_away("bob", "a")
    core.realm1.gate.revoke(*lost)
    bob.read_on()
    told = {_subscription(event[4][1]) for event in bob.take()}
    assert told == (others if gate is Gate else others | secret)


def test_an_event_is_judged_in_the_turn_of_its_delivery(core: Core, rights: Rights, alice: Peer, bob: Peer) -> None:
    rights.grant("bob", "a")
    watcher = Watcher(bob, *EVENTS)
    alice.send([32, 1, {}, "obj.a.x"])
    rights.take_away("bob", "a")
    core.realm1.gate.revoke(["bob"])
    assert watcher.heard() == []


def test_who_still_may_see_it_hears_of_a_revocation(core: Core, rights: Rights, alice: Peer, bob: Peer) -> None:
    rights.grant("bob", "a")
    subscription = alice.subscribe("obj.a.x")
    watcher = Watcher(bob, *EVENTS)
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(["alice"])
    assert watcher.heard() == [
        ("on_unsubscribe", [alice.session_id, subscription]),
        ("on_delete", [alice.session_id, subscription]),
    ]


def _subscription(what: Any) -> int:
    """From the second argument of an event: the id, or the details with the id."""
    found: int = what["id"] if isinstance(what, dict) else what
    return found


@pytest.mark.parametrize("name", ["list", "lookup", "match", "get", "list_subscribers", "remove_subscriber"])
def test_each_call_is_authorized_as_a_call_of_its_uri(rights: Rights, alice: Peer, name: str) -> None:
    rights.denied_uris.add(PREFIX + name)
    assert refused(alice, PREFIX + name) == "wamp.error.not_authorized"
