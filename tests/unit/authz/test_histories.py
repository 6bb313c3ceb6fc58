"""Random histories of every kind of change: after each step all that can be asked equals the oracle's answer.

Longer: FAIRLEAD_HISTORIES=2000 pytest tests/unit/authz/test_histories.py
"""

from __future__ import annotations

import os
import re
from itertools import product

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import UNSET

from fairlead_authz.authorizer import GraphAuthorizer
from fairlead_authz.changes import (
    Activate,
    Change,
    Deactivate,
    Delete,
    Freeze,
    Grant,
    Merge,
    Put,
    Revoke,
    Trash,
    Unfreeze,
    Untrash,
)
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.live.realm import Live
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.explain import Explainer
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.levels import NAMES, NUMBERS, granted_names
from fairlead_authz.model.rights import Policy, Rights
from fairlead_authz.model.who import Who
from fairlead_authz.tokens.tokens import Tokens
from fairlead_authz.uri_rules import UriRule, UriRules
from fairlead_router import Level, NotAuthorized, RequestError
from support.core import Core
from unit.authz.asking import may_unfreeze, may_update
from unit.authz.oracle import MANAGE, READ, WRITE, World

HISTORIES = int(os.environ.get("FAIRLEAD_HISTORIES", "30"))

CONNECTED = ["ann", "ben", "dan"]
"""`dan` may be connected although there is no such user: deleted a moment ago, or from another authenticator."""

USERS = [*CONNECTED, "eve"]
ROLES = ["red", "blue"]
PROJECTS = ["p", "q"]
THINGS = ["x", "vm", "wish", "hope"]
CONTAINERS = ["c", "d"]
HASH = "d41d8cd98f00b204e9800998ecf8427e+0"
RULES = tuple(UriRule(f"com.{level}.{{object}}", subscribe=level) for level in NAMES.values())
ALL = [*USERS, *ROLES, *PROJECTS, *THINGS, *CONTAINERS, HASH, "filter", "row", "all-users"]

Wanted = tuple[str, Level, str]
"""A user, a level and a node."""

WANTED: list[Wanted] = list(product(CONNECTED, NAMES.values(), ALL))

users = st.sampled_from(USERS)
anything = st.sampled_from(ALL)
owners = st.sampled_from([None, *USERS, *PROJECTS])
flags = st.sampled_from([None, True, False])
abouts = st.sampled_from([UNSET, None, *CONTAINERS])
puts = st.one_of(
    st.builds(Put, st.just("user"), users, name=st.sampled_from([None, "n"]), is_admin=flags, is_active=flags),
    st.builds(Put, st.just("role"), st.sampled_from(ROLES)),
    st.builds(Put, st.just("project"), st.sampled_from(PROJECTS), owners),
    st.builds(Put, st.just("filter"), st.just("filter"), owners),
    st.builds(Put, st.just("collection"), st.just("x"), owners, about=st.sampled_from([UNSET, None, HASH])),
    st.builds(Put, st.just("content"), st.just(HASH)),
    st.builds(Put, st.just("virtual_machine"), st.just("vm"), owners),
    st.builds(Put, st.just("container_request"), st.sampled_from(["wish", "hope"]), owners, about=abouts),
    st.builds(Put, st.just("container"), st.sampled_from(CONTAINERS), state=st.sampled_from([None, "Running"])),
    st.builds(Put, st.just("log"), st.just("row"), owners, about=st.sampled_from([UNSET, None, *ALL])),
)
levels = st.sampled_from(["read", "write", "manage", "login"])
tails = st.sampled_from([*USERS, *ROLES, "all-users", "p"])
links = st.one_of(st.builds(Grant, tails, levels, anything), st.builds(Revoke, tails, levels, anything))
lives = st.one_of(
    st.builds(Trash, anything, st.sampled_from([None, 0, 50, 100])),
    st.builds(Untrash, anything),
    st.builds(Freeze, st.sampled_from(PROJECTS)),
    st.builds(Unfreeze, st.sampled_from(PROJECTS)),
    st.builds(Activate, users),
    st.builds(Deactivate, users),
    st.builds(Merge, users, users),
    st.builds(Delete, anything),
)
changes: st.SearchStrategy[Change] = st.one_of(puts, links, links, lives)


