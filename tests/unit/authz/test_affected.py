"""Random histories: after every step each answer equals the oracle's, and so does what is reported as lost."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_authz import affected
from fairlead_authz.changes import Change, Delete, Grant, Put, Revoke
from fairlead_authz.closures import Closures
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.explain import Explainer
from fairlead_authz.graph import Graph, Node
from fairlead_authz.levels import MANAGE, NAMES, NUMBERS, READ, WRITE
from fairlead_authz.rights import Policy, Rights
from fairlead_router import RequestError
from unit.authz.oracle import World, lost

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
)
deletes = st.builds(Delete, st.sampled_from([*PROJECTS, *OBJECTS, *ROLES, "dan", "shape"]))
links = st.one_of(st.builds(Grant, tails, levels, heads), st.builds(Revoke, tails, levels, heads))
changes: st.SearchStrategy[Change] = st.one_of(puts, links, links, links, deletes)
histories = st.lists(st.lists(changes, min_size=1, max_size=4), max_size=20)


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
    """A graph with the closures of connected users, and what is asked of them."""

    def __init__(self) -> None:
        self.graph = first_graph()
        self.closures = Closures(self.graph)
        self.rights = Rights(self.graph, self.closures, POLICY)
        self.explainer = Explainer(self.graph, self.closures, self.rights)
        for user in CONNECTED:
            self.closures.connect(user)

    def step(self, step: list[Change]) -> affected.Affected | None:
        """None if the step is refused, which must change nothing."""
        before = World(self.graph)
        try:
            changeset = work_out(self.graph, step, CHANGER, POLICY)
        except RequestError:
            changeset = None
        now = World(self.graph)
        assert (now.nodes, now.links) == (before.nodes, before.links), "working out must change nothing"
        if changeset is None:
            return None
        return affected.make(self.graph, self.closures, changeset, POLICY)


@settings(max_examples=300, deadline=None)
@given(histories)
def test_answers_and_losses_equal_the_oracle_after_every_step(history: list[list[Change]]) -> None:
    setting = Setting()
    before = World(setting.graph)
    for step in history:
        reported = setting.step(step)
        after = World(setting.graph)
        for user in USERS:
            for node_id in after.nodes:
                for level in (READ, WRITE, MANAGE):
                    assert setting.rights.can(user, level, node_id) is after.can(user, level, node_id)
        if reported is not None:
            check_report(reported, before, after)
        before = after


def check_report(reported: affected.Affected, before: World, after: World) -> None:
    """All that was lost, and nothing that was not."""
    losses = {user: lost(before, after, user) for user in CONNECTED}
    for user, nodes in losses.items():
        assert user in reported.principals or nodes <= reported.objects, (user, nodes, reported)
    assert all(losses[user] for user in reported.principals if user in after.nodes and after.nodes[user].is_active)
    assert reported.objects <= {node for nodes in losses.values() for node in nodes}


@settings(max_examples=100, deadline=None)
@given(histories)
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


def test_what_nobody_connected_reaches_is_not_reported() -> None:
    setting = Setting()
    setting.step([Put("object", "x", "eve")])
    assert setting.step([Put("object", "x", "system")]) == (set(), set())


def test_revoke_and_regrant_in_one_list_is_no_loss() -> None:
    setting = Setting()
    setting.step([Put("object", "x", "ann"), Grant("ben", "read", "x")])
    assert setting.step([Revoke("ben", "read", "x"), Grant("ben", "read", "x")]) == (set(), set())


def test_the_survivor_of_two_paths_loses_nothing() -> None:
    setting = Setting()
    setting.step([Put("project", "p", "ann"), Put("object", "x", "p")])
    setting.step([Grant("ben", "read", "x"), Grant("ben", "read", "p")])
    assert setting.step([Revoke("ben", "read", "x")]) == (set(), set())


def test_a_group_of_many_is_reported_by_the_object_that_it_lost() -> None:
    setting = Setting()
    setting.step([Put("object", "x", "system"), *(Grant(user, "read", "red") for user in CONNECTED)])
    setting.step([Grant("red", "read", "x")])
    assert setting.step([Revoke("red", "read", "x")]) == (set(), {"x", "x-row"})


def test_who_leaves_a_group_is_reported_and_the_others_are_not() -> None:
    setting = Setting()
    setting.step([Put("project", "p", "system"), *(Grant(user, "read", "red") for user in CONNECTED)])
    setting.step([Grant("red", "read", "p")])
    assert setting.step([Revoke("ben", "read", "red")]) == ({"ben"}, set())


def test_who_may_not_act_as_another_any_more_lost_what_the_other_owns_though_it_still_sees_it() -> None:
    setting = Setting()
    setting.step([Put("object", "x", "ann"), Grant("ben", "read", "red"), Grant("red", "manage", "ann")])
    reported = setting.step([Revoke("red", "manage", "ann")])
    assert setting.rights.can("ben", READ, "ann")
    assert reported == ({"ben"}, set())


def test_who_may_not_act_as_another_any_more_lost_what_the_other_was_granted() -> None:
    setting = Setting()
    setting.step([Put("object", "x", "system"), Grant("ann", "read", "x")])
    setting.step([Grant("ben", "read", "red"), Grant("red", "manage", "ann")])
    assert setting.step([Revoke("red", "manage", "ann")]) == ({"ben"}, set())


def test_who_reaches_another_only_through_a_third_lost_what_the_other_was_granted() -> None:
    setting = Setting()
    setting.step([Put("object", "x", "ann"), Put("project", "p", "ann"), Grant("eve", "manage", "ann")])
    setting.step([Grant("ben", "manage", "eve"), Grant("ben", "manage", "ann")])
    assert setting.step([Revoke("ben", "read", "ann")]) == ({"ben"}, set())
    assert setting.rights.can("ben", MANAGE, "x")
    assert not setting.rights.can("ben", READ, "p")


def test_an_administrator_no_more_lost_what_it_has_by_nothing_else() -> None:
    setting = Setting()
    setting.step([Put("user", "ben", is_admin=True)])
    assert setting.step([Put("user", "ben", is_admin=False)]) == ({"ben"}, set())


def test_a_reader_among_many_is_reported() -> None:
    setting = Setting()
    setting.step([Put("object", "x", "system"), *(Put("role", f"r{number}") for number in range(9))])
    setting.step([Grant(f"r{number}", "read", "x") for number in range(9)])
    setting.step([Grant("ben", "read", "x")])
    assert setting.step([Revoke("ben", "read", "x")]) == (set(), {"x", "x-row"})


def test_a_project_that_becomes_an_object_in_one_list_is_followed_no_more() -> None:
    setting = Setting()
    setting.step([Put("project", "shape", "ann"), Grant("ben", "read", "shape")])
    setting.step([Delete("shape"), Put("object", "shape", "ann"), Grant("ben", "read", "shape")])
    assert "shape" not in setting.closures.of("ben").followed
    assert setting.rights.can("ben", READ, "shape")
    setting.step([Delete("shape"), Put("project", "shape", "ann"), Grant("ben", "read", "shape")])
    assert "shape" in setting.closures.of("ben").followed
