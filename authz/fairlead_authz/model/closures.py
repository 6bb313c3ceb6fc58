"""The closures of those who are asked about: kept for connected users, and for others as long as there is room.

A change of the graph marks the closures that it touches as stale, and no more; a stale one is made anew when its
user is next asked about. An index from node to user says whose closures hold a node, so who is touched by a change
there, and who may have lost something by it (affected.py).

Until a stale closure is made anew its old nodes stay in the index. That is enough to find whoever loses something:
take a right that something live rests on, which was judged and has not been bumped since. The closure that is in the
index was made then or later, and at that time some path gave the right; all nodes of the path are in the index. A
change that takes an edge of that path finds the user by the edge's tail, and bumps. So as long as nothing was bumped
the whole path is still there, stale or not, and whatever takes it next is found too. What a user has gained since
matters to nothing that is live: before anything could rest on it, the closure would have been made anew. Whoever gains
something is found in the same way (gains.py), since of its new path, too, what comes before the first new edge is in
the index.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from fairlead_authz.model.closure import Closure
from fairlead_authz.model.graph import Graph, Node

CLOSURES_KEPT = 10_000
"""Of users without a session: those asked about lately. A kB or so each."""


class ClosureSource(Protocol):
    """Where rights.py finds closures: those of now, or of before a change."""

    def of(self, user: str) -> Closure: ...


class FreshClosures:
    """Closures of a graph that is being changed by somebody who says which steps have changed."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[str, Closure] = {}
        self._walked: set[str] = set()
        self.walked_again = 0
        """Nodes that were walked over to make closures anew that had been made before."""

    def of(self, user: str) -> Closure:
        """What the user reaches."""
        closure = self._known.get(user)
        if closure is None:
            closure = self._known[user] = Closure(self._graph, user)
            if user in self._walked:
                self.walked_again += len(closure.owning)
            self._walked.add(user)
        return closure

    def add_step(self, tail: str, head: Node, level: int) -> None:
        """There is a new edge to walk on from, or a stronger one.

        Where it leads no further, as to a new project, that is all.
        """
        if not head.is_group or self._graph.steps(head.id):
            self.touch(tail)
            return
        for closure in self._known.values():
            closure.add_end(tail, head.id, level)

    def touch(self, *tails: str) -> None:
        """The steps from these nodes have changed."""
        stale = [user for user, closure in self._known.items() if not closure.followed.keys().isdisjoint(tails)]
        for user in stale:
            del self._known[user]


class Closures:
    """The closures of one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._sessions: Counter[str] = Counter()
        self._known: dict[str, Closure] = {}
        self._stale: set[str] = set()
        self._others: OrderedDict[str, None] = OrderedDict()
        self._holders: dict[str, set[str]] = {}

    def of(self, user: str) -> Closure:
        """What the user reaches."""
        closure = self._known.get(user)
        if closure is None or user in self._stale:
            closure = self._make(user, closure)
        if user in self._others:
            self._others.move_to_end(user)
        return closure

    def connect(self, user: str) -> None:
        """A session of the user has opened: its closure stays."""
        self._sessions[user] += 1
        self._others.pop(user, None)
        self.of(user)

    def disconnect(self, user: str) -> None:
        """A session of the user has ended; with the last one its closure is like any other's."""
        self._sessions[user] -= 1
        if self._sessions[user] == 0:
            del self._sessions[user]
            self._keep_for_now(user)

    @property
    def connected(self) -> Iterable[str]:
        """The users who hold a session."""
        return self._sessions.keys()

    def holders(self, node_id: str) -> set[str]:
        """The connected users who may reach this node in a way that extends to what it owns or is linked to."""
        return self._holders.get(node_id, _NOBODY) & self._sessions.keys()

    def touch(self, tails: Iterable[str]) -> None:
        """The steps from these nodes have changed: closures that hold one of them are stale."""
        for tail in tails:
            self._stale |= self._holders.get(tail, _NOBODY)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The graph is another for now, and nothing that is asked about it meanwhile is remembered."""
        kept = self._known, self._stale, self._others, self._holders
        self._known, self._stale, self._others, self._holders = {}, set(), OrderedDict(), {}
        try:
            yield
        finally:
            self._known, self._stale, self._others, self._holders = kept

    def _make(self, user: str, before: Closure | None) -> Closure:
        self._stale.discard(user)
        closure = self._known[user] = Closure(self._graph, user)
        old = {} if before is None else before.owning
        self._take_out(user, old.keys() - closure.owning.keys())
        for node_id in closure.owning.keys() - old.keys():
            self._holders.setdefault(node_id, set()).add(user)
        if before is None and user not in self._sessions:
            self._keep_for_now(user)
        return closure

    def _keep_for_now(self, user: str) -> None:
        self._others[user] = None
        while len(self._others) > CLOSURES_KEPT:
            oldest, _ = self._others.popitem(last=False)
            self._take_out(oldest, self._known.pop(oldest).owning)
            self._stale.discard(oldest)

    def _take_out(self, user: str, node_ids: Iterable[str]) -> None:
        for node_id in node_ids:
            users = self._holders[node_id]
            users.discard(user)
            if not users:
                del self._holders[node_id]


_NOBODY: Final[set[str]] = set()
