"""What is lost by the clock, against live subscriptions, registrations and calls; the timer is late in most tests.

Each runs without the mechanism too, with no deadline ever due, and must then see the leak.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead_authz import Put, Revoke
from fairlead_authz.changes import Deactivate, Trash, Untrash
from fairlead_router.authorization import Principal
from fairlead_router.deadlines import Deadlines
from fairlead_router.options import RealmOptions
from fairlead_router.payload import Payload
from fairlead_router.pubsub.event_history import HistoryRule
from fairlead_router.pubsub.topic_source import TopicReader
from fairlead_router.rpc.call import PENDING, Call
from support.by_hand import TOKEN_ENDED, RealmByHand, a_realm_by_hand, goodbye, in_s, texts

KEEP_ALL = RealmOptions(event_history=(HistoryRule("com.app.", match="prefix"),))


def forget(deadlines: Deadlines, callback: object, at_us: int | None) -> None:
    """Deadlines without their mechanism: nothing is ever due."""


@pytest.fixture(params=["in force", "switched off"])
async def realm(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RealmByHand]:
    """X is in the trash from the tenth second on."""
    if request.param == "switched off":
        monkeypatch.setattr(Deadlines, "set", forget)
    async with a_realm_by_hand(tmp_path, options=KEEP_ALL) as realm:
        await realm.authz.apply([Trash("x", in_s(10))])
        yield realm


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[RealmByHand]:
    async with a_realm_by_hand(tmp_path, options=KEEP_ALL) as realm:
        yield realm


def leaks() -> bool:
    """Whether the mechanism is switched off."""
    return Deadlines.set is forget


PATTERNS = [("com.app.x", "exact"), ("com.app.", "prefix"), ("com.app.", "wildcard")]


@pytest.mark.parametrize(("topic", "match"), PATTERNS)
async def test_nothing_published_after_the_time_is_delivered(realm: RealmByHand, topic: str, match: str) -> None:
    bob = await realm.join("bob")
    bob.subscribe(topic, match=match)
    realm.publish("x", "permitted")
    assert texts(bob) == ["permitted"]
    realm.host.stall(10)
    realm.publish("x", "secret")
    realm.publish("x", "secret too")
    assert texts(bob) == (["secret", "secret too"] if leaks() else [])


@pytest.mark.parametrize(("topic", "match"), PATTERNS)
async def test_what_waits_at_the_time_is_taken_back(realm: RealmByHand, topic: str, match: str) -> None:
    bob = await realm.join("bob")
    bob.subscribe(topic, match=match)
    bob.clog()
    realm.publish("x", "queued")
    realm.host.advance(10)
    bob.read_on()
    assert texts(bob) == (["queued"] if leaks() else [])


async def test_project_in_the_trash_takes_what_is_in_it(realm: RealmByHand) -> None:
    await realm.authz.apply([Put("project", "inner", owner="p"), Put("object", "y", owner="inner")])
    await realm.authz.apply([Trash("p", in_s(5))])
    bob = await realm.join("bob")
    bob.subscribe("com.app.y")
    realm.host.stall(5)
    realm.publish("y", "secret")
    assert texts(bob) == (["secret"] if leaks() else [])


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        ("container", [Put("container", "c"), Put("container_request", "r", owner="p", about="c")]),
        ("log", [Put("log", "c", about="x")]),
    ],
)
async def test_what_was_seen_through_what_is_in_the_trash_goes_too(
    realm: RealmByHand, kind: str, before: list[Put]
) -> None:
    await realm.authz.apply([*before, Trash("p", in_s(5))])
    bob = await realm.join("bob")
    bob.subscribe("com.app.c")
    realm.host.stall(5)
    realm.publish("c", "secret")
    assert texts(bob) == (["secret"] if leaks() else [])


async def test_retained_and_past_events_are_not_shown_after_the_time(guarded: RealmByHand) -> None:
    await guarded.authz.apply([Trash("x", in_s(10))])
    alice, bob = await guarded.join("alice"), await guarded.join("bob")
    alice.ask([16, 1, {"retain": True}, "com.app.x", ["kept"]])
    everything = bob.subscribe("com.app.", match="prefix")
    past: list[object] = [48, 2, {}, "wamp.subscription.get_events", [everything]]
    retained: list[object] = [32, 3, {"get_retained": True, "match": "wildcard"}, "com.app."]
    assert "kept" in str(bob.ask(past))
    guarded.host.stall(10)
    assert "kept" not in str(bob.ask(past, retained))


async def test_follower_of_a_topic_with_a_source_gets_nothing_after_the_time(realm: RealmByHand) -> None:
    source = realm.core.serve("fairlead.stream.")
    source.objects["fairlead.stream.x"] = "x"
    source.on_subscribed = TopicReader.go_live
    bob = await realm.join("bob")
    bob.subscribe("fairlead.stream.x")
    realm.host.stall(10)
    realm.core.realm1.publish_from_source("fairlead.stream.x", Payload.from_values(["secret"]), 1, 1)
    assert ("secret" in texts(bob)) is leaks()


async def test_call_in_progress_ends_at_the_time(realm: RealmByHand) -> None:
    calls: list[Call] = []

    def follow(call: Call) -> object:
        call.hold("read", "x")
        calls.append(call)
        return PENDING

    realm.core.realm1.join(Principal("logs", "service")).register("fairlead.log.follow", follow)  # type: ignore[arg-type]
    bob = await realm.join("bob")
    bob.ask([48, 1, {"receive_progress": True}, "fairlead.log.follow"])
    realm.host.stall(10)
    calls[0].send({"text": "secret"})
    [answer] = bob.take()
    assert answer[0] == (50 if leaks() else 8)


async def test_progressive_results_of_another_peer_end_at_the_time(realm: RealmByHand) -> None:
    alice, bob = await realm.join("alice"), await realm.join("bob")
    alice.register("com.app.x")
    bob.ask([48, 1, {"receive_progress": True}, "com.app.x"])
    [[_, invocation, *_]] = alice.take()
    realm.host.stall(10)
    alice.ask([70, invocation, {"progress": True}, ["secret"]])
    [answer] = bob.take()
    assert answer[0] == (50 if leaks() else 8)


async def test_registration_that_rests_on_what_is_in_the_trash_is_gone(realm: RealmByHand) -> None:
    bob = await realm.join("bob")
    bob.register("com.offer.x")
    realm.host.stall(10)
    dora = await realm.join("dora")
    answers = dora.ask([48, 1, {}, "com.offer.x"])
    assert [answer[4] for answer in answers] == ([] if leaks() else ["wamp.error.no_such_procedure"])


# ---- the clock is set, and what is in the trash changes ----


async def test_clock_that_is_set_forward_takes_what_is_due_before_the_next_message(realm: RealmByHand) -> None:
    bob = await realm.join("bob")
    bob.subscribe("com.app.x")
    realm.host.clock_step_s = 3600
    realm.publish("x", "secret")
    assert texts(bob) == (["secret"] if leaks() else [])


async def test_clock_that_is_set_back_gives_back_what_is_not_due_and_takes_it_again(guarded: RealmByHand) -> None:
    await guarded.authz.apply([Trash("x", in_s(10))])
    bob = await guarded.join("bob")
    guarded.host.advance(10)
    assert bob.ask([32, 1, {}, "com.app.x"])[0][0] == 8
    guarded.host.clock_step_s = -3600
    bob.ask([32, 2, {}, "com.app.x"])  # by then it is known that the clock was set back
    bob.subscribe("com.app.x")
    guarded.publish("x", "permitted")
    assert texts(bob) == ["permitted"]
    guarded.host.stall(3600)
    guarded.publish("x", "secret")
    assert texts(bob) == []


async def test_clock_that_is_corrected_by_seconds_gives_nothing_back(guarded: RealmByHand) -> None:
    await guarded.authz.apply([Trash("x")])
    guarded.host.clock_step_s = -5
    for _ in range(2):
        assert not guarded.authz.can("bob", "read", "x")
        guarded.host.advance(0)


async def test_right_that_was_lost_is_there_again_only_when_its_loss_can_be_repeated(guarded: RealmByHand) -> None:
    await guarded.authz.apply([Trash("x", in_s(10))])
    guarded.host.advance(10)
    guarded.host.clock_step_s = -120
    assert not guarded.authz.can("bob", "read", "x")
    guarded.host.advance(0)
    assert guarded.authz.can("bob", "read", "x")
    guarded.host.advance(120)
    assert not guarded.authz.can("bob", "read", "x")


async def test_what_is_moved_to_a_later_time_or_taken_out_is_not_lost(guarded: RealmByHand) -> None:
    bob = await guarded.join("bob")
    bob.subscribe("com.app.x")
    bob.subscribe("com.app.y")
    await guarded.authz.apply([Trash("x", in_s(10)), Trash("y", in_s(10))])
    await guarded.authz.apply([Trash("x", in_s(20)), Untrash("y")])
    guarded.host.advance(15)
    guarded.publish("x", "x")
    guarded.publish("y", "y")
    assert texts(bob) == ["x", "y"]
    guarded.host.advance(5)
    guarded.publish("x", "secret")
    guarded.publish("y", "y")
    assert texts(bob) == ["y"]


async def test_later_time_judges_nothing_again(guarded: RealmByHand) -> None:
    bob = await guarded.join("bob")
    bob.subscribe("com.app.x")
    await guarded.authz.apply([Trash("x", in_s(10))])
    cell = guarded.core.realm1.gate.object_cell("x")
    before = cell.revision
    await guarded.authz.apply([Trash("x", in_s(20))])
    await guarded.authz.apply([Untrash("x")])
    assert cell.revision == before


async def test_what_has_no_part_in_it_is_not_judged_again(guarded: RealmByHand) -> None:
    bob = await guarded.join("bob")
    bob.subscribe("com.app.y")
    await guarded.authz.apply([Trash("x", in_s(10))])
    cell = guarded.core.realm1.gate.object_cell("y")
    before = cell.revision
    guarded.host.advance(10)
    assert cell.revision == before


async def test_what_became_due_while_the_server_was_away_holds_from_the_first_event_on(tmp_path: Path) -> None:
    async with a_realm_by_hand(tmp_path) as realm:
        await realm.authz.apply([Trash("x", in_s(10))])
        token = await realm.authz.create_token("bob", expires_us=in_s(10))
        other = await realm.authz.create_token("bob")
    async with a_realm_by_hand(tmp_path) as realm:
        realm.host.clock_step_s = 10
        assert realm.refused(token) == "the token is not valid"
        bob = realm.join_with(other)
        assert bob.ask([32, 1, {}, "com.app.x"])[0][0] == 8
        bob.subscribe("com.app.", match="prefix")
        realm.publish("x", "secret")
        realm.publish("y", "permitted")
        assert texts(bob) == ["permitted"]


# ---- tokens ----


async def test_session_ends_when_its_token_expires(realm: RealmByHand) -> None:
    bob = await realm.join("bob", expires_us=in_s(10))
    lasting = await realm.join("bob")
    bob.subscribe("com.app.y")
    lasting.subscribe("com.app.y")
    realm.host.stall(10)
    realm.publish("y", "for whoever is there")
    assert texts(lasting) == ["for whoever is there"]
    if leaks():
        assert bob.has_session
    else:
        assert goodbye(bob) == TOKEN_ENDED


async def test_session_ends_when_its_token_expires_though_no_message_comes(guarded: RealmByHand) -> None:
    bob = await guarded.join("bob", expires_us=in_s(10))
    guarded.host.advance(9)
    assert bob.has_session
    guarded.host.advance(1)
    assert goodbye(bob) == TOKEN_ENDED


async def test_session_that_came_in_by_another_way_ends_with_what_it_came_in_with(guarded: RealmByHand) -> None:
    class Issuer:
        def authenticate(self, hello: object) -> Principal:
            return Principal("bob", "user", "jwt", expires_us=in_s(10))

    guarded.core.realm1.authenticator = Issuer()
    bob = guarded.core.join("bob")
    bob.subscribe("com.app.y")
    guarded.host.stall(10)
    guarded.publish("y", "secret")
    assert goodbye(bob) == TOKEN_ENDED


async def test_token_whose_end_is_put_off_lasts_longer(guarded: RealmByHand) -> None:
    bob = await guarded.join("bob", expires_us=in_s(10))
    [token] = guarded.authz.tokens_of("bob")
    await guarded.authz.change_token(token.id, expires_us=in_s(20))
    guarded.host.advance(15)
    assert bob.has_session
    guarded.host.advance(5)
    assert goodbye(bob) == TOKEN_ENDED


async def test_close_leaves_no_deadline(tmp_path: Path) -> None:
    async with a_realm_by_hand(tmp_path) as realm:
        await realm.authz.apply([Trash("x", in_s(10))])
        await realm.authz.apply([Revoke("bob", "read", "p")])
    assert realm.core.realm1.deadlines.next_us is None


async def test_token_that_ends_before_its_time_leaves_no_deadline(guarded: RealmByHand) -> None:
    """Whoever makes and deletes tokens without end would fill the table of what is due."""
    authz = guarded.authz
    text = await authz.create_token("bob", expires_us=in_s(10))
    assert guarded.core.realm1.deadlines.next_us == in_s(10)
    await authz.delete_token(text.split("/")[1])
    assert guarded.core.realm1.deadlines.next_us is None
    await authz.create_token("bob", expires_us=in_s(20))
    await authz.apply([Deactivate("bob")])
    assert guarded.core.realm1.deadlines.next_us is None
