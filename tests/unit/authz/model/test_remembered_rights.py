"""Remembered verdicts: asked for once, and never told after the graph, the policy or the time says otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fairlead_authz.model import remembered_rights
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.levels import MANAGE, READ, WRITE
from fairlead_authz.model.remembered_rights import RememberedRights
from fairlead_authz.model.rights import Policy, Rights


class Counted(Rights):
    """Rights that say how often they were asked."""

    asked = 0

    def can(self, user: str, level: int, object_id: str, include_trash: bool = False) -> bool:
        self.asked += 1
        return super().can(user, level, object_id, include_trash)


class World:
    """Ann may write x, which is in project p; both are root's."""

    def __init__(self) -> None:
        self.now_us = 0
        self.graph = Graph()
        self.graph.put(Node("root", "user", "root", is_admin=True))
        self.graph.put(Node("ann", "user", "root"))
        self.graph.put(Node("p", "project", "root"))
        self.graph.put(Node("x", "object", "p"))
        self.graph.link("ann", "x", WRITE)
        self.closures = Closures(self.graph)
        self.rights = Counted(self.graph, self.closures, Policy(lambda: self.now_us))
        self.remembered = RememberedRights(self.graph, self.rights)

    def may(self, level: int = WRITE, object_id: str = "x") -> bool:
        return self.remembered.can("ann", level, object_id)


@pytest.fixture
def world() -> World:
    return World()


def test_the_same_question_is_judged_once(world: World) -> None:
    assert [world.may(), world.may(), world.may(MANAGE), world.may(MANAGE)] == [True, True, False, False]
    assert world.rights.asked == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.graph.link("ann", "x", 0),
        lambda world: world.graph.put(Node("p", "project", "root", frozen_by="root")),
        lambda world: world.graph.remove("ann"),
    ],
    ids=["a link", "a node above", "a node gone"],
)
def test_a_change_of_the_graph_voids_all(world: World, change: Callable[[World], None]) -> None:
    assert world.may()
    change(world)
    assert not world.may()


def test_a_change_and_its_inverse_void_what_was_judged_between(world: World) -> None:
    with world.closures.aside():
        world.graph.link("ann", "x", 0)
        assert not world.may()
        world.graph.link("ann", "x", WRITE)
    assert world.may()


def test_another_policy_voids_all(world: World) -> None:
    world.graph.put(Node("r", "role", "root"))
    assert world.may(READ, "r")
    world.rights.policy = world.rights.policy._replace(roles_visible=False)
    assert not world.may(READ, "r")


@pytest.mark.parametrize("trashed", ["x", "p"])
def test_what_is_to_be_trashed_is_judged_by_the_time_of_each_question(world: World, trashed: str) -> None:
    node = world.graph.nodes[trashed]
    world.graph.put(Node(node.id, node.kind, node.owner, trash_at_us=10))
    assert world.may(READ)
    world.now_us = 10
    assert not world.may(READ)


def test_what_is_read_through_something_else_is_judged_each_time(world: World) -> None:
    world.graph.put(Node("c", "container", "root", state="Running"))
    world.graph.put(Node("r", "container_request", "root", about="c", trash_at_us=10))
    world.graph.link("ann", "r", READ)
    assert world.may(READ, "c")
    world.now_us = 10
    assert not world.may(READ, "c")


def test_the_memory_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered_rights, "MAX_VERDICTS", 3)
    for number in range(10):
        world.may(WRITE, f"unknown-{number}")
        assert len(world.remembered._known) <= 3