def first_graph() -> Graph:
    """Users as they are set up, two roles, ann's project p with the project q and things in it.

    Role red, with ben in it, may read p; dan may act as ben, and eve as whoever blue may act as.
    """
    graph = Graph()
    graph.put(Node("system", "user", "system"))
    graph.put(Node("all-users", "role", "system"))
    for user in USERS:
        graph.put(Node(user, "user", "system"))
        graph.link(user, "all-users", WRITE)
        graph.link("all-users", user, READ)
    for role in ROLES:
        graph.put(Node(role, "role", "system"))
    graph.put(Node("p", "project", "ann"))
    graph.put(Node("q", "project", "p"))
    graph.put(Node("x", "collection", "q", about=HASH))
    graph.put(Node(HASH, "content", "system"))
    graph.put(Node("c", "container", "system", state="Queued"))
    graph.put(Node("wish", "container_request", "q", about="c"))
    graph.put(Node("row", "log", "system", about="c"))
    for tail, head, level in (("ben", "red", WRITE), ("red", "p", READ), ("dan", "ben", MANAGE), ("eve", "blue", READ)):
        graph.link(tail, head, level)
    return graph


class Histories(RuleBasedStateMachine):
    """A graph with closures that live on while it changes, the clock goes on and the policy is switched."""

    def __init__(self) -> None:
        super().__init__()
        self.now_us = 10
        self.policy = Policy(lambda: self.now_us)
        self.graph = first_graph()
        self.closures = Closures(self.graph)
        self.rights = Rights(self.graph, self.closures, self.policy)
        self.explainer = Explainer(self.graph, self.closures, self.rights)
        self.who = Who(self.graph, self.rights)
        tokens = Tokens([], self.graph, lambda: 0)
        self.core = Core(authorizer=GraphAuthorizer(self.graph, tokens, self.rights, UriRules(RULES), is_open=False))
        self.live = Live(self.graph, self.closures)
        self.live.bind(self.core.realm1)
        self.peers = {user: self.core.join(user) for user in CONNECTED}
        self.before: set[Wanted] = set()

    def world(self) -> World:
        """The oracle of now."""
        return World(self.graph, self.now_us, self.policy.roles_visible, self.policy.users_visible)

    # --- what happens -------------------------------------------------------------------------

    @rule(step=st.lists(changes, min_size=1, max_size=4))
    def an_administrator_makes_changes(self, step: list[Change]) -> None:
        self.make(step, Actor("system", is_admin=True))

    @rule(change=changes, user=users)
    def a_user_makes_a_change(self, change: Change, user: str) -> None:
        """Whoever is let has the right, and who has it is not told that it has not. For administrators see above."""
        world = self.world()
        if user in world.nodes and world.nodes[user].is_admin:
            return
        refused = self.make([change], Actor(user, is_admin=False))
        if refused is None:
            assert may_make(world, user, change), change
        elif isinstance(refused, NotAuthorized) and not isinstance(change, Put):
            assert not may_make(world, user, change), (change, refused.text)

    @rule()
    def time_passes(self) -> None:
        """Whom the clock takes something is not looked for here."""
        self.subscribe_to_all()
        self.now_us += 30
        self.core.realm1.gate.revoke_all()

    @rule(roles_visible=st.booleans(), users_visible=st.booleans())
    def the_policy_is_switched(self, roles_visible: bool, users_visible: bool) -> None:
        self.subscribe_to_all()
        self.policy = self.policy._replace(roles_visible=roles_visible, users_visible=users_visible)
        self.rights.policy = self.policy
        self.live.changed_policy()

    def make(self, step: list[Change], actor: Actor) -> RequestError | None:
        """Make the changes, or say why they are refused."""
        self.subscribe_to_all()
        before = self.world()
        refused, changeset = None, None
        try:
            changeset = work_out(self.graph, step, actor, self.policy)
        except RequestError as error:
            refused = error
        now = self.world()
        assert (now.nodes, now.granted) == (before.nodes, before.granted), "working out must change nothing"
        if changeset is not None:
            self.live.adopt(changeset)
        return refused

    def subscribe_to_all(self) -> None:
        """Each connected user to a topic of each level on each node, where it may: so whatever is lost is lost live."""
        world = self.world()
        self.before = {each for each in WANTED if is_allowed(world, *each)}
        for user, level, node_id in self.before - self.subscriptions():
            self.peers[user].ask([32, 1, {}, f"com.{level}.{node_id}"])
        assert self.subscriptions() == self.before

    def subscriptions(self) -> set[Wanted]:
        """What is live."""
        return {(user, level, node_id) for user, level, node_id in WANTED if self.is_live(user, level, node_id)}

    def is_live(self, user: str, level: Level, node_id: str) -> bool:
        """Whether the user's session is subscribed."""
        found = self.core.realm1.broker.exact(f"com.{level}.{node_id}")
        return found is not None and any(session.id == self.peers[user].session_id for session in found.live)

    # --- what must hold -----------------------------------------------------------------------

    @invariant()
    def answers_equal_the_oracles(self) -> None:
        world = self.world()
        for node_id in world.nodes:
            for level in (READ, WRITE, MANAGE):
                expected = world.who(level, node_id)
                assert self.who.users(level, node_id) == expected, (level, node_id)
                for user in USERS:
                    assert self.rights.can(user, level, node_id) is (user in expected), (user, level, node_id)
                    self.check_reason(world, user, level, node_id)

    @invariant()
    def exactly_what_was_lost_has_ended(self) -> None:
        world = self.world()
        assert self.subscriptions() == {each for each in self.before if is_allowed(world, *each)}

    @invariant()
    def the_other_questions_are_answered_as_by_the_oracle(self) -> None:
        world = self.world()
        for user in USERS:
            for node_id in world.nodes:
                seen = self.rights.can(user, READ, node_id, include_trash=True)
                assert seen is world.can(user, READ, node_id, include_trash=True), (user, node_id)
                may = may_update(self.graph, self.policy, user, node_id)
                assert may is world.may_update(user, node_id), (user, node_id)
                if world.nodes[node_id].kind == "project":
                    may = may_unfreeze(self.graph, self.policy, user, node_id)
                    assert may is world.may_unfreeze(user, node_id), (user, node_id)
            for tail, head in world.links:
                seen = self.rights.may_see_links_to(user, head) or self.rights.may_see_links_from(user, tail)
                assert seen is world.may_see_link(user, tail, head), (tail, head)

    def check_reason(self, world: World, user: str, level: int, node_id: str) -> None:
        """A path is there exactly where the answer is yes, and every edge of it is there, at this level at least."""
        path = self.explainer.path(user, NAMES[level], node_id)
        assert (path is not None) is self.rights.can(user, level, node_id), (user, level, node_id)
        assert self.explainer.explain(user, NAMES[level], node_id)
        for sentence in path or ():
            check_sentence(world, sentence, level)


