"""Who or what may have lost something by a change: principals and objects, for the gate to bump their cells.

Looked for among what is live only: connected users, and the objects that something live rests on. Whoever loses
a right by an edge reached its tail; what is lost lies behind its head. So all that is lost is in
`those who reach the tail x what is live behind the head`, and it is enough to bump either side: that with fewer
holds. The gate judges each hold on what was bumped by the graph as it is then. A pair too many costs a judgement and
ends nothing (G10); one too few is a leak. So where a side is not known cheaply, the other is bumped.

Everything is looked for in the graph as it was, for a right that is lost was there: take the path that gave it, and of
the edges on it that the change takes, the last. Its tail was reached (closures.py says why that is known even of
a user whose closure is out of date), and what follows its head is there before and after.

What lies behind a head is found by walking down the live tree from it (live_tree.py), along links to nodes of the
tree, and along steps to roles and users that pass on what they reach.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from fairlead_authz.live.live_tree import LiveTree
from fairlead_authz.live.losses import Losses
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import Graph

Ways = tuple[Mapping[str, object], ...]
"""Where a walk goes on to from a node."""

_LINKED_ON = frozenset({"user", "role"})
"""Kinds that something can be granted to."""


class Affected(NamedTuple):
    """Principals and objects, each of which may have lost something."""

    principals: set[str]
    objects: set[str]


class Losers(NamedTuple):
    """Connected users, and how many holds rest on them."""

    users: set[str]
    holds: int


class Holds(Protocol):
    """How many holds of the gate rest on principals or objects."""

    def of_principals(self, authids: Iterable[str]) -> int: ...

    def on_objects(self, object_ids: Iterable[str]) -> int: ...


class Search:
    """Finds what losses affect. Use it before the graph, the closures and the tree are changed."""

    def __init__(self, graph: Graph, closures: Closures, tree: LiveTree, holds: Holds) -> None:
        self._graph = graph
        self._closures = closures
        self._tree = tree
        self._holds = holds
        self._known: dict[frozenset[str], Losers] = {}

    def find(self, losses: Losses) -> Affected:
        """Who or what may lose something."""
        found = Affected(set(losses.users), set())
        for node_id in losses.nodes:
            found.objects.update(self._walk(node_id, self._below) or ())
        for (head, is_step), tails in _tails(losses).items():
            losers = self._losers(frozenset(tails))
            if losers.users:
                self._add_side_with_fewer_holds(found, losers, head, is_step)
        return found

    def _losers(self, tails: frozenset[str]) -> Losers:
        """The connected users who reach one of these. Many edges have the same: of a role that loses much."""
        known = self._known.get(tails)
        if known is None:
            users = set[str]().union(*map(self._closures.holders, tails))
            known = self._known[tails] = Losers(users, self._holds.of_principals(users))
        return known

    def _add_side_with_fewer_holds(self, found: Affected, losers: Losers, head: str, is_step: bool) -> None:
        limit = losers.holds
        objects = self._walk(head, self._behind if is_step else self._below, limit)
        if objects is None or self._holds.on_objects(objects) > limit:
            found.principals.update(losers.users)
        else:
            found.objects.update(objects)

    # --- the walk -----------------------------------------------------------------------------

    def _walk(self, start: str, onward: Callable[[str], Ways], limit: float = math.inf) -> set[str] | None:
        """The nodes that are found from the start; None if more than so many must be looked at."""
        seen = {start}
        pending = [start]
        while pending:
            ways = onward(pending.pop())
            limit -= sum(map(len, ways))
            if limit < 0:
                return None
            new = [node_id for way in ways for node_id in way if node_id not in seen]
            seen.update(new)
            pending.extend(new)
        return seen

    def _below(self, node_id: str) -> Ways:
        return (self._tree.children(node_id),)

    def _behind(self, node_id: str) -> Ways:
        """What a project owns counts if it is in the tree; a role passes on by its links, a user by its roles too."""
        children = self._tree.children(node_id)
        node = self._graph.node(node_id)
        if node is None or node.kind not in _LINKED_ON:
            return (children,)
        return children, self._graph.links_from(node_id), self._graph.steps(node_id)


def _tails(losses: Losses) -> dict[tuple[str, bool], set[str]]:
    """For each head of an edge, and whether a walk went on from there, the tails."""
    tails: dict[tuple[str, bool], set[str]] = {}
    for tail, head, is_step in losses.edges:
        tails.setdefault((head, is_step), set()).add(tail)
    return tails
