"""REGISTER and its options, and how the router takes a procedure away from a callee."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.gate import REVOKED
from fairlead_router.options import RealmOptions
from fairlead_router.rpc.registration import Registration
from fairlead_router.session import Session
from support.core import EVERY_FEATURE, HAND_HOST_START_US, Core, Rights, types_of

REPLACED = "fairlead.revoked.replaced"


# ---- force_reregister ----


def test_zombie_is_kicked_out_by_whoever_registers_with_force() -> None:
    core = Core()
    zombie, callee, caller = core.join(roles=EVERY_FEATURE), core.join(), core.join()
    old = zombie.register("com.p")
    new = callee.register("com.p", force_reregister=True)
    assert new != old
    assert zombie.take() == [[67, 0, {"registration": old, "reason": REPLACED}]]
    caller.ask([48, 1, {}, "com.p"])
    assert (types_of(zombie.take()), types_of(callee.take())) == ([], [68])
    assert zombie.ask([66, 9, old])[0][4] == "wamp.error.no_such_registration"


def test_callee_that_takes_no_revocation_is_kicked_out_silently() -> None:
    core = Core()
    zombie = core.join()
    zombie.register("com.p")
    core.join().register("com.p", force_reregister=True)
    assert zombie.take() == []


def test_force_kicks_out_all_callees_and_may_change_the_policy() -> None:
    core = Core()
    zombies = [core.join(roles=EVERY_FEATURE) for _ in range(3)]
    for zombie in zombies:
        zombie.register("com.p", invoke="roundrobin")
    core.join().register("com.p", invoke="first", force_reregister=True)
    assert [types_of(zombie.take()) for zombie in zombies] == [[67]] * 3
    core.join().register("com.p", invoke="first")


def test_force_without_anybody_to_kick_out_is_a_plain_registration() -> None:
    core = Core()
    core.join().register("com.p", force_reregister=True)
    assert core.join().ask([64, 1, {}, "com.p"])[0][4] == "wamp.error.procedure_already_exists"


def test_session_may_replace_its_own_registration() -> None:
    callee = Core().join(roles=EVERY_FEATURE)
    old = callee.register("com.p")
    revoked, registered = callee.ask([64, 5, {"force_reregister": True}, "com.p"])
    assert revoked == [67, 0, {"registration": old, "reason": REPLACED}]
    assert registered[:2] == [65, 5]


def test_calls_in_progress_and_calls_that_wait_survive_a_replacement() -> None:
    core = Core()
    zombie, callee, caller = core.join(), core.join(), core.join()
    zombie.register("com.p", concurrency=1)
    caller.ask([48, 1, {}, "com.p"], [48, 2, {}, "com.p", ["waited"]])
    registered, invocation = callee.ask([64, 1, {"force_reregister": True}, "com.p"])
    assert (registered[0], invocation[4]) == (65, ["waited"])
    zombie.ask([70, zombie.take()[0][1], {}, ["alive"]])
    assert caller.take() == [[50, 1, {}, ["alive"]]]


def test_without_the_right_to_register_nobody_is_kicked_out() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    rights.grant("callee", "a")
    callee, stranger = core.join("callee", roles=EVERY_FEATURE), core.join("stranger")
    callee.register("obj.a.p")
    assert stranger.ask([64, 1, {"force_reregister": True}, "obj.a.p"])[0][4] == "wamp.error.not_authorized"
    assert callee.take() == []


async def test_nobody_kicks_out_a_service() -> None:
    core = Core()
    service = core.realm1.join(Principal("service", "service"))
    service.register("com.p", lambda call: {"by": "service"})
    core.host.run()
    stranger = core.join()
    [error] = stranger.ask([64, 1, {"force_reregister": True}, "com.p"])
    assert error[4:6] == [
        "wamp.error.not_authorized", ["procedure 'com.p' belongs to a service inside the router"],
    ]  # fmt: skip
    assert stranger.ask([48, 2, {}, "com.p"])[0][3] == [{"by": "service"}]


# ---- revocation ----


def test_each_callee_loses_its_own_right() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    rights.grant("one", "a")
    rights.grant("other", "a")
    one, other, caller = (core.join(name, roles=EVERY_FEATURE) for name in ("one", "other", "caller"))
    registration = one.register("obj.a.p", invoke="first")
    other.register("obj.a.p", invoke="first")
    rights.take_away("one", "a")
    core.realm1.gate.revoke(principals=["one"])
    assert one.take() == [[67, 0, {"registration": registration, "reason": "fairlead.revoked.permission"}]]
    rights.grant("caller", "a")
    caller.ask([48, 1, {}, "obj.a.p"])
    assert types_of(other.take()) == [68]


@pytest.mark.parametrize(("pattern", "match"), [("com.", "prefix"), ("com..x", "wildcard")])
def test_pattern_is_judged_as_a_whole_and_again_on_a_revocation(pattern: str, match: str) -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    callee = core.join("callee", roles=EVERY_FEATURE)
    callee.register(pattern, match=match)
    rights.denied_uris.add(pattern)
    assert core.join().ask([64, 1, {"match": match}, pattern])[0][4] == "wamp.error.not_authorized"
    core.realm1.gate.revoke_all()
    assert types_of(callee.take()) == [67]
    assert core.join().ask([48, 1, {}, "com.p.x"])[0][4] == "wamp.error.no_such_procedure"


def test_router_takes_a_procedure_from_one_callee() -> None:
    core = Core()
    one, other = core.join(roles=EVERY_FEATURE), core.join()
    registration = one.register("com.p", invoke="first")
    other.register("com.p", invoke="first")
    session = core.realm1.session(one.session_id)
    assert session is not None
    core.realm1.registering.revoke(core.realm1.dealer.callee(session, registration), "com.reason")
    assert one.take() == [[67, 0, {"registration": registration, "reason": "com.reason"}]]
    core.join().ask([48, 1, {}, "com.p"])
    assert types_of(other.take()) == [68]
    assert core.realm1.counters.registrations_revoked == 1


# ---- disclosure ----


@pytest.mark.parametrize(
    ("disclosure", "disclose_me", "disclose_caller", "is_told"),
    [
        ("asked", False, False, False),
        ("asked", True, False, True),
        ("asked", False, True, True),
        ("always", False, False, True),
        ("never", False, False, False),
    ],
)
def test_who_learns_who_calls(disclosure: Any, disclose_me: bool, disclose_caller: bool, is_told: bool) -> None:
    core = Core(options=RealmOptions(disclosure=disclosure))
    callee, caller = core.join(), core.join("alice")
    callee.register("com.p", disclose_caller=disclose_caller)
    caller.ask([48, 1, {"disclose_me": disclose_me}, "com.p"])
    who = {"caller": caller.session_id, "caller_authid": "alice", "caller_authrole": "user"}
    assert callee.take()[0][3] == (who if is_told else {})


@pytest.mark.parametrize(
    "message", [[48, 5, {"disclose_me": True}, "com.p"], [64, 5, {"disclose_caller": True}, "com.q"]]
)
def test_where_nobody_is_disclosed_asking_is_an_error(message: list[Any]) -> None:
    core = Core(options=RealmOptions(disclosure="never"))
    callee = core.join()
    callee.register("com.p")
    [error] = core.join().ask(message)
    assert error[:5] == [8, message[0], 5, {}, "wamp.error.option_disallowed.disclose_me"]
    assert callee.take() == []


def test_each_callee_decides_for_itself_whether_callers_are_disclosed_to_it() -> None:
    core = Core()
    one, other = core.join(), core.join()
    one.register("com.p", invoke="roundrobin", disclose_caller=True)
    other.register("com.p", invoke="roundrobin")
    core.join().ask([48, 1, {}, "com.p"], [48, 2, {}, "com.p"])
    assert ("caller" in one.take()[0][3], other.take()[0][3]) == (True, {})


# ---- observers ----


class Recorder:
    """A RegistrationObserver."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int, int]] = []

    def on_create(self, session: Session, registration: Registration) -> None:
        self.log.append(("create", session.id, registration.id))

    def on_register(self, session: Session, registration: Registration) -> None:
        self.log.append(("register", session.id, registration.id))

    def on_unregister(self, session: Session, registration: Registration) -> None:
        self.log.append(("unregister", session.id, registration.id))

    def on_delete(self, session: Session, registration: Registration) -> None:
        self.log.append(("delete", session.id, registration.id))


