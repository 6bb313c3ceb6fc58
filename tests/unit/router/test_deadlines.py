"""Deadlines: what ends by the clock has ended before anything that comes later is judged, however late the timer is."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.auth import ChallengeRequest, HelloRequest
from fairlead_router.authorization import Principal
from fairlead_router.deadlines import LONGEST_WAIT_S, Deadlines
from fairlead_router.payload import Payload
from fairlead_router.pubsub.topic_source import TopicReader
from fairlead_router.rpc.call import PENDING, Call
from fairlead_router.uris import Match
from support.core import EVERY_FEATURE, HAND_HOST_START_US, Core, HandHost, Peer, Rights

SECOND_US = 1_000_000
TOKEN_ENDED = "fairlead.close.token_ended"


def in_s(seconds: float) -> int:
    """So long after the start, on the wall clock."""
    return HAND_HOST_START_US + round(seconds * SECOND_US)


# ---- by themselves ----


def test_steady_deadline_waits_for_no_wall_clock_that_was_set_back() -> None:
    host, called = HandHost(), []
    deadlines = Deadlines(host)
    deadlines.set_steady(lambda: called.append(host.now_s), host.steady_us() + 7 * SECOND_US)
    host.clock_step_s = -3600
    host.stall(8)
    deadlines.run_due()
    assert called == [8]
    assert deadlines.next_steady_us is None


def test_deadline_is_called_once_at_its_time() -> None:
    host, called = HandHost(), []
    deadlines = Deadlines(host)
    deadlines.set(lambda: called.append(host.now_s), in_s(7))
    host.advance(6.9)
    assert called == []
    host.advance(100)
    assert called == [7]
    assert host.pending_timers == 0


def test_deadline_that_was_moved_counts_at_the_new_time_only() -> None:
    host, called = HandHost(), []
    deadlines = Deadlines(host)

    def callback() -> None:
        called.append(host.now_s)

    deadlines.set(callback, in_s(7))
    deadlines.set(callback, in_s(9))
    host.advance(8)
    assert called == []
    deadlines.set(callback, in_s(8.5))
    host.advance(10)
    assert called == [8.5]


def test_deadline_that_was_taken_back_leaves_no_timer() -> None:
    host, called = HandHost(), []
    deadlines = Deadlines(host)

    def callback() -> None:
        called.append(1)

    deadlines.set(callback, in_s(7))
    deadlines.set(callback, None)
    assert deadlines.next_us is None
    assert host.pending_timers == 0
    host.advance(10)
    assert called == []


def test_time_that_has_passed_already_is_due_at_once() -> None:
    host, called = HandHost(), []
    deadlines = Deadlines(host)
    deadlines.set(lambda: called.append(1), in_s(-100))
    deadlines.run_due()
    assert called == [1]


def test_clock_that_was_set_forward_is_noticed_without_a_message() -> None:
    host, called = HandHost(), []
    deadlines = Deadlines(host)
    deadlines.set(lambda: called.append(1), in_s(3600))
    host.clock_step_s = 3600
    host.advance(LONGEST_WAIT_S)
    assert called == [1]


def test_clock_that_was_set_back_puts_a_deadline_off() -> None:
    host, called = HandHost(), []
    deadlines = Deadlines(host)
    deadlines.set(lambda: called.append(1), in_s(10))
    host.advance(5)
    host.clock_step_s = -60
    host.advance(6)
    assert called == []
    host.advance(60)
    assert called == [1]


def test_deadline_that_fails_does_not_keep_the_next_from_being_called(caplog: pytest.LogCaptureFixture) -> None:
    host, called = HandHost(), []
    deadlines = Deadlines(host)

    def fail() -> None:
        raise RuntimeError("a mistake")

    deadlines.set(fail, in_s(1))
    deadlines.set(lambda: called.append(1), in_s(1))
    host.advance(1)
    assert called == [1]
    assert "a deadline went wrong" in caplog.text


def test_deadline_may_set_the_next_one_and_look_whether_others_are_due() -> None:
    host, called = HandHost(), []
    deadlines = Deadlines(host)

    def first() -> None:
        called.append("first")
        deadlines.set(lambda: called.append("third"), in_s(2))
        deadlines.run_due()

    deadlines.set(first, in_s(1))
    deadlines.set(lambda: called.append("second"), in_s(1))
    host.advance(3)
    assert called == ["first", "second", "third"]
    assert deadlines.next_us is None


# ---- before anything is accepted: the timer is late, and yet nothing goes through ----


class Losing(Rights):
    """Rights that are lost at a deadline; the gate is told when the deadline is run, and not before."""

    def lose(self, core: Core, at_us: int, authid: str, object_id: str) -> None:
        def due() -> None:
            self.take_away(authid, object_id)
            core.realm1.gate.revoke(objects=[object_id])

        core.realm1.deadlines.set(due, at_us)


@pytest.fixture
def rights() -> Losing:
    rights = Losing()
    rights.grant("alice", "x")
    rights.grant("bob", "x")
    return rights


@pytest.fixture
def core(rights: Losing) -> Core:
    core = Core(authorizer=rights)
    rights.lose(core, in_s(10), "bob", "x")
    return core


@pytest.mark.parametrize(("topic", "match"), [("obj.x.log", "exact"), ("obj.x", "prefix"), ("obj..log", "wildcard")])
def test_event_that_is_published_after_the_time_is_not_delivered(core: Core, topic: str, match: Match) -> None:
    alice, bob = core.join("alice"), core.join("bob", roles=EVERY_FEATURE)
    bob.subscribe(topic, match=match)
    alice.ask([16, 1, {}, "obj.x.log", ["permitted"]])
    assert bob.events() == [["permitted"]]
    core.host.stall(10)
    alice.ask([16, 2, {}, "obj.x.log", ["secret"]])
    assert [message for message in bob.take() if message[0] == 36] == []


@pytest.mark.parametrize(
    "request_",
    [[16, 1, {"acknowledge": True}, "obj.x.a"], [32, 1, {}, "obj.x.a"], [48, 1, {}, "obj.x.a"], [64, 1, {}, "obj.x.a"]],
)
def test_request_that_comes_after_the_time_is_refused(core: Core, request_: list[object]) -> None:
    bob = core.join("bob")
    core.host.stall(10)
    [answer] = bob.ask(request_)
    assert (answer[0], answer[4]) == (8, "wamp.error.not_authorized")


def test_retained_event_is_not_shown_after_the_time(core: Core) -> None:
    core.join("alice").ask([16, 1, {"retain": True}, "obj.x.a", ["kept"]])
    bob = core.join("bob")
    bob.subscribe("obj", match="prefix")
    core.host.stall(10)
    [subscribed] = bob.ask([32, 2, {"match": "wildcard", "get_retained": True}, "obj.."])
    assert subscribed[0] == 33


def test_progressive_result_that_is_yielded_after_the_time_ends_the_call(core: Core, rights: Losing) -> None:
    callee, bob = core.join("alice", roles=EVERY_FEATURE), core.join("bob", roles=EVERY_FEATURE)
    callee.register("obj.x.follow")
    bob.ask([48, 1, {"receive_progress": True}, "obj.x.follow"])
    [[_, invocation, *_]] = callee.take()
    callee.ask([70, invocation, {"progress": True}, ["permitted"]])
    core.host.stall(10)
    callee.ask([70, invocation, {"progress": True}, ["secret"]])
    assert [(message[0], message[3:]) for message in bob.take()] == [
        (50, [["permitted"]]),
        (8, [{}, "wamp.error.not_authorized", ["permission for the call of 'obj.x.follow' was revoked"]]),
    ]


def test_registration_is_gone_for_calls_after_the_time(core: Core) -> None:
    bob, alice = core.join("bob", roles=EVERY_FEATURE), core.join("alice")
    bob.register("obj.x.add")
    core.host.stall(10)
    [answer] = alice.ask([48, 1, {}, "obj.x.add"])
    assert answer[4] == "wamp.error.no_such_procedure"


def test_source_puts_nothing_on_its_topic_after_the_time(core: Core) -> None:
    source, bob = core.serve(), core.join("bob", roles=EVERY_FEATURE)
    source.objects["src.log"] = "x"
    source.on_subscribed = TopicReader.go_live
    bob.subscribe("src.log")
    core.host.stall(10)
    assert core.realm1.publish_from_source("src.log", Payload.from_values(["secret"]), 1, 1) == 0
    assert "secret" not in str(bob.take())


def test_source_sends_its_reader_nothing_after_the_time(core: Core) -> None:
    source, bob = core.serve(), core.join("bob", roles=EVERY_FEATURE)
    source.objects["src.log"] = "x"
    bob.subscribe("src.log")
    core.host.stall(10)
    [reader] = source.readers
    assert not reader.send(Payload.from_values(["secret"]), 1, 1)
    assert "secret" not in str(bob.take())


@pytest.mark.parametrize("way", ["send", "finish"])
async def test_service_gives_a_caller_nothing_after_the_time(core: Core, way: str) -> None:
    calls: list[Call] = []

    def endpoint(call: Call) -> Any:
        call.hold("read", "x")
        calls.append(call)
        return PENDING

    core.realm1.join(Principal("service", "service")).register("com.follow", endpoint)
    bob = core.join("bob", roles=EVERY_FEATURE)
    bob.ask([48, 1, {"receive_progress": True}, "com.follow"])
    core.host.stall(10)
    getattr(calls[0], way)({"text": "secret"})
    [answer] = bob.take()
    assert (answer[0], answer[4]) == (8, "wamp.error.not_authorized")


def test_testament_is_judged_by_the_rights_after_the_time(core: Core) -> None:
    bob, alice = core.join("bob"), core.join("alice")
    alice.subscribe("obj.x.a")
    bob.ask([48, 1, {}, "wamp.session.add_testament", ["obj.x.a", ["secret"], {}]])
    bob.connection.lost()
    core.host.stall(10)
    assert alice.events() == []


def test_what_was_accepted_in_time_and_waits_is_taken_back_at_the_time(core: Core) -> None:
    alice, bob = core.join("alice"), core.join("bob", roles=EVERY_FEATURE)
    bob.subscribe("obj.x.log")
    bob.clog()
    alice.ask([16, 1, {}, "obj.x.log", ["queued"]])
    core.host.advance(10)
    bob.read_on()
    assert [message[0] for message in bob.take()] == [35]


def test_answer_of_an_asynchronous_authorizer_is_stale_after_the_time(core: Core, rights: Losing) -> None:
    bob = core.join("bob")
    rights.is_asynchronous = True
    bob.ask([32, 1, {}, "obj.x.log"])
    core.host.stall(10)
    while rights.answer():
        core.host.run()
    [answer] = bob.take()
    assert (answer[0], answer[4]) == (8, "wamp.error.not_authorized")


# ---- sessions that end by the clock ----


class Expiring:
    """Everybody is who it says, until the tenth second."""

    expires_us = in_s(10)

    def authenticate(self, hello: HelloRequest) -> Principal | ChallengeRequest:
        return Principal(hello.authid or "anonymous", "user", "ticket", expires_us=self.expires_us)


@pytest.fixture
def expiring() -> Core:
    core = Core()
    core.realm1.authenticator = Expiring()
    return core


def goodbye_reason(peer: Peer) -> str:
    """Why the peer was told to go, by the last message."""
    last = peer.take()[-1]
    assert last[0] == 6, last
    reason: str = last[2]
    return reason


def test_session_ends_when_what_it_came_in_with_expires(expiring: Core) -> None:
    bob = expiring.join("bob")
    expiring.host.advance(9)
    assert bob.has_session
    expiring.host.advance(1)
    assert not bob.has_session
    assert goodbye_reason(bob) == TOKEN_ENDED


def test_session_that_has_expired_gets_and_does_nothing_though_the_timer_is_late(expiring: Core) -> None:
    bob, carol = expiring.join("bob"), expiring.join("carol")
    bob.subscribe("com.news")
    expiring.host.stall(11)
    carol.send([16, 1, {}, "com.news", ["secret"]])
    assert goodbye_reason(bob) == TOKEN_ENDED
    assert goodbye_reason(carol) == TOKEN_ENDED
    assert expiring.realm1.is_empty


def test_session_that_ends_otherwise_leaves_no_timer(expiring: Core) -> None:
    bob = expiring.join("bob")
    bob.vanish()
    expiring.host.run()
    assert expiring.realm1.deadlines.next_us is None


def test_who_comes_with_something_that_has_expired_is_refused(expiring: Core) -> None:
    expiring.host.advance(10)
    [abort] = Peer(expiring).ask([1, "realm1", {"roles": {"caller": {}}, "authid": "bob"}])
    assert (abort[0], abort[2]) == (3, "wamp.error.authentication_failed")
