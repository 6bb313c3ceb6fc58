"""The tree of what is live: what hangs below a node, and that nothing else stays in it."""

from __future__ import annotations

from msgspec.structs import replace

from fairlead_authz.changeset import Changeset
from fairlead_authz.live.live_tree import LiveTree
from fairlead_authz.model.graph import Graph, Node


def graph() -> Graph:
    """`root` owns the project p, which owns q, which owns the object x; `row` is a log row about x."""
    made = Graph()
    for node in (
        Node("root", "user", "root"),
        Node("p", "project", "root"),
        Node("q", "project", "p"),
        Node("x", "object", "q"),
        Node("row", "log", "root", about="x"),
        Node("container", "container", "root"),
        Node("request", "object", "p", about="container"),
    ):
        made.put(node)
    return made


class World:
    """A graph, its tree, and what is in use."""

    def __init__(self) -> None:
        self.graph = graph()
        self.in_use: set[str] = set()
        self.tree = LiveTree(self.graph, self.in_use.__contains__)

    def use(self, *objects: str) -> None:
        for object_id in objects:
            self.in_use.add(object_id)
            self.tree.add(object_id)

    def below(self, node_id: str) -> set[str]:
        found = {node_id}
        for child in self.tree.children(node_id):
            found |= self.below(child)
        return found

    def change(self, before: Node | None, after: Node | None) -> None:
        node = before or after
        assert node is not None
        changeset = Changeset()
        changeset.set_node(node.id, before, after)
        changeset.make(self.graph)
        self.tree.update(changeset)

    def move(self, node_id: str, owner: str) -> None:
        node = self.graph.nodes[node_id]
        self.change(node, replace(node, owner=owner))


def test_a_live_object_hangs_below_its_owner_and_all_owners_above() -> None:
    world = World()
    world.use("x")
    assert world.below("p") == {"p", "q", "x"}
    assert "request" not in world.tree


def test_a_log_row_hangs_below_what_it_is_about() -> None:
    world = World()
    world.use("row")
    assert world.below("q") == {"q", "x", "row"}


def test_a_container_hangs_below_its_requests() -> None:
    world = World()
    world.use("container")
    assert world.below("p") == {"p", "request", "container"}


def test_what_is_below_a_project_moves_with_it() -> None:
    world = World()
    world.graph.put(Node("other", "project", "root"))
    world.use("x")
    world.move("q", "other")
    assert world.below("p") == {"p"}
    assert world.below("other") == {"other", "q", "x"}


def test_a_request_that_comes_or_goes_moves_its_container() -> None:
    world = World()
    world.use("container")
    second = Node("second", "object", "q", about="container")
    world.change(None, second)
    assert world.below("q") == {"q", "second", "container"}
    world.change(second, None)
    assert world.below("q") == {"q"}


def test_an_object_that_is_made_after_it_came_into_use_hangs_where_it_is_put() -> None:
    world = World()
    world.use("later")
    world.change(None, Node("later", "object", "q"))
    assert world.below("q") == {"q", "later"}


def test_what_is_used_no_more_leaves_as_others_come() -> None:
    world = World()
    for number in range(100):
        world.graph.put(Node(f"n{number}", "object", "p"))
        world.use(f"n{number}")
    world.in_use.clear()
    for number in range(100):
        world.use(f"n{number % 3}")
    assert {"n0", "n1", "n2"} <= world.below("p")
    assert len(world.tree) < 10


def test_nodes_in_a_circle_are_no_endless_walk() -> None:
    world = World()
    world.graph.put(Node("a", "log", "root", about="b"))
    world.graph.put(Node("b", "log", "root", about="a"))
    world.use("a")
    assert set(world.tree.children("a")) == {"b"}
    assert set(world.tree.children("b")) == {"a"}
