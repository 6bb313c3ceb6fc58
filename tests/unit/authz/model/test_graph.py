"""The graph's indexes: after any changes they are what a graph made from nothing has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead_authz.model.graph import Graph, Kind, Node

IDS = ["a", "b", "c", "d"]
ids = st.sampled_from(IDS)
kinds: st.SearchStrategy[Kind] = st.sampled_from(["user", "role", "project", "object", "log"])
nodes = st.builds(Node, ids, kinds, ids, about=st.one_of(st.none(), ids))
edits = st.one_of(nodes, ids, st.tuples(ids, ids, st.integers(0, 3)))


def edit(graph: Graph, change: Node | str | tuple[str, str, int]) -> None:
    if isinstance(change, Node):
        graph.put(change)
    elif isinstance(change, str):
        graph.remove(change)
    else:
        graph.link(*change)


def view(graph: Graph) -> list[object]:
    """Everything that can be asked of it."""
    return [
        (
            dict(graph.steps(id_)),
            set(graph.owned(id_)),
            set(graph.subjects(id_)),
            dict(graph.links_from(id_)),
            dict(graph.links_to(id_)),
        )
        for id_ in IDS
    ]


@given(st.lists(edits, max_size=30))
def test_indexes_equal_those_of_a_graph_made_from_nothing(changes: list[Node | str | tuple[str, str, int]]) -> None:
    graph = Graph()
    for change in changes:
        edit(graph, change)
    fresh = Graph()
    for node in graph.nodes.values():
        fresh.put(node)
    for tail in IDS:
        for head, level in graph.links_from(tail).items():
            fresh.link(tail, head, level)
    assert view(graph) == view(fresh)


def test_members_of_a_role_are_found_through_other_roles_once() -> None:
    graph = Graph()
    for id_, kind in (("root", "user"), ("r", "role"), ("s", "role"), ("u", "user"), ("v", "user")):
        graph.put(Node(id_, kind, "root"))  # type: ignore[arg-type]
    for tail, head in (("u", "r"), ("s", "r"), ("r", "s"), ("u", "s"), ("v", "s")):
        graph.link(tail, head, 1)
    assert sorted(graph.members("r")) == ["u", "v"]