def test_observer_hears_of_each_callee_and_of_the_registration_s_beginning_and_end() -> None:
    core = Core()
    recorder = Recorder()
    core.realm1.dealer.observe(recorder)
    one, other = core.join(), core.join()
    registration = one.register("com.p", invoke="first")
    other.register("com.p", invoke="first")
    one.ask([66, 2, registration])
    other.vanish()
    assert recorder.log == [
        ("create", one.session_id, registration),
        ("register", one.session_id, registration),
        ("register", other.session_id, registration),
        ("unregister", one.session_id, registration),
        ("unregister", other.session_id, registration),
        ("delete", other.session_id, registration),
    ]


def test_registrations_are_found_by_id_and_by_pattern() -> None:
    core = Core()
    callee = core.join()
    core.host.advance(1.5)
    dealer = core.realm1.dealer
    ids = [callee.register("com.p", match=match) for match in ("exact", "prefix", "wildcard")]
    assert [registration.id for registration in dealer.registrations()] == ids
    exact, prefix, wildcard = (dealer.get(id_) for id_ in ids)
    assert (dealer.lookup("com.p", "exact"), dealer.lookup("com.p", "prefix")) == (exact, prefix)
    assert dealer.lookup("com.p", "wildcard") is wildcard
    assert dealer.lookup("com.q", "exact") is None
    assert dealer.best_match("com.p") is exact
    assert dealer.best_match("com.pq") is prefix
    assert exact is not None
    assert exact.created_us == HAND_HOST_START_US + 1_500_000


