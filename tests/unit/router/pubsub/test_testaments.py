"""Testaments: what is published for a session when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fairlead_router.limits import Limits
from fairlead_router.options import RealmOptions
from support.core import ROLES, Answer, Core, Peer, Rights

ADD, FLUSH = "wamp.session.add_testament", "wamp.session.flush_testaments"


def add(peer: Peer, topic: str, *args: Any, **kwargs: Any) -> None:
    [answer] = peer.ask([48, 900, {}, ADD, [topic, list(args), {}], kwargs])
    assert answer == [50, 900, {}, [], {}], answer


def flush(peer: Peer, **kwargs: Any) -> None:
    assert peer.ask([48, 900, {}, FLUSH, [], kwargs]) == [[50, 900, {}, [], {}]]


def watcher(core: Core, authid: str | None = None) -> Peer:
    peer = core.join(authid)
    peer.subscribe("com.", match="prefix")
    return peer


# --- when ---------------------------------------------------------------------------------------


def say_goodbye(peer: Peer) -> None:
    peer.send([6, {}, "wamp.close.normal"])


def break_the_protocol(peer: Peer) -> None:
    peer.send([99])


def be_killed(peer: Peer) -> None:
    peer.core.realm1.kill(session_id=peer.session_id)


def read_nothing(peer: Peer) -> None:
    peer.subscribe("com.flood")
    peer.clog()
    publisher = peer.core.join()
    for _ in range(40):
        publisher.send([16, 1, {}, "com.flood", ["x" * 1000]])
    peer.core.host.advance(peer.core.limits.slow_consumer_grace_s)


@pytest.mark.parametrize("end", [Peer.vanish, say_goodbye, break_the_protocol, be_killed, read_nothing])
def test_testament_is_published_however_the_session_ends(end: Callable[[Peer], None]) -> None:
    core = Core(Limits(outbox_bytes=20_000))
    alice, bob = core.join(), core.join("bob")
    alice.subscribe("com.last")
    add(bob, "com.last", "words", publish_options={"disclose_me": True})
    assert alice.take() == []
    end(bob)
    [event] = alice.take()
    who = {"publisher": bob.session_id, "publisher_authid": "bob", "publisher_authrole": "user"}
    assert event[3:] == [who, ["words"]]


def test_testaments_come_behind_what_the_session_published_and_after_it_has_left() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.subscribe("com.x")
    alice.subscribe("wamp.session.on_leave")
    add(bob, "com.x", "last")
    bob.send([16, 1, {}, "com.x", ["before"]])
    bob.vanish()
    assert [event[4][0] for event in alice.take()] == ["before", bob.session_id, "last"]


def test_detached_come_before_destroyed_each_in_order() -> None:
    core = Core()
    alice, bob = watcher(core), core.join()
    add(bob, "com.a", 1)
    add(bob, "com.b", 2, scope="detached")
    add(bob, "com.a", 3, scope="destroyed")
    add(bob, "com.c", 4, scope="detached")
    bob.vanish()
    assert [event[4][0] for event in alice.take()] == [2, 4, 1, 3]


@pytest.mark.parametrize(
    ("scopes", "left"), [([{}], [2]), ([{"scope": "detached"}], [1]), ([{}, {"scope": "detached"}], [])]
)
def test_flush_takes_the_testaments_of_one_scope(scopes: list[dict[str, str]], left: list[int]) -> None:
    core = Core()
    alice, bob = watcher(core), core.join()
    add(bob, "com.x", 1)
    add(bob, "com.x", 2, scope="detached")
    for scope in scopes:
        flush(bob, **scope)
    bob.vanish()
    assert [event[4][0] for event in alice.take()] == left


def test_session_touches_only_its_own_testaments() -> None:
    core = Core()
    alice, bob, mallory = watcher(core), core.join("bob"), core.join("bob")
    add(bob, "com.x", 1)
    flush(mallory)
    mallory.vanish()
    assert alice.events() == []
    bob.vanish()
    assert alice.events() == [[1]]


# --- what ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
def test_arguments_and_options_are_those_of_publish(codec: Any) -> None:
    core = Core()
    alice, bob, carol = core.join("alice"), core.join(codec=codec), core.join("carol")
    for peer in (alice, carol):
        peer.subscribe("com.x")
    options = {"eligible_authid": ["alice"], "retain": True, "acknowledge": True}
    bob.ask([48, 1, {}, ADD, ["com.x", [1, "ü"], {"k": [None]}], {"publish_options": options}])
    bob.vanish()
    assert alice.take()[0][3:] == [{}, [1, "ü"], {"k": [None]}]
    assert carol.take() == []
    late = core.join("alice")
    assert late.ask([32, 1, {"get_retained": True}, "com.x"])[1][3:] == [{"retained": True}, [1, "ü"], {"k": [None]}]


def test_binary_is_carried() -> None:
    core = Core()
    alice, bob = core.join(codec="cbor"), core.join()
    alice.subscribe("com.x")
    add(bob, "com.x", "\0AP8=")
    bob.vanish()
    assert alice.events() == [[b"\x00\xff"]]


@pytest.mark.parametrize(
    ("args", "kwargs", "error"),
    [
        (["com..x", [], {}], {}, "wamp.error.invalid_uri"),
        (["wamp.session.on_join", [], {}], {}, "wamp.error.not_authorized"),
        (["fairlead.stream.x", [], {}], {}, "wamp.error.not_authorized"),
        ([], {}, "wamp.error.invalid_argument"),
        (["com.x", {}, {}], {}, "wamp.error.invalid_argument"),
        (["com.x", [], []], {}, "wamp.error.invalid_argument"),
        (["com.x", [], {}, "more"], {}, "wamp.error.invalid_argument"),
        (["com.x"], {"scope": "later"}, "wamp.error.invalid_argument"),
        (["com.x"], {"publish_options": {"eligible": "all"}}, "wamp.error.invalid_argument"),
        (["com.x"], {"publish_options": {"exclude": list(range(1, 1002))}}, "fairlead.error.limit_exceeded"),
        (["com.x"], {"publish_options": {"disclose_me": True}}, "wamp.error.option_disallowed.disclose_me"),
        (["com.x", ["\0no base64"]], {}, "wamp.error.invalid_argument"),
        (["com.x", [2**70]], {}, "wamp.error.invalid_argument"),
    ],
)
def test_what_can_never_be_published_is_refused_at_once(args: list[Any], kwargs: dict[str, Any], error: str) -> None:
    core = Core(options=RealmOptions(disclosure="never"))
    alice, bob = watcher(core), core.join()
    [answer] = bob.ask([48, 1, {}, ADD, args, kwargs])
    assert (answer[0], answer[4]) == (8, error)
    bob.vanish()
    assert alice.take() == []


def test_flush_of_an_unknown_scope_is_refused() -> None:
    bob = Core().join()
    add(bob, "com.x")
    assert bob.ask([48, 1, {}, FLUSH, [], {"scope": "all"}])[0][4] == "wamp.error.invalid_argument"


def test_testaments_of_a_session_are_bounded_in_number_and_bytes() -> None:
    core = Core(Limits(testaments_per_session=2, testament_bytes=2_000))
    passthru = {"publisher": {"features": {"payload_passthru_mode": True}}}
    bob = core.join(roles={**ROLES, **passthru})
    add(bob, "com.x", "x" * 90)
    large: list[dict[str, Any]] = [
        {"args": ["x" * 1_000]},
        {"publish_options": {"eligible_authid": ["x" * 1_000]}},
        {"publish_options": {"ppt_scheme": "x_own", "ppt_keyid": "x" * 1_000}},
    ]
    for arguments in large:
        assert bob.ask([48, 1, {}, ADD, ["com.x"], arguments])[0][6] == {"limit": "testament_bytes"}
    add(bob, "com.x")
    assert bob.ask([48, 2, {}, ADD, ["com.x"]])[0][6] == {"limit": "testaments_per_session"}
    flush(bob)
    add(bob, "com.x", "x" * 90)


# --- rights -------------------------------------------------------------------------------------


def test_testament_of_one_who_has_lost_the_right_is_not_published_and_the_others_are() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    for authid in ("alice", "bob"):
        rights.grant(authid, "a", "b")
    alice, bob = core.join("alice"), core.join("bob")
    alice.subscribe("obj.", match="prefix")
    for name in "ab":
        add(bob, f"obj.{name}.x", name)
    rights.take_away("bob", "a")
    core.realm1.gate.revoke(["bob"])
    bob.vanish()
    assert alice.events() == [["b"]]
    assert core.realm1.counters.refused_publications == 1


def test_right_that_came_later_counts() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    rights.grant("alice", "a")
    alice, bob = core.join("alice"), core.join("bob")
    alice.subscribe("obj.a.x")
    add(bob, "obj.a.x", 1)
    rights.grant("bob", "a")
    bob.vanish()
    assert alice.events() == [[1]]


def test_right_to_set_a_testament_is_that_to_call_it() -> None:
    rights = Rights()
    rights.denied_uris = {ADD}
    core = Core(authorizer=rights)
    assert core.join().ask([48, 1, {}, ADD, ["com.x"]])[0][4] == "wamp.error.not_authorized"


def thinking() -> tuple[Core, Rights, Peer]:
    """Alice watches what bob will leave behind: a, b, and com.x; from now on answers come later."""
    rights = Rights()
    core = Core(authorizer=rights)
    for authid in ("alice", "bob"):
        rights.grant(authid, "a", "b")
    alice, bob = core.join("alice"), core.join("bob")
    for topic in ("obj.a.x", "obj.b.x", "com.x"):
        alice.subscribe(topic)
        add(bob, topic, topic)
    rights.is_asynchronous = True
    bob.vanish()
    core.host.run()
    return core, rights, alice


def answers(rights: Rights) -> list[Answer]:
    return [answer for answer, _ in rights.asked]


def test_testaments_keep_their_order_behind_the_authorizer() -> None:
    core, rights, alice = thinking()
    assert len(answers(rights)) == 1
    while rights.answer():
        core.host.run()
    assert [event[4][0] for event in alice.take()] == ["obj.a.x", "obj.b.x", "com.x"]


def test_right_that_goes_while_the_authorizer_thinks_takes_the_testament_with_it() -> None:
    core, rights, alice = thinking()
    stale, _ = rights.asked.pop(0)
    stale.give(True)
    rights.take_away("bob", "a")
    core.realm1.gate.revoke(["bob"])
    core.host.run()
    while rights.answer():
        core.host.run()
    assert [event[4][0] for event in alice.take()] == ["obj.b.x", "com.x"]


def test_authorizer_that_fails_publishes_nothing_and_the_next_is_asked_about() -> None:
    core, rights, alice = thinking()
    failed, _ = rights.asked.pop(0)
    failed.give(ZeroDivisionError())
    core.host.run()
    while rights.answer():
        core.host.run()
    assert [event[4][0] for event in alice.take()] == ["obj.b.x", "com.x"]
