"""The conversation from HELLO to the end of the transport."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed
from fairlead_router.limits import Limits
from fairlead_router.observer import RealmObserver
from fairlead_router.pulse import OUTBOXES_A_LOOK
from support.core import ROLES, Core, Peer, Rights, types_of

HELLO = [1, "realm1", {"roles": ROLES}]
VIOLATION = "wamp.error.protocol_violation"
TICKET = [1, "realm1", {"roles": ROLES, "authid": "alice", "authmethods": ["ticket"]}]


def abort_reason(peer: Peer) -> str:
    """Of the ABORT that must be all that arrives; the transport closes after it."""
    [abort] = peer.take()
    assert abort[0] == 3
    assert list(abort[1]) == ["message"]
    assert peer.network.is_closed
    reason: str = abort[2]
    return reason


# ---- opening ----


def test_welcome_says_who_one_is_and_what_works() -> None:
    core = Core()
    [welcome] = Peer(core).ask([1, "realm1", {"roles": ROLES, "authid": "alice"}])
    [(session_id, principal)] = core.realm1.sessions()
    assert welcome[:2] == [2, session_id]
    details = welcome[2]
    assert (details["authid"], details["authrole"], details["authmethod"]) == ("alice", "user", "ticket")
    assert (details["realm"], details["agent"]) == ("realm1", "core")
    assert details["_fairlead"] == {"max_message": 1 << 20, "revocation": "auto"}
    assert details["roles"]["dealer"]["features"]["progressive_call_results"] is True
    assert principal == Principal("alice", "user", "ticket", "static")


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
def test_session_opens_in_every_serializer(codec: Any) -> None:
    assert Core().join(codec=codec).session_id > 0


def test_sessions_have_different_ids() -> None:
    core = Core()
    assert len({core.join().session_id for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        ([1, "nowhere", {"roles": ROLES}], "wamp.error.no_such_realm"),
        ([1, "", {"roles": ROLES}], "wamp.error.invalid_uri"),
        ([1, "no where", {"roles": ROLES}], "wamp.error.invalid_uri"),
        ([1, "no..where", {"roles": ROLES}], "wamp.error.invalid_uri"),
        ([1, "x" * 1025, {"roles": ROLES}], "wamp.error.invalid_uri"),
        ([1, "realm1", {"roles": ROLES, "authid": "x" * 257}], "fairlead.error.limit_reached"),
        ([1, "realm1", {"roles": ROLES, "authid": 5}], VIOLATION),
        ([1, "realm1", {"roles": ROLES, "authmethods": "ticket"}], VIOLATION),
        ([1, "realm1", {"roles": ROLES, "authmethods": [1]}], VIOLATION),
        ([1, "realm1", {"roles": ROLES, "authextra": []}], VIOLATION),
        ([1, "realm1", {}], VIOLATION),
        ([1, "realm1", {"roles": {}}], VIOLATION),
        ([1, "realm1", {"roles": {"broker": {}}}], VIOLATION),
        ([1, "realm1", {"roles": "all"}], VIOLATION),
        ([1, "realm1"], VIOLATION),
        ([1, 5, {"roles": ROLES}], VIOLATION),
    ],
)
def test_hello_is_refused(hello: list[Any], reason: str) -> None:
    peer = Peer(Core())
    peer.send(hello)
    assert abort_reason(peer) == reason


@pytest.mark.parametrize("message", [[16, 1, {}, "com.x"], [6, {}, "bye"], [5, "ticket", {}], [49, 1, {}]])
def test_only_hello_may_come_first(message: list[Any]) -> None:
    peer = Peer(Core())
    peer.send(message)
    assert abort_reason(peer) == VIOLATION


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"[1,", b"hello", b"[99]", b"[2,1,{}]", b"\xff", b"[16.0]", b"null"]
)
def test_malformed_message_ends_the_session(data: bytes) -> None:
    peer = Core().join()
    peer.send_bytes(data)
    assert abort_reason(peer) == VIOLATION
    assert not peer.has_session


def test_client_may_give_up_while_opening() -> None:
    peer = Peer(Core())
    assert peer.ask([3, {}, "wamp.close.normal"]) == []
    assert peer.network.is_closed


def test_service_role_cannot_come_over_the_wire() -> None:
    core = Core()
    core.authenticator.roles["mallory"] = "service"
    peer = Peer(core)
    peer.send([1, "realm1", {"roles": ROLES, "authid": "mallory"}])
    assert abort_reason(peer) == "wamp.error.authentication_failed"


def test_principal_that_json_could_not_tell_others_of_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    peer = Peer(Core(), "msgpack")
    peer.send([1, "realm1", {"roles": ROLES, "authid": "\0alice"}])
    assert abort_reason(peer) == "wamp.error.authentication_failed"
    assert "U+0000" in caplog.text


# ---- proving who one is ----


def test_challenge_and_answer() -> None:
    peer = Peer(Core())
    assert peer.ask(TICKET) == [[4, "ticket", {}]]
    [welcome] = peer.ask([5, "secret", {}])
    assert welcome[2]["authid"] == "alice"


def test_proof_may_be_looked_at_asynchronously() -> None:
    core = Core()
    peer = Peer(core)
    assert types_of(peer.ask(TICKET, [5, "later", {}])) == [4]
    core.authenticator.answers[0].give(Principal("alice", "user"))
    assert types_of(peer.take()) == [2]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (AuthenticationFailed("the ticket is not valid"), "wamp.error.authentication_failed"),
        (RuntimeError("database away"), "wamp.error.authentication_failed"),
        (Principal("mallory", "service"), "wamp.error.authentication_failed"),
        ("not a principal", "wamp.error.authentication_failed"),
    ],
)
def test_proof_is_refused_asynchronously(answer: Any, reason: str) -> None:
    core = Core()
    peer = Peer(core)
    peer.ask(TICKET, [5, "later", {}])
    core.authenticator.answers[0].give(answer)
    assert abort_reason(peer) == reason
    assert list(core.realm1.sessions()) == []


@pytest.mark.parametrize("message", [HELLO, [16, 1, {}, "com.x"], [5, "again", {}]])
def test_nothing_may_come_while_the_proof_is_looked_at(message: list[Any]) -> None:
    core = Core()
    peer = Peer(core)
    peer.ask(TICKET, [5, "later", {}])
    peer.send(message)
    assert abort_reason(peer) == VIOLATION
    core.authenticator.answers[0].give(Principal("alice", "user"))
    assert peer.take() == []
    assert list(core.realm1.sessions()) == []


@pytest.mark.parametrize("message", [HELLO, [16, 1, {}, "com.x"], [6, {}, "bye"]])
def test_only_the_proof_may_follow_a_challenge(message: list[Any]) -> None:
    peer = Peer(Core())
    peer.ask(TICKET)
    peer.send(message)
    assert abort_reason(peer) == VIOLATION


def test_client_that_leaves_while_its_proof_is_looked_at_opens_no_session() -> None:
    core = Core()
    peer = Peer(core)
    peer.ask(TICKET, [5, "later", {}])
    peer.vanish()
    core.authenticator.answers[0].give(Principal("alice", "user"))
    core.host.run()
    assert list(core.realm1.sessions()) == []


# ---- the time that opening may take ----


@pytest.mark.parametrize("messages", [[], [TICKET]])
def test_session_must_open_in_time(messages: list[list[Any]]) -> None:
    core = Core(Limits(hello_timeout_s=10))
    peer = Peer(core)
    peer.ask(*messages)
    core.host.advance(9.9)
    assert not peer.network.is_closed
    core.host.advance(0.2)
    assert abort_reason(peer) == "fairlead.close.hello_timeout"


def test_open_session_has_no_timer() -> None:
    core = Core()
    core.join()
    assert core.host.pending_timers == 0


def test_connection_that_is_lost_leaves_no_timer() -> None:
    core = Core()
    Peer(core).vanish()
    assert core.host.pending_timers == 0


# ---- GOODBYE ----


def test_goodbye_is_answered_and_nothing_follows() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.subscribe("com.x")
    bob.send([16, 1, {}, "com.x"])
    alice.send([6, {}, "wamp.close.close_realm"])
    bob.send([16, 2, {}, "com.x"])
    assert alice.take() == [[6, {}, "wamp.close.goodbye_and_out"]]
    assert not alice.has_session
    assert not alice.network.is_closed


def test_another_session_may_be_opened_after_goodbye() -> None:
    core = Core()
    alice = core.join("alice")
    alice.ask([6, {}, "wamp.close.close_realm"])
    [welcome] = alice.ask([1, "realm1", {"roles": ROLES, "authid": "bob"}])
    assert welcome[1] != alice.session_id
    assert [principal.authid for _, principal in core.realm1.sessions()] == ["bob"]
    alice.session_id = welcome[1]
    alice.subscribe("com.x")


@pytest.mark.parametrize("hello", [HELLO, TICKET])
def test_hello_before_goodbye_was_answered_is_a_violation(hello: list[Any]) -> None:
    """Else CHALLENGE could overtake GOODBYE."""
    core = Core()
    alice = core.join()
    alice.send([6, {}, "wamp.close.close_realm"], hello)
    goodbye, abort = alice.take()
    assert (goodbye[0], abort[0], abort[2]) == (6, 3, VIOLATION)
    assert list(core.realm1.sessions()) == []


def test_after_goodbye_the_transport_does_not_stay_for_ever() -> None:
    core = Core(Limits(hello_timeout_s=10))
    alice = core.join()
    alice.ask([6, {}, "wamp.close.close_realm"])
    core.host.advance(11)
    assert alice.network.is_closed
    assert alice.take() == []


def test_request_after_goodbye_is_a_violation() -> None:
    alice = Core().join()
    alice.ask([6, {}, "wamp.close.close_realm"])
    alice.send([16, 1, {}, "com.x"])
    assert abort_reason(alice) == VIOLATION


# ---- the router ends the session ----


def test_killed_session_is_told_and_what_is_queued_is_not_sent() -> None:
    core = Core()
    alice, bob = core.join("alice"), core.join("bob")
    alice.subscribe("com.x")
    bob.send([16, 1, {}, "com.x"])
    assert core.realm1.kill("wamp.close.killed", "maintenance", authid="alice") == 1
    assert alice.take() == [[6, {"message": "maintenance"}, "wamp.close.killed"]]
    assert not alice.has_session
    assert not alice.network.is_closed, "it may answer first"
    alice.ask([6, {}, "wamp.close.goodbye_and_out"])
    assert alice.network.is_closed
    assert alice.network.error is None


def test_session_is_killed_by_its_id() -> None:
    core = Core()
    alice, bob = core.join("alice"), core.join("alice")
    assert core.realm1.kill(session_id=bob.session_id) == 1
    assert (alice.has_session, bob.has_session) == (True, False)
    assert core.realm1.kill(session_id=4711) == 0


def test_what_comes_after_our_goodbye_is_ignored() -> None:
    core = Core()
    alice = core.join("alice")
    core.realm1.kill(authid="alice")
    assert types_of(alice.ask([16, 1, {"acknowledge": True}, "com.x"], [32, 2, {}, "com.x"])) == [6]
    assert not core.realm1.broker.has_members("com.x")


def test_peer_that_does_not_answer_our_goodbye_is_reset() -> None:
    core = Core(Limits(close_timeout_s=5))
    alice = core.join("alice")
    core.realm1.kill(authid="alice")
    core.host.advance(4.9)
    assert not alice.network.is_reset
    core.host.advance(0.2)
    assert alice.network.is_reset


def test_malformed_message_after_our_goodbye_is_answered_by_abort() -> None:
    core = Core()
    alice = core.join("alice")
    core.realm1.kill(authid="alice")
    alice.take()
    alice.send_bytes(b"[")
    assert abort_reason(alice) == VIOLATION


def test_too_slow_a_reader_is_told_and_loses_only_what_it_did_not_read() -> None:
    core = Core(Limits(outbox_bytes=10_000, stalled_factor=1, close_timeout_s=5))
    alice, bob, publisher = core.join(), core.join(), core.join()
    for peer in (alice, bob):
        peer.subscribe("com.x")
    alice.clog()
    for number in range(20):
        publisher.ask([16, number + 1, {}, "com.x", ["x" * 1000]])
    assert len(bob.events()) == 20
    assert not alice.has_session
    assert core.realm1.counters.sessions_too_slow == 1
    core.host.advance(4)
    alice.read_on()
    [goodbye] = alice.take()
    assert (goodbye[0], goodbye[2]) == (6, "fairlead.close.too_slow")
    core.host.advance(1.1)
    assert alice.network.is_reset


def test_abort_among_many_who_are_written_to_closes_too() -> None:
    core = Core()
    peers = [core.join() for _ in range(10 * OUTBOXES_A_LOOK)]
    for peer in peers:
        peer.subscribe("com.news")
    core.join().send([16, 1, {}, "com.news"])
    peers[0].send_bytes(b"no message")
    core.host.run()
    assert peers[0].take()[-1][0] == 3
    assert peers[0].network.is_closed
    assert not peers[0].network.is_reset


def test_abort_waits_for_a_clogged_transport_and_then_closes() -> None:
    core = Core()
    alice = core.join()
    alice.clog()
    alice.send([99])
    core.host.run()
    assert not alice.network.is_closed
    alice.read_on()
    assert abort_reason(alice) == VIOLATION


def test_abort_that_cannot_be_written_ends_with_a_reset() -> None:
    core = Core(Limits(close_timeout_s=5))
    alice = core.join()
    alice.clog()
    alice.send([99])
    core.host.advance(5.1)
    assert alice.network.is_reset
    assert core.host.pending_timers == 0


def test_session_that_ends_while_its_rights_are_judged_is_told_at_once() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    alice = core.join("alice")
    alice.subscribe("com.x")
    rights.is_asynchronous = True
    core.realm1.gate.revoke(principals=["alice"])
    alice.send([99])
    assert abort_reason(alice) == VIOLATION
    rights.answer()
    core.host.run()


# ---- who is told of sessions ----


def test_observer_is_told_of_joining_and_leaving() -> None:
    core = Core()
    seen: list[tuple[str, str, str]] = []

    class Observer(RealmObserver):
        def joined(self, session_id: int, principal: Principal) -> None:
            seen.append(("joined", principal.authid, ""))

        def left(self, session_id: int, principal: Principal, reason: str) -> None:
            seen.append(("left", principal.authid, reason))

    core.realm1.observe(Observer())
    for authid in ("lost", "goodbye", "violation", "killed"):
        core.join(authid)
    core.join("a").vanish()
    core.join("b").send([6, {}, "wamp.close.close_realm"])
    core.join("c").send([99])
    core.join("d")
    core.realm1.kill(authid="d")
    assert [each for each in seen if each[0] == "left"] == [
        ("left", "a", "wamp.close.transport_lost"),
        ("left", "b", "wamp.close.close_realm"),
        ("left", "c", VIOLATION),
        ("left", "d", "wamp.close.killed"),
    ]
    assert core.realm1.counters.sessions_opened == 8


def test_shut_down_says_goodbye_to_all() -> None:
    core = Core()
    peers = [core.join() for _ in range(3)]
    core.realm1.shut_down()
    assert [peer.take()[0][2] for peer in peers] == ["wamp.close.system_shutdown"] * 3


# ---- ABORT, crossing farewells ----


@pytest.mark.parametrize("before", [[], [TICKET], [TICKET, [5, "later", {}]], [HELLO], [HELLO, [6, {}, "a.b"]]])
def test_abort_ends_the_conversation_in_every_state_and_is_not_answered(before: list[list[Any]]) -> None:
    core = Core()
    peer = Peer(core)
    peer.ask(*before)
    assert peer.ask([3, {}, "wamp.error.protocol_violation"]) == []
    assert peer.network.is_closed
    assert list(core.realm1.sessions()) == []


def test_abort_of_an_open_session_purges_what_it_was_to_get() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.subscribe("com.x")
    bob.send([16, 1, {}, "com.x"])
    assert alice.ask([3, {}, "com.example.broken"]) == []
    assert alice.network.is_closed
    assert not core.realm1.broker.has_members("com.x")


def test_peer_that_aborts_after_our_goodbye_is_closed_at_once() -> None:
    core = Core()
    alice = core.join("alice")
    core.realm1.kill(authid="alice")
    alice.take()
    alice.send([3, {}, "wamp.error.protocol_violation"])
    core.host.run()
    assert alice.network.is_closed


def test_farewells_that_cross_end_the_conversation() -> None:
    core = Core()
    alice = core.join("alice")
    core.realm1.kill(authid="alice")
    [goodbye] = alice.ask([6, {}, "wamp.close.close_realm"])
    assert goodbye[2] == "wamp.close.killed"
    assert alice.network.is_closed
    assert alice.network.error is None


def test_second_hello_is_a_violation() -> None:
    core = Core()
    alice = core.join()
    alice.send(HELLO)
    assert abort_reason(alice) == VIOLATION
    assert list(core.realm1.sessions()) == []


def test_proof_that_nobody_asked_for_is_a_violation() -> None:
    alice = Core().join()
    alice.send([5, "secret", {}])
    assert abort_reason(alice) == VIOLATION


@pytest.mark.parametrize("reason", ["", "two words", "\0binary", "x" * 10_000, "a..b"])
def test_reason_that_is_no_uri_is_not_repeated_to_others(reason: str) -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    bob.subscribe("wamp.session.on_leave")
    assert alice.ask([6, {}, reason]) == [[6, {}, "wamp.close.goodbye_and_out"]]
    [event] = bob.take()
    assert event[5] == {"reason": "wamp.close.normal"}


def test_reset_that_the_realm_wants_is_silent_and_at_once() -> None:
    core = Core()
    alice = core.join()
    session = core.realm1.session(alice.session_id)
    assert session is not None
    core.realm1.reset_session(session, "fairlead.close.test")
    assert alice.network.is_reset
    assert alice.take() == []
    assert core.counters.connections_reset == 1
    assert core.host.pending_timers == 0


def test_every_reset_is_counted() -> None:
    core = Core(Limits(close_timeout_s=5))
    alice, bob = core.join("alice"), core.join("bob")
    for peer in (alice, bob):
        core.realm1.kill(session_id=peer.session_id)
    bob.ask([6, {}, "wamp.close.goodbye_and_out"])
    core.host.advance(6)
    assert (alice.network.is_reset, bob.network.is_reset) == (True, False)
    assert core.counters.connections_reset == 1
    assert core.counters.connections_opened == 2
