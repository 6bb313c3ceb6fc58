"""What one user reaches: the walk of Arvados' permission model, and its answers.

The walk starts at the user with level 3. At each node the out-edges are followed if the node is a group
(role or project) or the user itself, never out of another user. Edges: owner -> owned group or user,
level 3; permission link, its level. The level at the head is the lower of both. A reach is *traversing*,
so that it extends to what the head owns, if the head is a group, or a user that is reached over an edge
of level 3.

For each head the best level and the best traversing level are kept apart. Arvados keeps the maximum of
one and the disjunction of the other, so that two weak paths together give what neither does; here they
do not combine.
"""

from typing import NamedTuple

from fairlead_authz.graph import Graph
from fairlead_authz.levels import MANAGE, NONE


class Reach(NamedTuple):
    """The best level on a node, and the best that extends to what it owns."""

    level: int
    traversing: int


NO_REACH = Reach(NONE, NONE)


class Closure:
    """Everything that a user reaches without acting as another user."""

    __slots__ = ("_reached", "user")

    def __init__(self, graph: Graph, user: str) -> None:
        self.user = user
        self._reached = _walk(graph, user)

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._reached

    def reach(self, node_id: str) -> Reach:
        """The reach of a node; nothing for one that is not reached."""
        return self._reached.get(node_id, NO_REACH)

    def personas(self, graph: Graph, level: int) -> list[str]:
        """The users as whom this user may act at this level, itself first. One step, not further."""
        others = [
            node_id
            for node_id, reach in self._reached.items()
            if node_id != self.user and reach.traversing >= level and graph.nodes[node_id].kind == "user"
        ]
        return [self.user, *others]


def _walk(graph: Graph, user: str) -> dict[str, Reach]:
    reached = {user: Reach(MANAGE, MANAGE)}
    pending = [user]
    while pending:
        tail = pending.pop()
        level_here = reached[tail].level
        for head, edge_level in _edges(graph, tail):
            node = graph.nodes.get(head)
            if node is None:
                continue
            level = min(level_here, edge_level)
            is_traversing = node.is_group or (node.kind == "user" and edge_level == MANAGE)
            known = reached.get(head, NO_REACH)
            better = Reach(max(known.level, level), max(known.traversing, level if is_traversing else NONE))
            if better != known:
                reached[head] = better
                if node.is_group:
                    pending.append(head)
    return reached


def _edges(graph: Graph, tail: str) -> list[tuple[str, int]]:
    owned = [(head, MANAGE) for head in graph.owned_groups(tail)]
    return [*owned, *graph.links_from(tail).items()]