def test_call_goes_on_to_another_callee_when_the_one_that_it_waits_to_be_written_to_loses_the_right() -> None:
    """Also a call that comes while the authorizer still thinks about the callee."""
    rights = Rights()
    core = Core(authorizer=rights)
    for authid in ("alice", "bob", "carol"):
        rights.grant(authid, "a")
    alice, bob, carol = (core.join(authid, EVERY_FEATURE) for authid in ("alice", "bob", "carol"))
    registration = alice.register("obj.a.p", invoke="first")
    bob.register("obj.a.p", invoke="first")
    rights.take_away("alice", "a")
    rights.is_asynchronous = True
    core.realm1.gate.revoke(principals=["alice"])
    rights.is_asynchronous = False
    carol.ask([48, 1, {}, "obj.a.p", ["secret"]])
    assert bob.take() == []
    while rights.answer():
        core.host.run()
    assert alice.take() == [[67, 0, {"registration": registration, "reason": REVOKED}]]
    assert [message[4] for message in bob.take()] == [["secret"]]


def test_call_that_was_not_written_to_the_only_callee_ends_with_the_right_to_register() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    rights.grant("alice", "a")
    rights.grant("carol", "a")
    alice, carol = core.join("alice", EVERY_FEATURE), core.join("carol")
    registration = alice.register("obj.a.p")
    carol.ask([48, 1, {}, "obj.a.p"])
    assert types_of(alice.take()) == [68]
    alice.clog()
    carol.ask([48, 2, {}, "obj.a.p", ["secret"]])
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(principals=["alice"])
    alice.read_on()
    assert alice.ask([70, 1, {}]) == [[67, 0, {"registration": registration, "reason": REVOKED}]]
    assert [(message[0], message[1]) for message in carol.take()] == [(8, 48), (50, 1)]