def is_allowed(world: World, user: str, level: Level, node_id: str) -> bool:
    """Who hears of it reads it too. Administrators may subscribe to what does not exist."""
    if node_id in world.nodes:
        return world.can(user, NUMBERS[level], node_id) and world.can(user, READ, node_id)
    return user in world.nodes and world.nodes[user].is_admin


def check_sentence(world: World, sentence: str, level: int) -> None:
    """What a path says of the graph is so."""
    verbs = r"owns|requested|holds|is about|may act as|has \w+ on"
    edge = re.fullmatch(rf"(\S+) ({verbs}) (\S+)", sentence.removeprefix("so "))
    if edge is None:
        assert re.fullmatch(
            r"\S+ is (the user itself|an administrator|a role, and every active user reads .*)", sentence
        )
        return
    tail, verb, head = edge.groups()
    if verb == "owns":
        assert world.nodes[head].owner == tail, sentence
    elif verb in ("requested", "holds", "is about"):
        assert world.nodes[tail].about == head, sentence
    elif verb == "may act as":
        assert head in world.personas(tail, level), sentence
    else:
        assert verb.split()[1] in granted_names(world.granted[tail, head]), sentence
        assert world.links[tail, head] >= level, sentence


def may_make(world: World, user: str, change: Change) -> bool:
    """What the rules ask for a change by somebody who is no administrator (`world` is that before it)."""
    if user not in world.nodes:
        return False
    if isinstance(change, Put):
        return (world.nodes[user].is_active or change.id == user) and may_put(world, user, change)
    if not world.nodes[user].is_active or isinstance(change, Activate | Deactivate | Merge):
        return False
    if isinstance(change, Grant | Revoke):
        is_seen = change.user in world.nodes and world.can(user, READ, change.user)
        is_linked = (change.user, change.object) in world.links
        is_tail = is_seen or (isinstance(change, Revoke) and is_linked)
        return is_tail and change.object in world.nodes and world.can(user, MANAGE, change.object)
    if change.id not in world.nodes:
        return False
    if isinstance(change, Freeze | Unfreeze):
        return world.can(user, MANAGE, change.id)
    is_for_administrators = isinstance(change, Delete) and world.nodes[change.id].kind == "user"
    return world.may_update(user, change.id) and not is_for_administrators


def may_put(world: World, user: str, change: Put) -> bool:
    """The least that a put needs."""
    if change.id not in world.nodes:
        owner = change.owner or user
        is_for_administrators = change.kind in ("user", "container", "content")
        return change.kind == "role" or (not is_for_administrators and world.can(user, WRITE, owner))
    known = world.nodes[change.id]
    if change.owner in (None, known.owner):
        return world.may_update(user, change.id)
    return world.can(user, WRITE, known.owner) and world.can(user, WRITE, change.owner)


Histories.TestCase.settings = settings(max_examples=HISTORIES, stateful_step_count=15, deadline=None)
TestHistories = Histories.TestCase
