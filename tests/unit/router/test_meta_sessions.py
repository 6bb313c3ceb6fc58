"""The session meta API: who is there, what is told of them, and how they are ended."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router import Limits, Principal
from fairlead_router.peer import PeerDetails
from support.core import Core, Peer, Rights
from support.meta import Watcher, call, refused

SERVICE = Principal("logs", "service")
JOIN, LEAVE = "wamp.session.on_join", "wamp.session.on_leave"


@pytest.fixture
def core() -> Core:
    core = Core()
    core.authenticator.roles = {"root": "admin"}
    core.realm1.join(SERVICE)
    return core


@pytest.fixture
def admin(core: Core) -> Peer:
    return core.join("root")


# ---- asking ----


def test_sessions_are_counted_and_listed_without_those_of_services(core: Core, admin: Peer) -> None:
    alice, bob = core.join("alice"), core.join("bob")
    assert call(admin, "wamp.session.count") == 3
    assert sorted(call(admin, "wamp.session.list")) == sorted([admin.session_id, alice.session_id, bob.session_id])


def test_a_list_of_authroles_filters(core: Core, admin: Peer) -> None:
    alice = core.join("alice")
    assert call(admin, "wamp.session.list", ["user", "nobody"]) == [alice.session_id]
    assert call(admin, "wamp.session.count", filter_authroles=["admin"]) == 1
    assert call(admin, "wamp.session.count", []) == 0
    assert call(admin, "wamp.session.count", None) == 2
    assert call(admin, "wamp.session.list", ["service"]) == []


def test_a_session_is_described_with_its_transport(core: Core, admin: Peer) -> None:
    peer = PeerDetails(
        transport="websocket",
        serializer="cbor",
        address="192.0.2.1",
        is_secure=True,
        cookies={"session": "secret"},
        certificate=b"secret",
        channel_id=b"secret",
    )
    alice = core.join("alice", details_of_peer=peer)
    assert call(admin, "wamp.session.get", alice.session_id) == {
        "session": alice.session_id,
        "authid": "alice",
        "authrole": "user",
        "authmethod": "ticket",
        "authprovider": "static",
        "transport": {"type": "websocket", "serializer": "cbor", "address": "192.0.2.1", "is_secure": True},
    }


def test_neither_a_stranger_nor_a_service_is_a_session(core: Core, admin: Peer) -> None:
    service = core.realm1.join(SERVICE)
    assert refused(admin, "wamp.session.get", 4711) == "wamp.error.no_such_session"
    assert refused(admin, "wamp.session.get", service.session_id) == "wamp.error.no_such_session"


@pytest.mark.parametrize(
    ("procedure", "args"),
    [
        ("wamp.session.count", ["user"]),
        ("wamp.session.count", [[1]]),
        ("wamp.session.list", [[], []]),
        ("wamp.session.get", []),
        ("wamp.session.get", ["1"]),
        ("wamp.session.get", [True]),
        ("wamp.session.kill", []),
        ("wamp.session.kill_by_authid", [5]),
        ("wamp.session.kill_by_authrole", []),
        ("wamp.session.kill_all", [1]),
    ],
)
def test_arguments_of_the_wrong_shape_are_refused(admin: Peer, procedure: str, args: list[Any]) -> None:
    assert refused(admin, procedure, *args) == "wamp.error.invalid_argument"


# ---- killing ----


def test_killing_sends_goodbye_and_closes_after_the_answer(core: Core, admin: Peer) -> None:
    alice = core.join("alice")
    assert call(admin, "wamp.session.kill", alice.session_id, reason="com.app.bye", message="maintenance") is None
    assert alice.take() == [[6, {"message": "maintenance"}, "com.app.bye"]]
    assert not alice.has_session
    alice.ask([6, {}, "wamp.close.goodbye_and_out"])
    assert alice.network.is_closed


def test_without_a_reason_it_is_normal_and_without_a_message_there_is_none(core: Core, admin: Peer) -> None:
    alice = core.join("alice")
    call(admin, "wamp.session.kill", alice.session_id)
    assert alice.take() == [[6, {}, "wamp.close.normal"]]


def test_a_session_cannot_kill_itself(admin: Peer) -> None:
    assert refused(admin, "wamp.session.kill", admin.session_id) == "wamp.error.no_such_session"
    assert admin.has_session


def test_a_service_cannot_be_killed(core: Core, admin: Peer) -> None:
    service = core.realm1.join(SERVICE)
    assert refused(admin, "wamp.session.kill", service.session_id) == "wamp.error.no_such_session"
    assert call(admin, "wamp.session.kill_by_authid", "logs") == 0
    assert call(admin, "wamp.session.kill_by_authrole", "service") == 0
    call(admin, "wamp.session.kill_all")
    assert core.realm1.session(service.session_id) is not None


@pytest.mark.parametrize(
    ("procedure", "args", "killed"),
    [
        ("wamp.session.kill_by_authid", ["alice"], {"alice1", "alice2"}),
        ("wamp.session.kill_by_authid", ["root"], {"root2"}),
        ("wamp.session.kill_by_authid", ["nobody"], set()),
        ("wamp.session.kill_by_authrole", ["user"], {"alice1", "alice2", "bob"}),
        ("wamp.session.kill_by_authrole", ["admin"], {"root2"}),
        ("wamp.session.kill_all", [], {"alice1", "alice2", "bob", "root2"}),
    ],
)
def test_killing_many_spares_the_caller_and_tells_how_many(
    core: Core, admin: Peer, procedure: str, args: list[str], killed: set[str]
) -> None:
    names = {"alice1": "alice", "alice2": "alice", "bob": "bob", "root2": "root"}
    peers = {name: core.join(authid) for name, authid in names.items()}
    assert call(admin, procedure, *args, reason="com.app.bye") == len(killed)
    assert {name for name, peer in peers.items() if not peer.has_session} == killed
    assert admin.has_session
    for name in killed:
        assert peers[name].take() == [[6, {}, "com.app.bye"]]


@pytest.mark.parametrize("reason", ["", "not a uri", "com..x", 5, {}])
@pytest.mark.parametrize(
    ("procedure", "args"),
    [
        ("wamp.session.kill", ["SESSION"]),
        ("wamp.session.kill_by_authid", ["alice"]),
        ("wamp.session.kill_by_authrole", ["user"]),
        ("wamp.session.kill_all", []),
    ],
)
def test_a_reason_that_is_no_uri_kills_nobody(
    core: Core, admin: Peer, procedure: str, args: list[Any], reason: Any
) -> None:
    alice = core.join("alice")
    args = [alice.session_id if each == "SESSION" else each for each in args]
    assert refused(admin, procedure, *args, reason=reason) == "wamp.error.invalid_uri"
    assert alice.has_session


def test_a_message_is_bounded() -> None:
    core = Core(Limits(goodbye_message_length=10))
    admin, alice = core.join("root"), core.join("alice")
    assert refused(admin, "wamp.session.kill", alice.session_id, message="x" * 11) == "fairlead.error.limit_exceeded"
    assert alice.has_session
    call(admin, "wamp.session.kill", alice.session_id, message="x" * 10)
    assert alice.take() == [[6, {"message": "x" * 10}, "wamp.close.normal"]]


def test_what_is_queued_for_a_killed_session_is_not_sent(core: Core, admin: Peer) -> None:
    alice = core.join("alice")
    alice.subscribe("com.x")
    alice.clog()
    admin.ask([16, 1, {}, "com.x", ["too late"]])
    call(admin, "wamp.session.kill", alice.session_id)
    alice.read_on()
    assert alice.take() == [[6, {}, "wamp.close.normal"]]


# ---- events ----


def test_joining_is_told_as_get_tells_it(core: Core, admin: Peer) -> None:
    watcher = Watcher(admin, JOIN)
    alice = core.join("alice")
    assert watcher.heard() == [("on_join", [call(admin, "wamp.session.get", alice.session_id)])]


def test_services_come_and_go_unheard(core: Core, admin: Peer) -> None:
    watcher = Watcher(admin, JOIN, LEAVE)
    core.realm1.join(SERVICE).leave()
    assert watcher.heard() == []


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("com.app.done", lambda core, admin, peer: peer.ask([6, {}, "com.app.done"])),
        ("wamp.close.normal", lambda core, admin, peer: peer.ask([6, {}, "not a uri"])),
        ("wamp.close.normal", lambda core, admin, peer: peer.ask([6, {}, "\0"])),
        ("wamp.close.normal", lambda core, admin, peer: peer.ask([6, {}, "x" * 5000])),
        ("wamp.close.transport_lost", lambda core, admin, peer: peer.vanish()),
        ("wamp.error.protocol_violation", lambda core, admin, peer: peer.ask([1, "realm1", {}])),
        ("com.app.bye", lambda core, admin, peer: call(admin, "wamp.session.kill_all", reason="com.app.bye")),
        ("wamp.close.killed", lambda core, admin, peer: core.realm1.kill(authid="alice")),
    ],
)
def test_leaving_is_told_once_with_the_true_reason(core: Core, admin: Peer, reason: str, end: Any) -> None:
    alice = core.join("alice", codec="msgpack")
    admin.subscribe(LEAVE)
    end(core, admin, alice)
    alice.vanish()
    [event] = admin.take()
    assert event[4:] == [[alice.session_id, "alice", "user"], {"reason": reason}]


def test_a_session_that_does_not_read_is_told_as_too_slow() -> None:
    core = Core(Limits(outbox_bytes=1000, slow_consumer_grace_s=2))
    admin, alice = core.join("root"), core.join("alice")
    admin.subscribe(LEAVE)
    alice.subscribe("com.x")
    alice.clog()
    admin.ask([16, 1, {}, "com.x", ["x" * 2000]])
    core.host.advance(2)
    [event] = admin.take()
    assert event[5] == {"reason": "fairlead.close.too_slow"}


def test_welcome_comes_before_the_sessions_own_event(core: Core) -> None:
    core.realm1.join(Principal("keeper", "user"))
    peer = Peer(core)
    messages = peer.ask([1, "realm1", {"roles": {"subscriber": {}}}], [32, 1, {}, JOIN])
    assert [message[0] for message in messages[:2]] == [2, 33]
    assert core.join("alice").session_id in [event[4][0]["session"] for event in peer.take()]


def test_meta_events_can_be_published_by_nobody_else(admin: Peer) -> None:
    [error] = admin.ask([16, 1, {"acknowledge": True}, JOIN, [{}]])
    assert error[:2] == [8, 16]
    assert error[4] == "wamp.error.not_authorized"


# ---- rights ----


@pytest.mark.parametrize("name", ["count", "list", "get", "kill", "kill_by_authid", "kill_by_authrole", "kill_all"])
def test_each_call_is_authorized_as_a_call_of_its_uri(name: str) -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    alice = core.join("alice")
    rights.denied_uris.add(f"wamp.session.{name}")
    assert refused(alice, f"wamp.session.{name}") == "wamp.error.not_authorized"


def test_who_may_not_subscribe_hears_nothing_any_more() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    alice = core.join("alice")
    watcher = Watcher(alice, JOIN)
    rights.denied_uris.add(JOIN)
    core.realm1.gate.revoke(["alice"])
    core.join("bob")
    assert all(message[0] == 35 for message in watcher.peer.take())


def test_an_id_that_javascript_writes_as_a_float_in_cbor_is_taken(core: Core) -> None:
    javascript = core.join("root", codec="cbor")
    assert call(javascript, "wamp.session.get", float(javascript.session_id))["session"] == javascript.session_id
