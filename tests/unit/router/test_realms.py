"""Realms: added by the program, or made when a client asks and taken away when nobody is there."""

from __future__ import annotations

import pytest

from fairlead_router.auth import ChallengeRequest, HelloRequest
from fairlead_router.authorization import ANONYMOUS, Principal
from fairlead_router.errors import CallError, LimitReached
from fairlead_router.limits import Limits
from fairlead_router.observer import RouterObserver
from fairlead_router.peer import PeerDetails
from fairlead_router.realm import Realm
from fairlead_router.realms import Realms, RealmSetup
from support.core import ROLES, ByName, Core, Peer, types_of

IDLE_S = 60 + 10


class DemandingCore(Core):
    """Makes realms under `org.example.` on demand."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self.on_demand = Realms(self.host, self.limits)
        self.on_demand.on_missing = lambda name: RealmSetup() if name.startswith("org.example.") else None

    def realm_for(self, hello_realm: str) -> Realm | None:
        return self.on_demand.find(hello_realm)


def hello(realm: str) -> list[object]:
    return [1, realm, {"roles": ROLES}]


def test_realm_is_added_once() -> None:
    realms = DemandingCore().on_demand
    realm = realms.add("realm1", RealmSetup())
    assert realms.get("realm1") is realms.find("realm1") is realm
    with pytest.raises(ValueError, match="realm 'realm1' exists already"):
        realms.add("realm1", RealmSetup())


def test_realm_is_made_for_a_client_and_is_the_same_for_the_next() -> None:
    core = DemandingCore()
    first, second = Peer(core), Peer(core)
    [welcome] = first.ask(hello("org.example.a"))
    assert welcome[2]["realm"] == "org.example.a"
    second.ask(hello("org.example.a"))
    first.subscribe("com.x")
    second.ask([16, 1, {}, "com.x", ["hello"]])
    assert first.events() == [["hello"]]


def test_realms_on_demand_are_apart() -> None:
    core = DemandingCore()
    first, second = Peer(core), Peer(core)
    first.ask(hello("org.example.a"))
    second.ask(hello("org.example.b"))
    first.subscribe("com.x")
    second.ask([16, 1, {}, "com.x", ["hello"]])
    assert first.events() == []


@pytest.mark.parametrize("name", ["org.other.a", "realm1", "org.example"])
def test_name_that_the_program_does_not_want_is_no_realm(name: str) -> None:
    [abort] = Peer(DemandingCore()).ask(hello(name))
    assert (abort[0], abort[2]) == (3, "wamp.error.no_such_realm")


def test_name_that_is_no_uri_is_not_asked_for() -> None:
    core = DemandingCore()
    asked: list[str] = []
    core.on_demand.on_missing = asked.append
    [abort] = Peer(core).ask(hello("org.example. "))
    assert (abort[2], asked) == ("wamp.error.invalid_uri", [])


def test_so_many_are_made_and_no_more() -> None:
    core = DemandingCore(Limits(realms_on_demand=2))
    peers = [Peer(core) for _ in range(3)]
    answers = [peer.ask(hello(f"org.example.{number}")) for number, peer in enumerate(peers)]
    assert [types_of(answer) for answer in answers] == [[2], [2], [3]]
    assert "realms_on_demand" in answers[2][0][1]["message"]
    peers[0].vanish()
    core.host.advance(IDLE_S + 1)
    assert types_of(Peer(core).ask(hello("org.example.3"))) == [2]


def test_added_realms_do_not_count_and_stay() -> None:
    core = DemandingCore(Limits(realms_on_demand=1))
    core.on_demand.add("realm1", RealmSetup())
    peer = Peer(core)
    assert types_of(peer.ask(hello("realm1"))) == [2]
    peer.vanish()
    core.host.advance(10 * IDLE_S)
    assert core.on_demand.get("realm1") is not None


def test_realm_goes_when_it_has_been_empty_for_a_while() -> None:
    core = DemandingCore()
    first, second = Peer(core), Peer(core)
    first.ask(hello("org.example.a"))
    second.ask(hello("org.example.a"))
    first.vanish()
    core.host.advance(10 * IDLE_S)
    assert core.on_demand.get("org.example.a") is not None, "one is still there"
    second.vanish()
    core.host.advance(IDLE_S - 1)
    assert core.on_demand.get("org.example.a") is not None
    core.host.advance(2)
    assert core.on_demand.get("org.example.a") is None
    assert core.host.pending_timers == 0


def test_realm_of_a_client_that_was_refused_goes_soon() -> None:
    core = DemandingCore()
    peer = Peer(core)
    peer.ask([1, "org.example.a", {"roles": ROLES, "authmethods": ["ticket"]}])
    assert core.on_demand.get("org.example.a") is not None
    core.host.advance(core.limits.hello_timeout_s + 1)
    assert core.on_demand.get("org.example.a") is None


def test_address_that_failed_too_often_makes_no_realms() -> None:
    core = DemandingCore(Limits(failed_attempts_per_address=1))
    details = PeerDetails(address="192.0.2.1")
    core.attempts.failed(details)
    assert types_of(Peer(core, details=details).ask(hello("org.example.a"))) == [3]
    assert core.on_demand.get("org.example.a") is None


def test_whoever_is_being_authenticated_joins_the_realm_that_the_next_one_finds() -> None:
    core = DemandingCore(Limits(realm_idle_s=1, hello_timeout_s=10))

    class AsksForATicket:
        def authenticate(self, hello: HelloRequest) -> ChallengeRequest:
            return ChallengeRequest("ticket", lambda ticket, extra: ANONYMOUS)

    core.on_demand.on_missing = lambda name: RealmSetup(authenticator=AsksForATicket())
    peer = Peer(core)
    peer.ask(hello("org.example.a"))
    core.host.advance(9.9)
    assert types_of(peer.ask([5, "ticket", {}])) == [2]
    realm = core.on_demand.get("org.example.a")
    assert realm is not None
    assert not realm.is_empty


def test_find_raises_the_limit_for_programs_too() -> None:
    realms = DemandingCore(Limits(realms_on_demand=1)).on_demand
    realms.find("org.example.a")
    with pytest.raises(LimitReached):
        realms.find("org.example.b")


class Heard(RouterObserver):
    def __init__(self) -> None:
        self.log: list[str] = []

    def realm_added(self, realm: Realm) -> None:
        self.log.append(f"added {realm.name}")

    def realm_removed(self, realm: Realm) -> None:
        self.log.append(f"removed {realm.name}")


def test_removed_realm_says_goodbye_and_takes_nobody() -> None:
    core = DemandingCore()
    inside, waiting, late = Peer(core), Peer(core), Peer(core)
    realm = core.on_demand.add("org.example.a", RealmSetup(authenticator=ByName()))
    inside.ask(hello("org.example.a"))
    waiting.ask([1, "org.example.a", {"roles": ROLES, "authid": "bob", "authmethods": ["ticket"]}])
    core.on_demand.on_missing = lambda name: None
    core.on_demand.remove("org.example.a")
    assert inside.take() == [[6, {"message": "the realm was removed"}, "wamp.close.close_realm"]]
    assert realm.is_empty
    assert waiting.ask([5, "secret", {}])[0][2] == "wamp.error.no_such_realm"
    assert late.ask(hello("org.example.a"))[0][2] == "wamp.error.no_such_realm"
    with pytest.raises(KeyError):
        core.on_demand.remove("org.example.a")


def test_realm_on_demand_may_be_removed_and_made_again() -> None:
    core = DemandingCore()
    peer = Peer(core)
    peer.ask(hello("org.example.a"))
    first = core.on_demand.remove("org.example.a")
    peer.ask([6, {}, "wamp.close.goodbye_and_out"])
    assert core.on_demand.find("org.example.a") is not first
    core.host.advance(IDLE_S)
    assert core.on_demand.get("org.example.a") is None
    assert core.host.pending_timers == 0


def test_observer_hears_of_realms_that_are_there_come_and_go() -> None:
    realms, heard = DemandingCore().on_demand, Heard()
    realms.add("realm1", RealmSetup())
    realms.observe(heard)
    realms.find("org.example.a")
    realms.remove("realm1")
    assert heard.log == ["added realm1", "added org.example.a", "removed realm1"]


async def test_services_keep_no_realm_and_are_told_that_it_goes() -> None:
    core = DemandingCore()
    peer = Peer(core)
    peer.ask(hello("org.example.a"))
    realm = core.on_demand.get("org.example.a")
    assert realm is not None
    service = realm.join(Principal("authorizer", "service"))
    peer.vanish()
    core.host.advance(IDLE_S + 1)
    assert core.on_demand.get("org.example.a") is None
    assert not list(realm.sessions())
    assert core.host.pending_timers == 0
    with pytest.raises(CallError):
        await service.call("com.x")
