"""Random histories: after every step each answer equals the oracle's, and so do the subscriptions that are live."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from fairlead_authz.live.affected import Search
from fairlead_authz.live.live_tree import LiveTree
from fairlead_authz.live.losses import Edge, Losses
from fairlead_authz.live.realm import Live
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.explain import Explainer
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.levels import MANAGE, NAMES, NUMBERS, READ, WRITE
from fairlead_authz.model.rights import Policy, Rights
from fairlead_authz.tokens.tokens import Tokens
from fairlead_authz.uri_rules import UriRule, UriRules
from fairlead_router import RequestError
from fairlead_router.authorization import Level
from fairlead_router.gate import REVOKED, Gate
from support.core import Core
from unit.authz.oracle import World

CONNECTED = ["ann", "ben", "dan"]
"""`dan` is connected although there may be no such user: deleted a moment ago, or from another authenticator."""

USERS = [*CONNECTED, "eve"]
"""`eve` has no session: her closure is only remembered."""

ROLES = ["red", "blue"]
PROJECTS = ["p", "q"]
OBJECTS = ["x", "request"]
SHAPES = ["project", "object", "role"]
"""`shape` can be deleted and made anew as another kind, in one list."""

POLICY = Policy(lambda: 0)
CHANGER = Actor("system", is_admin=True)

users = st.sampled_from(USERS)
tails = st.sampled_from(USERS + ROLES)
heads = st.sampled_from(USERS + ROLES + PROJECTS + OBJECTS + ["container", "row", "shape"])
owners = st.sampled_from(USERS + PROJECTS)
levels = st.sampled_from(["read", "write", "manage"])
puts = st.one_of(
    st.builds(Put, st.just("project"), st.sampled_from(PROJECTS), owners),
    st.builds(Put, st.just("object"), st.sampled_from(OBJECTS), owners),
    st.builds(Put, st.sampled_from(SHAPES), st.just("shape")),
    st.builds(Put, st.just("user"), users, is_admin=st.booleans()),
    st.builds(Put, st.just("user"), users, is_active=st.booleans()),
    st.builds(Put, st.just("object"), st.just("request"), about=st.sampled_from(["container", None])),
)
nodes = st.sampled_from([*PROJECTS, *OBJECTS, *ROLES, "container", "row", "shape"])
lives = st.one_of(
    st.builds(Trash, nodes, st.just(0)),
    st.builds(Untrash, nodes),
    st.builds(Freeze, st.sampled_from(PROJECTS)),
    st.builds(Unfreeze, st.sampled_from(PROJECTS)),
    st.builds(Deactivate, users),
    st.builds(Activate, users),
    st.builds(Merge, users, users),
)
deletes = st.builds(Delete, st.sampled_from([*PROJECTS, *OBJECTS, *ROLES, "dan", "shape"]))
links = st.one_of(st.builds(Grant, tails, levels, heads), st.builds(Revoke, tails, levels, heads))
changes: st.SearchStrategy[Change] = st.one_of(puts, links, links, links, deletes, lives)
step_changes = st.lists(changes, min_size=1, max_size=4)

LEVELS: list[Level] = ["read", "write", "manage"]
HEADS = [*USERS, *ROLES, *PROJECTS, *OBJECTS, "container", "row", "x-row", "shape"]
RULES = tuple(UriRule(f"com.{level}.{{object}}", subscribe=level) for level in LEVELS)
Wanted = tuple[str, Level, str]
"""A user, a level and a node: the user has subscribed to a topic that needs this level on the node."""

wanted = st.tuples(st.sampled_from(CONNECTED), st.sampled_from(LEVELS), st.sampled_from(HEADS))


def first_graph() -> Graph:
    """Users and roles, a container requested by `request`, log rows about it and about `x`."""
    graph = Graph()
    graph.put(Node("system", "user", "system"))
    graph.put(Node("all-users", "role", "system"))
    for user in USERS:
        graph.put(Node(user, "user", "system"))
    for role in ROLES:
        graph.put(Node(role, "role", "system"))
    graph.put(Node("container", "container", "system"))
    graph.put(Node("request", "object", "ann", about="container"))
    graph.put(Node("row", "log", "system", about="container"))
    graph.put(Node("x-row", "log", "system", about="x"))
    return graph


class Setting:
    """A graph with what is asked of it, and a realm with a session of each connected user. No store."""

    def __init__(self) -> None:
        self.graph = first_graph()
        self.closures = Closures(self.graph)
        self.rights = Rights(self.graph, self.closures, POLICY)
        self.explainer = Explainer(self.graph, self.closures, self.rights)
        self.core = Core(
            authorizer=GraphAuthorizer(
                self.graph, Tokens([], self.graph, lambda: 0), self.rights, UriRules(RULES), is_open=False
            )
        )
        self.live = Live(self.graph, self.closures)
        self.live.bind(self.core.realm1)
        self.peers = {user: self.core.join(user) for user in CONNECTED}
        self.gate = RecordedGate(self.core.realm1.gate)

    def step(self, step: list[Change]) -> bool:
        """False if the step is refused, which must change nothing."""
        before = World(self.graph)
        try:
            changeset = work_out(self.graph, step, CHANGER, POLICY)
        except RequestError:
            changeset = None
        now = World(self.graph)
        assert (now.nodes, now.links) == (before.nodes, before.links), "working out must change nothing"
        if changeset is not None:
            self.live.adopt(changeset)
        return changeset is not None

    def subscribe(self, user: str, level: Level, node_id: str) -> None:
        """The user wants the events of a topic that needs this level on the node; it may be denied."""
        self.peers[user].ask([32, 1, {}, topic(level, node_id)])

    def subscriptions(self) -> set[Wanted]:
        """What is live."""
        return {
            (user, level, node_id)
            for user, peer in self.peers.items()
            for level in LEVELS
            for node_id in HEADS
            if (found := self.core.realm1.broker.exact(topic(level, node_id))) is not None
            and any(session.id == peer.session_id for session in found.live)
        }


class RecordedGate:
    """Whom and what a gate was told about."""

    def __init__(self, gate: Gate) -> None:
        self.bumped: list[tuple[set[str], set[str]]] = []
        revoke = gate.revoke

        def recording(principals: Iterable[str] = (), objects: Iterable[str] = (), reason: str = REVOKED) -> None:
            self.bumped.append((set(principals), set(objects)))
            revoke(principals, objects, reason)

        gate.revoke = recording  # type: ignore[method-assign]


def topic(level: str, node_id: str) -> str:
    """A topic that needs the level on the node."""
    return f"com.{level}.{node_id}"


@settings(max_examples=200, deadline=None)
@given(st.lists(step_changes, max_size=20))
def test_answers_equal_the_oracle_after_every_step(history: list[list[Change]]) -> None:
    setting = Setting()
    for step in history:
        setting.step(step)
        after = World(setting.graph)
        for user in USERS:
            for node_id in after.nodes:
                for level in (READ, WRITE, MANAGE):
                    assert setting.rights.can(user, level, node_id) is after.can(user, level, node_id)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.lists(wanted, max_size=5), step_changes), max_size=20))
def test_after_every_step_exactly_those_subscriptions_are_live_that_may_be(
    history: list[tuple[list[Wanted], list[Change]]],
) -> None:
    """None that was lost is missed, and none that is still allowed is ended; nothing but SUBSCRIBE asks for rights."""
    setting = Setting()
    for subscribed, step in history:
        for each in subscribed:
            setting.subscribe(*each)
        before = setting.subscriptions()
        setting.step(step)
        after = World(setting.graph)
        assert setting.subscriptions() == {each for each in before if is_allowed(after, *each)}


def is_allowed(world: World, user: str, level: Level, node_id: str) -> bool:
    """Who hears of it reads it too. Administrators may subscribe to what does not exist."""
    who = world.nodes.get(user)
    if node_id not in world.nodes:
        return who is not None and who.is_admin
    return world.can(user, NUMBERS[level], node_id) and world.can(user, READ, node_id)


@settings(max_examples=100, deadline=None)
@given(st.lists(step_changes, max_size=20))
def test_an_explanation_names_edges_that_are_there_and_is_never_missing(history: list[list[Change]]) -> None:
    setting = Setting()
    for step in history:
        setting.step(step)
    world = World(setting.graph)
    for user in USERS:
        for node_id in world.nodes:
            for level in (READ, WRITE, MANAGE):
                text = setting.explainer.explain(user, NAMES[level], node_id)
                assert text
                if user in world.nodes and world.can(user, level, node_id):
                    check_path(world, text, level)


def check_path(world: World, text: str, level: int) -> None:
    """Every edge that is named is there, at this level at least."""
    for sentence in text.split("; "):
        owned = re.fullmatch(r"(\S+) owns (\S+)", sentence)
        granted = re.fullmatch(r"(\S+) has (\w+) on (\S+)", sentence)
        if owned:
            assert world.nodes[owned[2]].owner == owned[1], text
        elif granted:
            tail, name, head = granted.groups()
            assert world.links[tail, head] == NUMBERS[name], text  # type: ignore[index]
            assert NUMBERS[name] >= level, text  # type: ignore[index]
        else:
            assert "no grant" not in sentence
            assert "not " not in sentence


def subscribed(*all_wanted: Wanted) -> Callable[[Setting], None]:
    """These subscriptions, which must be allowed."""

    def subscribe(setting: Setting) -> None:
        for each in all_wanted:
            setting.subscribe(*each)
        assert setting.subscriptions() == set(all_wanted)

    return subscribe


def test_what_is_made_anew_as_a_project_and_granted_in_one_list_is_walked_into() -> None:
    setting = Setting()
    setting.step([Put("object", "shape", "ann")])
    assert not setting.rights.can("ben", READ, "shape")
    setting.step([Delete("shape"), Put("project", "shape", "ann"), Grant("ben", "read", "shape")])
    setting.step([Put("object", "x", "shape")])
    assert setting.rights.can("ben", READ, "x")


def test_those_who_lose_many_things_by_one_role_are_counted_once() -> None:
    """Anybody may make a role, have everybody in it, and take thousands of things from it in one list."""
    graph = first_graph()
    closures = Closures(graph)
    asked: list[str] = []

    class Holds:
        def of_principals(self, authids: Iterable[str]) -> int:
            asked.extend(authids)
            return len(CONNECTED)

        def on_objects(self, object_ids: Iterable[str]) -> int:
            return 0

    for user in CONNECTED:
        graph.link(user, "red", READ)
        closures.connect(user)
    edges = {Edge("red", f"o{number}", False) for number in range(100)}
    search = Search(graph, closures, LiveTree(graph, lambda object_id: False), Holds())
    assert search.find(Losses(set(), set(), edges)) == (set(), {edge.head for edge in edges})
    assert sorted(asked) == sorted(CONNECTED)


def test_a_grant_bumps_nothing() -> None:
    setting = Setting()
    setting.step([Put("project", "p", "ann"), Put("object", "x", "p")])
    subscribed(("ann", "read", "x"))(setting)
    setting.step([Grant("ben", "read", "x"), Grant("red", "read", "p"), Grant("ben", "read", "red")])
    setting.step([Put("object", "new", "p"), Put("user", "eve", is_admin=True)])
    assert setting.gate.bumped == []


def test_revoke_and_regrant_in_one_list_bumps_nothing() -> None:
    setting = Setting()
    setting.step([Put("object", "x", "ann"), Grant("ben", "read", "x")])
    setting.step([Revoke("ben", "read", "x"), Grant("ben", "read", "x")])
    assert setting.gate.bumped == []


def test_a_loss_of_nobody_bumps_nothing_but_is_told_for_what_the_gate_remembers() -> None:
    setting = Setting()
    setting.step([Put("object", "x", "system"), Grant("eve", "read", "x")])
    setting.step([Revoke("eve", "read", "x")])
    assert setting.gate.bumped == [(set(), set())]


def test_the_survivor_of_two_paths_loses_nothing() -> None:
    setting = Setting()
    setting.step([Put("project", "p", "ann"), Put("object", "x", "p")])
    setting.step([Grant("ben", "read", "x"), Grant("ben", "read", "p")])
    subscribed(("ben", "read", "x"))(setting)
    setting.step([Revoke("ben", "read", "x")])
    assert setting.subscriptions() == {("ben", "read", "x")}


def test_a_group_of_many_is_found_by_the_object_that_it_lost() -> None:
    setting = Setting()
    setting.step([Put("object", "x", "system"), Put("object", "request", "system")])
    setting.step([Grant(user, "read", "red") for user in CONNECTED])
    setting.step([Grant("red", "read", "x"), Grant("red", "read", "request")])
    subscribed(*((user, "read", each) for user in ("ann", "ben") for each in ("x", "x-row", "request")))(setting)
    setting.step([Revoke("red", "read", "x")])
    assert setting.gate.bumped[-1] == (set(), {"x", "x-row"})
    assert setting.subscriptions() == {("ann", "read", "request"), ("ben", "read", "request")}


def test_who_leaves_a_group_is_bumped_rather_than_all_that_the_group_reads() -> None:
    setting = Setting()
    setting.step([Put("project", "p", "system"), *(Put("object", each, "p") for each in OBJECTS)])
    setting.step([*(Grant(user, "read", "red") for user in CONNECTED), Grant("red", "read", "p")])
    subscribed(*((user, "read", each) for user in ("ann", "ben") for each in OBJECTS))(setting)
    setting.step([Revoke("ben", "read", "red")])
    assert setting.gate.bumped[-1] == ({"ben"}, set())
    assert setting.subscriptions() == {("ann", "read", each) for each in OBJECTS}


def test_what_a_million_objects_hang_on_is_not_walked_through() -> None:
    setting = Setting()
    setting.step([Put("project", "p", "ann"), Put("object", "x", "p"), Grant("ben", "read", "p")])
    for number in range(1_000):
        setting.graph.put(Node(f"n{number}", "object", "p"))
    subscribed(("ben", "read", "x"))(setting)
    looked_at = count_nodes(setting.graph)
    setting.step([Revoke("ben", "read", "p")])
    assert setting.subscriptions() == set()
    assert len(looked_at) < 50


def count_nodes(graph: Graph) -> list[str]:
    """The ids of the nodes that are looked at from now on."""
    looked_at: list[str] = []
    node = graph.node

    def counting(node_id: str) -> Node | None:
        looked_at.append(node_id)
        return node(node_id)

    graph.node = counting  # type: ignore[method-assign]
    return looked_at


ACTING_AS: dict[str, tuple[list[list[Change]], list[Change], set[Wanted], set[Wanted]]] = {
    "who may not act as another any more lost what the other owns though it still sees it": (
        [[Put("object", "x", "ann"), Grant("ben", "read", "red"), Grant("red", "manage", "ann")]],
        [Revoke("red", "manage", "ann")],
        {("ben", "read", "x"), ("ben", "read", "ann")},
        {("ben", "read", "ann")},
    ),
    "who may not act as another any more lost what the other was granted": (
        [[Put("object", "x", "system"), Grant("ann", "read", "x")], [Grant("ben", "manage", "ann")]],
        [Revoke("ben", "manage", "ann")],
        {("ben", "read", "x")},
        set(),
    ),
    "who reaches another only through a third lost what the other was granted": (
        [
            [Put("object", "x", "ann"), Put("project", "p", "ann"), Grant("eve", "manage", "ann")],
            [Grant("ben", "manage", "eve"), Grant("ben", "manage", "ann")],
        ],
        [Revoke("ben", "read", "ann")],
        {("ben", "manage", "x"), ("ben", "read", "p")},
        {("ben", "manage", "x")},
    ),
    "an administrator no more lost what it has by nothing else": (
        [[Put("object", "x", "ann"), Put("user", "ben", is_admin=True)]],
        [Put("user", "ben", is_admin=False)],
        {("ben", "read", "x"), ("ben", "read", "ben")},
        {("ben", "read", "ben")},
    ),
    "what is granted and taken away unseen leaves nothing behind": (
        [[Put("project", "p", "system"), Put("object", "x", "p"), Grant("ben", "read", "x")]],
        [Grant("ben", "read", "red"), Grant("red", "read", "p"), Revoke("ben", "read", "x")],
        {("ben", "read", "x")},
        {("ben", "read", "x")},
    ),
}


@pytest.mark.parametrize("name", ACTING_AS)
def test_acting_as(name: str) -> None:
    before, change, live, left = ACTING_AS[name]
    setting = Setting()
    for step in before:
        assert setting.step(step)
    subscribed(*live)(setting)
    assert setting.step(change)
    assert setting.subscriptions() == left


def test_a_queued_event_of_a_pattern_is_taken_back_though_nothing_live_rests_on_its_object() -> None:
    setting = Setting()
    setting.step([Put("project", "p", "system"), Put("object", "x", "p"), Grant("ben", "read", "p")])
    ben, ann = setting.peers["ben"], setting.peers["ann"]
    ben.subscribe("com.read.", match="prefix")
    ben.clog()
    setting.step([Put("user", "eve", is_admin=True)])
    setting.core.join("eve").send([16, 1, {}, topic("read", "x"), ["secret"]])
    setting.core.host.run()
    ann.subscribe("com.read.", match="prefix")
    setting.step([Revoke("ben", "read", "p")])
    ben.read_on()
    assert ben.take() == []


def test_a_right_that_was_replaced_unseen_is_found_when_it_goes() -> None:
    setting = Setting()
    setting.step([Put("project", "p", "system"), Put("object", "x", "p"), Grant("ben", "read", "x")])
    subscribed(("ben", "read", "x"))(setting)
    setting.step([Grant("ben", "read", "red"), Grant("red", "read", "p")])
    setting.step([Revoke("ben", "read", "x")])
    assert setting.subscriptions() == {("ben", "read", "x")}
    setting.step([Revoke("red", "read", "p")])
    assert setting.subscriptions() == set()


def test_a_project_that_becomes_an_object_in_one_list_is_followed_no_more() -> None:
    setting = Setting()
    setting.step([Put("project", "shape", "ann"), Grant("ben", "read", "shape")])
    setting.step([Delete("shape"), Put("object", "shape", "ann"), Grant("ben", "read", "shape")])
    assert "shape" not in setting.closures.of("ben").followed
    assert setting.rights.can("ben", READ, "shape")
    setting.step([Delete("shape"), Put("project", "shape", "ann"), Grant("ben", "read", "shape")])
    assert "shape" in setting.closures.of("ben").followed
