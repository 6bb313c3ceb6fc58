"""Other URI rules while sessions are open: what they do not allow ends at once, everybody else notices nothing.

Each loss runs with the gate switched off too, and must then see the leak: so that the gate is what closes it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fairlead_authz.authorizer import GraphAuthorizer
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.rights import Policy, Rights
from fairlead_authz.tokens.tokens import Tokens
from fairlead_authz.uri_rules import UriRule, UriRules
from fairlead_router.gate import Gate
from support.core import EVERY_FEATURE, Core, GateSwitchedOff, Peer, types_of

STATE = UriRule("app.{object}.state", subscribe="read", publish="read", call="read", register="read")
SILENT = UriRule("app.{object}.state")
OTHER = UriRule("other.{object}", subscribe="read", publish="read", call="read", register="read")
TURNED = UriRule("app.x.{object}", subscribe="read", publish="read", call="read", register="read")
"""By it `app.x.state` is about the object `state`."""


class World:
    """alice reads x, bob reads x and `state`; both may do what the rules say."""

    def __init__(self, is_gate_off: bool = False) -> None:
        self.graph = Graph()
        self.graph.put(Node("root", "user", "root", is_admin=True))
        for user, objects in (("alice", "x"), ("bob", "x state")):
            self.graph.put(Node(user, "user", "root"))
            for object_id in objects.split():
                self.graph.put(Node(object_id, "object", "root"))
                self.graph.link(user, object_id, 1)
        self.closures = Closures(self.graph)
        self.rules = UriRules((STATE, OTHER))
        rights = Rights(self.graph, self.closures, Policy(lambda: 0))
        authorizer = GraphAuthorizer(self.graph, Tokens([], self.graph, lambda: 0), rights, self.rules, is_open=False)
        self.core = Core(authorizer=authorizer, gate=GateSwitchedOff if is_gate_off else Gate)

    def replace(self, *rules: UriRule) -> None:
        """As Authz does it."""
        self.rules.replace(rules)
        self.core.realm1.gate.rebind_all()

    def revoke(self, user: str, object_id: str) -> None:
        """As the funnel does it, which has found that only the object is lost as such."""
        self.graph.link(user, object_id, 0)
        self.closures.touch([user])
        self.core.realm1.gate.revoke(objects=[object_id])

    def join(self, authid: str) -> Peer:
        return self.core.join(authid, EVERY_FEATURE)

    def publish(self, topic: str) -> None:
        """By a service: it is about who hears it."""
        self.core.join("root").send([16, 1, {}, topic, ["secret"]])


Scenario = Callable[[World], None]
LOSSES: list[Scenario] = []


def loss(function: Scenario) -> Scenario:
    LOSSES.append(function)
    return function


def is_silent(peer: Peer, message_type: int = 36) -> bool:
    return message_type not in types_of(peer.take())


@loss
def subscription_ends(world: World) -> None:
    alice = world.join("alice")
    alice.subscribe("app.x.state")
    world.replace(OTHER)
    world.publish("app.x.state")
    assert is_silent(alice)


@loss
def queued_event_is_taken_back(world: World) -> None:
    alice = world.join("alice")
    alice.subscribe("app.x.state")
    alice.clog()
    world.publish("app.x.state")
    world.replace(SILENT, OTHER)
    alice.read_on()
    assert is_silent(alice)


@loss
def prefix_ends(world: World) -> None:
    alice = world.join("alice")
    alice.subscribe("app.", match="prefix")
    alice.clog()
    world.publish("app.x.state")
    world.replace(OTHER)
    alice.read_on()
    assert is_silent(alice)


@loss
def wildcard_ends(world: World) -> None:
    alice = world.join("alice")
    alice.subscribe("app..state", match="wildcard")
    alice.clog()
    world.publish("app.x.state")
    world.replace(SILENT, OTHER)
    alice.read_on()
    assert is_silent(alice)


@loss
def pattern_that_stands_loses_what_an_earlier_rule_denies_now(world: World) -> None:
    alice = world.join("alice")
    alice.subscribe("app.", match="prefix")
    alice.clog()
    world.publish("app.x.state")
    world.replace(UriRule("app.x.{object}"), STATE)
    alice.read_on()
    assert alice.take() == []


@loss
def subscription_ends_when_the_rule_asks_for_more(world: World) -> None:
    alice = world.join("alice")
    alice.subscribe("app.x.state")
    world.replace(UriRule("app.{object}.state", subscribe="write"))
    world.publish("app.x.state")
    assert is_silent(alice)


@loss
def registration_ends(world: World) -> None:
    alice = world.join("alice")
    alice.register("app.x.state")
    world.replace(SILENT)
    world.core.join("root").send([48, 1, {}, "app.x.state"])
    assert is_silent(alice, 68)


@loss
def part_in_a_shared_registration_ends(world: World) -> None:
    alice, root = world.join("alice"), world.core.join("root")
    alice.register("app.x.state", invoke="roundrobin")
    root.register("app.x.state", invoke="roundrobin")
    world.replace(SILENT)
    root.send(*([48, request, {}, "app.x.state"] for request in (1, 2)))
    assert is_silent(alice, 68)
    assert types_of(root.take()) == [68, 68]


@loss
def call_in_progress_ends(world: World) -> None:
    alice, root = world.join("alice"), world.core.join("root")
    root.register("app.x.state")
    alice.send([48, 7, {"receive_progress": True}, "app.x.state"])
    [invocation] = root.take()
    world.replace(SILENT)
    root.send([70, invocation[1], {"progress": True}, ["secret"]])
    assert is_silent(alice, 50)


@loss
def topic_of_another_object_is_judged_by_that(world: World) -> None:
    alice, bob = world.join("alice"), world.join("bob")
    for peer in (alice, bob):
        peer.subscribe("app.x.state")
    world.replace(TURNED, STATE)
    world.publish("app.x.state")
    assert not is_silent(bob)
    assert is_silent(alice)


@loss
def topic_of_another_object_ends_with_the_right_to_that(world: World) -> None:
    bob = world.join("bob")
    bob.subscribe("app.x.state")
    world.replace(TURNED, STATE)
    world.revoke("bob", "state")
    world.publish("app.x.state")
    assert is_silent(bob)


@loss
def registration_for_another_object_ends_with_the_right_to_that(world: World) -> None:
    bob = world.join("bob")
    bob.register("app.x.state")
    world.replace(TURNED, STATE)
    world.revoke("bob", "state")
    world.core.join("root").send([48, 1, {}, "app.x.state"])
    assert is_silent(bob, 68)


@loss
def queued_event_of_a_pattern_is_judged_by_the_object_of_now(world: World) -> None:
    alice, bob = world.join("alice"), world.join("bob")
    for peer in (alice, bob):
        peer.subscribe("app.", match="prefix")
        peer.clog()
    world.publish("app.x.state")
    world.replace(TURNED, STATE)
    for peer in (alice, bob):
        peer.read_on()
    assert not is_silent(bob)
    assert is_silent(alice)


@loss
def queued_event_of_a_pattern_goes_with_the_right_to_the_object_of_now(world: World) -> None:
    bob = world.join("bob")
    bob.subscribe("app.", match="prefix")
    bob.clog()
    world.publish("app.x.state")
    world.replace(TURNED, STATE)
    world.revoke("bob", "state")
    bob.read_on()
    assert is_silent(bob)


@pytest.mark.parametrize("lost", LOSSES)
def test_loss_holds(lost: Scenario) -> None:
    lost(World())


@pytest.mark.parametrize("lost", LOSSES)
def test_loss_rests_on_the_gate(lost: Scenario) -> None:
    with pytest.raises(AssertionError):
        lost(World(is_gate_off=True))


def test_what_is_still_allowed_is_untouched() -> None:
    world = World()
    alice, root = world.join("alice"), world.core.join("root")
    alice.subscribe("app.x.state")
    alice.subscribe("app.", match="prefix")
    alice.subscribe("app..state", match="wildcard")
    alice.register("other.x")
    root.register("app.x.state")
    alice.send([48, 7, {}, "app.x.state"])
    [invocation] = root.take()
    world.replace(STATE, OTHER, UriRule("new.{object}", call="read"))
    world.publish("app.x.state")
    root.send([70, invocation[1], {}], [48, 1, {}, "other.x"])
    assert sorted(types_of(alice.take())) == [36, 36, 36, 50, 68]


def test_who_lost_a_subscription_is_told_once_and_may_have_it_again() -> None:
    world = World()
    alice = world.join("alice")
    subscription = alice.subscribe("app.x.state")
    world.replace(OTHER)
    [told] = alice.take()
    assert (told[:2], told[2]["subscription"]) == ([35, 0], subscription)
    assert types_of(alice.ask([32, 1, {}, "app.x.state"])) == [8]
    world.replace(STATE)
    alice.subscribe("app.x.state")


def test_what_a_pattern_was_denied_comes_with_the_rule() -> None:
    world = World()
    alice = world.join("alice")
    world.replace(UriRule("app.x.{object}"), STATE)
    alice.subscribe("app.", match="prefix")
    world.publish("app.x.state")
    assert is_silent(alice)
    world.replace(STATE)
    world.publish("app.x.state")
    assert not is_silent(alice)


def test_publishing_and_calling_end_with_the_rule() -> None:
    world = World()
    alice = world.join("alice")
    world.core.join("root").register("app.x.state")
    world.replace(SILENT)
    answers = alice.ask([16, 1, {"acknowledge": True}, "app.x.state"], [48, 2, {}, "app.x.state"])
    assert [(answer[0], answer[4]) for answer in answers] == [(8, "wamp.error.not_authorized")] * 2


def test_meta_event_that_shows_a_procedure_of_another_object_is_judged_by_that() -> None:
    world = World()
    world.rules.replace((STATE, UriRule("wamp.registration.{object}", subscribe="read")))
    world.graph.put(Node("on_create", "object", "root"))
    for user in ("alice", "bob"):
        world.graph.link(user, "on_create", 1)
    alice, bob = world.join("alice"), world.join("bob")
    for peer in (alice, bob):
        peer.subscribe("wamp.registration.on_create")
        peer.clog()
    world.core.join("root").register("app.x.state")
    world.replace(TURNED, UriRule("wamp.registration.{object}", subscribe="read"))
    for peer in (alice, bob):
        peer.read_on()
    assert types_of(bob.take()) == [36]
    assert alice.take() == []


def test_rules_of_which_one_is_bad_change_nothing() -> None:
    rules = UriRules((STATE,))
    with pytest.raises(ValueError, match=r"rule 'bad' must have \{object\} exactly once"):
        rules.replace((OTHER, UriRule("bad")))
    found = rules.find("app.x.state")
    assert found is not None
    assert found.rule is STATE
    assert rules.find("other.x") is None
