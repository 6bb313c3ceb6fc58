"""What a changeset can take away, read off from how nodes and links differ, whatever change brought that about.

Three kinds. A *user* may lose everything: gone, active or an administrator no more. A *node* may be lost with what
is below it (live_tree.py: of a request that is its container too), by whatever way it was reached: gone, trashed,
frozen, about something else, or moved, maybe to where it is in the trash or frozen. An *edge* (a link or an ownership)
that is gone or weaker takes what lies behind its head from whoever reached its tail. A difference that is not known
here counts as a loss of the node: too much is judged again rather than too little.
"""

from typing import NamedTuple

from msgspec.structs import replace

from fairlead_authz.changeset import Changeset
from fairlead_authz.model.graph import Graph, Node, is_step
from fairlead_authz.model.levels import MANAGE, level_of


class Edge(NamedTuple):
    """An edge that is gone or weaker. `is_step`: a walk went on from its head (graph.py)."""

    tail: str
    head: str
    is_step: bool


class Losses(NamedTuple):
    """What may be lost; nothing that is not here can be."""

    users: set[str]
    nodes: set[str]
    edges: set[Edge]

    def __bool__(self) -> bool:
        return bool(self.users or self.nodes or self.edges)


def losses(graph: Graph, changeset: Changeset) -> Losses:
    """What the changeset takes away from the graph, which is still as it was before."""
    found = Losses(set(), set(), set())
    for node_id, (before, after) in changeset.nodes.items():
        if before is not None:
            _add_node(found, graph, node_id, before, after)
    for (tail, head), granted in changeset.links.items():
        level = level_of(granted.before)
        if level_of(granted.after) < level:
            found.edges.add(_link(graph, tail, head, level))
    return found


def _add_node(found: Losses, graph: Graph, node_id: str, before: Node, after: Node | None) -> None:
    if before.kind == "user" and (after is None or _user_lost(before, after)):
        found.users.add(node_id)
    if after is None or after.kind != before.kind:
        found.edges.update(_link(graph, tail, node_id, level) for tail, level in graph.links_to(node_id).items())
    if after is None or after.kind != before.kind or after.owner != before.owner:
        found.edges.add(Edge(before.owner, node_id, is_step(before, MANAGE)))
    if after is None or _node_lost(before, after):
        found.nodes.add(node_id)


def _user_lost(before: Node, after: Node) -> bool:
    return (
        after.kind != before.kind
        or (before.is_admin and not after.is_admin)
        or (before.is_active and not after.is_active)
    )


def _node_lost(before: Node, after: Node) -> bool:
    """Whether anything differs but what takes nothing from others, or is looked at by itself."""
    same = replace(after, name=before.name, is_admin=before.is_admin, is_active=before.is_active)
    if not _is_trashed_sooner(before.trash_at_us, after.trash_at_us):
        same = replace(same, trash_at_us=before.trash_at_us)
    if after.frozen_by is None:
        same = replace(same, frozen_by=before.frozen_by)
    return same != before


def _is_trashed_sooner(before_us: int | None, after_us: int | None) -> bool:
    return after_us is not None and (before_us is None or after_us < before_us)


def _link(graph: Graph, tail: str, head: str, level: int) -> Edge:
    node = graph.node(head)
    return Edge(tail, head, node is not None and is_step(node, level))
