"""The registration meta API: what is there, for those who may see it, and what happens to it, in order."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router import Action, Match, Principal
from fairlead_router.gate import Gate
from support.core import EVERY_FEATURE, Core, GateSwitchedOff, Peer, Rights
from support.meta import Watcher, call, refused

PREFIX = "wamp.registration."
LIST, LOOKUP, MATCH, GET = (PREFIX + name for name in ("list", "lookup", "match", "get"))
CALLEES, COUNT, REMOVE = (PREFIX + name for name in ("list_callees", "count_callees", "remove_callee"))
EVENTS = [PREFIX + name for name in ("on_create", "on_register", "on_unregister", "on_delete")]
NOTHING: dict[str, list[int]] = {"exact": [], "prefix": [], "wildcard": []}
MISSING = "wamp.error.no_such_registration"


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


def test_registrations_are_listed_by_match_policy(alice: Peer, bob: Peer) -> None:
    exact, prefix = alice.register("com.x"), alice.register("com.", match="prefix")
    wildcard = alice.register("com..x", match="wildcard")
    assert call(bob, LIST) == {"exact": [exact], "prefix": [prefix], "wildcard": [wildcard]}


def test_lookup_finds_by_uri_and_policy(alice: Peer, bob: Peer) -> None:
    exact, prefix = alice.register("com.x"), alice.register("com.x", match="prefix")
    assert call(bob, LOOKUP, "com.x") == exact
    assert call(bob, LOOKUP, "com.x", {"match": "prefix", "invoke": "single"}) == prefix
    assert call(bob, LOOKUP, "com.x", {"match": "wildcard"}) is None
    assert call(bob, LOOKUP, "com.y") is None


def test_match_finds_the_one_that_a_call_would_go_to(alice: Peer, bob: Peer) -> None:
    alice.register("com.", match="prefix")
    longest = alice.register("com.a.", match="prefix")
    exact = alice.register("com.a.x")
    assert call(bob, MATCH, "com.a.x") == exact
    assert call(bob, MATCH, "com.a.y") == longest
    assert call(bob, MATCH, "org.x") is None


def test_a_registration_is_described_with_its_policies(alice: Peer, bob: Peer) -> None:
    registration = alice.register("com.", match="prefix", invoke="roundrobin")
    details = call(bob, GET, registration)
    assert details.pop("created").endswith("Z")
    assert details == {"id": registration, "uri": "com.", "match": "prefix", "invoke": "roundrobin"}


def test_callees_are_listed_and_counted(alice: Peer, bob: Peer) -> None:
    registration = alice.register("com.x", invoke="roundrobin")
    bob.register("com.x", invoke="roundrobin")
    assert call(bob, CALLEES, registration) == [alice.session_id, bob.session_id]
    assert call(bob, COUNT, registration) == 2
    alice.ask([66, 5, registration])
    assert call(bob, CALLEES, registration) == [bob.session_id]
    bob.ask([66, 5, registration])
    assert refused(bob, COUNT, registration) == MISSING


def test_procedures_of_the_router_itself_are_no_registrations(bob: Peer) -> None:
    assert call(bob, LIST) == NOTHING
    assert call(bob, MATCH, LIST) is None


@pytest.mark.parametrize("procedure", [GET, CALLEES, COUNT])
def test_an_unknown_id_is_no_such_registration(alice: Peer, procedure: str) -> None:
    assert refused(alice, procedure, 4711) == MISSING


@pytest.mark.parametrize(
    ("procedure", "args", "error"),
    [
        (LIST, [1], "wamp.error.invalid_argument"),
        (GET, ["1"], "wamp.error.invalid_argument"),
        (LOOKUP, ["com.x", {"match": "regex"}], "wamp.error.invalid_argument"),
        (LOOKUP, ["com..x"], "wamp.error.invalid_uri"),
        (MATCH, ["com..x"], "wamp.error.invalid_uri"),
        (REMOVE, [1], "wamp.error.invalid_argument"),
    ],
)
def test_bad_arguments_are_refused(alice: Peer, procedure: str, args: list[Any], error: str) -> None:
    assert refused(alice, procedure, *args) == error


# ---- what may not be seen does not exist (G5, G13) ----


class OnlyCalls(Rights):
    """Some may call and not register, or register and not call."""

    def __init__(self, allowed: Action | None) -> None:
        super().__init__()
        self.allowed = allowed

    def judge(self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None) -> bool:
        return principal.authid != "bob" or uri != "com.x" or action == self.allowed


@pytest.mark.parametrize(("allowed", "is_seen"), [("call", True), ("register", True), ("subscribe", False)])
def test_who_may_call_or_register_a_procedure_sees_its_registration(allowed: Action, is_seen: bool) -> None:
    core = Core(authorizer=OnlyCalls(allowed))
    registration, bob = core.join("alice").register("com.x"), core.join("bob")
    assert call(bob, LOOKUP, "com.x") == (registration if is_seen else None)
    assert call(bob, LIST)["exact"] == ([registration] if is_seen else [])


def test_what_the_caller_may_neither_call_nor_register_does_not_exist_for_it(
    rights: Rights, alice: Peer, bob: Peer
) -> None:
    secret, public = alice.register("obj.a.x"), alice.register("com.x")
    assert call(bob, LIST) == {**NOTHING, "exact": [public]}
    assert call(bob, LOOKUP, "obj.a.x") is None
    assert call(bob, MATCH, "obj.a.x") is None
    for procedure in (GET, CALLEES, COUNT):
        assert refused(bob, procedure, secret) == MISSING
    assert refused(bob, REMOVE, secret, alice.session_id) == MISSING
    rights.grant("bob", "a")
    assert call(bob, MATCH, "obj.a.x") == secret


# ---- removing ----


def test_a_removed_callee_is_told_and_called_no_more(core: Core, bob: Peer) -> None:
    alice = core.join("alice", roles=EVERY_FEATURE)
    registration = alice.register("com.x")
    assert call(bob, REMOVE, registration, alice.session_id, reason="com.app.moved") is None
    assert alice.take() == [[67, 0, {"registration": registration, "reason": "com.app.moved"}]]
    assert refused(bob, "com.x") == "wamp.error.no_such_procedure"


def test_without_a_reason_it_says_that_it_was_removed(core: Core, bob: Peer) -> None:
    alice = core.join("alice", roles=EVERY_FEATURE)
    registration = alice.register("com.x")
    call(bob, REMOVE, registration, alice.session_id)
    assert alice.take() == [[67, 0, {"registration": registration, "reason": "fairlead.revoked.removed"}]]


def test_removing_is_refused_where_there_is_nothing_to_remove(alice: Peer, bob: Peer) -> None:
    registration = alice.register("com.x")
    assert refused(bob, REMOVE, registration, bob.session_id) == MISSING
    assert refused(bob, REMOVE, registration, 4711) == "wamp.error.no_such_session"
    assert refused(bob, REMOVE, 4711, alice.session_id) == MISSING
    assert refused(bob, REMOVE, registration, alice.session_id, reason="not a uri") == "wamp.error.invalid_uri"
    assert call(bob, COUNT, registration) == 1


async def test_a_service_is_not_removed(core: Core, bob: Peer) -> None:
    service = core.realm1.join(Principal("logs", "service"))
    service.register("fairlead.log.read", lambda call: {})
    registration = call(bob, LOOKUP, "fairlead.log.read")
    assert refused(bob, REMOVE, registration, service.session_id) == "wamp.error.no_such_session"
    assert call(bob, CALLEES, registration) == [service.session_id]


# ---- events ----


def test_events_tell_the_life_of_a_registration_in_the_order_of_the_spec(alice: Peer, bob: Peer) -> None:
    watcher = Watcher(bob, *EVENTS)
    registration = alice.register("com.x")
    details = call(bob, GET, registration)
    alice.ask([66, 5, registration])
    assert watcher.heard() == [
        ("on_create", [alice.session_id, details]),
        ("on_register", [alice.session_id, registration]),
        ("on_unregister", [alice.session_id, registration]),
        ("on_delete", [alice.session_id, registration]),
    ]


def test_a_registration_is_created_by_the_first_and_deleted_after_the_last(core: Core, alice: Peer, bob: Peer) -> None:
    watcher = Watcher(core.join("watcher"), *EVENTS)
    registration = alice.register("com.x", invoke="random")
    bob.register("com.x", invoke="random")
    alice.ask([66, 5, registration])
    bob.ask([66, 5, registration])
    assert [(name, args[0]) for name, args in watcher.heard()] == [
        ("on_create", alice.session_id),
        ("on_register", alice.session_id),
        ("on_register", bob.session_id),
        ("on_unregister", alice.session_id),
        ("on_unregister", bob.session_id),
        ("on_delete", bob.session_id),
    ]


def test_a_session_leaves_after_its_registrations(alice: Peer, bob: Peer) -> None:
    watcher = Watcher(bob, "wamp.session.on_leave", *EVENTS[2:])
    alice.register("com.x")
    alice.vanish()
    assert [name for name, _ in watcher.heard()] == ["on_unregister", "on_delete", "on_leave"]


def test_a_revoked_registration_is_told_as_unregistered(core: Core, rights: Rights, alice: Peer, bob: Peer) -> None:
    rights.grant("bob", "a")
    registration = alice.register("obj.a.x")
    watcher = Watcher(bob, *EVENTS)
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(["alice"])
    assert watcher.heard() == [
        ("on_unregister", [alice.session_id, registration]),
        ("on_delete", [alice.session_id, registration]),
    ]


def test_events_about_what_a_session_may_not_see_do_not_reach_it(alice: Peer, bob: Peer) -> None:
    watcher = Watcher(bob, *EVENTS)
    alice.ask([66, 5, alice.register("obj.a.x")])
    assert watcher.heard() == []


@pytest.mark.parametrize("lost", [(["bob"], []), ([], ["a"])])
@pytest.mark.parametrize("gate", [Gate, GateSwitchedOff])
def test_queued_events_about_what_may_no_longer_be_seen_are_taken_back_and_only_those(
    rights: Rights, lost: tuple[list[str], list[str]], gate: type[Gate]
) -> None:
    core = Core(authorizer=rights, gate=gate)
    rights.grant("bob", "a", "b")
    alice, bob = core.join("alice"), core.join("bob")
    bob.subscribe(PREFIX + "on_register")
    bob.clog()
    secret = {alice.register("obj.a.x")}
    others = {alice.register("obj.b.x"), alice.register("com.x")}
    rights.take_away("bob", "a")
    core.realm1.gate.revoke(*lost)
    bob.read_on()
    assert {event[4][1] for event in bob.take()} == (others if gate is Gate else others | secret)
