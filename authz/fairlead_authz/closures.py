"""The closures of those who are asked about: kept for connected users, and for others as long as there is room.

An index by node says whose closure holds it, so that a change makes anew only what it touches: the closures
of connected users at once, since what they lost is wanted; those of others when they are next asked about.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from fairlead_authz.closure import Closure
from fairlead_authz.graph import Graph

CLOSURES_KEPT = 10_000
"""Of users without a session: those asked about lately. A kB or so each."""


class ClosureSource(Protocol):
    """Where rights.py finds closures: those of now, or of before a change."""

    def of(self, user: str) -> Closure: ...


class Remade(NamedTuple):
    """A connected user's closure before and after a change."""

    before: Closure
    after: Closure


class FreshClosures:
    """Closures of a graph that is being changed: kept until somebody says that a step has changed."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[str, Closure] = {}

    def of(self, user: str) -> Closure:
        """What the user reaches."""
        closure = self._known.get(user)
        if closure is None:
            closure = self._known[user] = Closure(self._graph, user)
        return closure

    def clear(self) -> None:
        """A step has changed."""
        self._known.clear()


class Closures:
    """The closures of one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._sessions: Counter[str] = Counter()
        self._connected: dict[str, Closure] = {}
        self._others: OrderedDict[str, Closure] = OrderedDict()
        self._holders: dict[str, set[str]] = {}

    def of(self, user: str) -> Closure:
        """What the user reaches."""
        closure = self._connected.get(user)
        if closure is not None:
            return closure
        closure = self._others.get(user)
        if closure is None:
            closure = self._others[user] = self._make(user)
            self._make_room()
        else:
            self._others.move_to_end(user)
        return closure

    def connect(self, user: str) -> None:
        """A session of the user has opened: its closure stays, and is kept true by `update`."""
        self._sessions[user] += 1
        if user not in self._connected:
            closure = self.of(user)
            del self._others[user]
            self._connected[user] = closure

    def disconnect(self, user: str) -> None:
        """A session of the user has ended; with the last one its closure is like any other's."""
        self._sessions[user] -= 1
        if self._sessions[user] == 0:
            del self._sessions[user]
            self._others[user] = self._connected.pop(user)
            self._make_room()

    @property
    def connected(self) -> Iterable[str]:
        """The users who hold a session."""
        return self._connected.keys()

    def holders(self, node_id: str) -> set[str]:
        """The connected users who reach this node in a way that could extend to what it owns or is linked to."""
        return {user for user in self._holders.get(node_id, ()) if user in self._connected}

    def update(self, tails: Iterable[str]) -> Mapping[str, Remade]:
        """The steps from these nodes have changed. Returns the connected users whose closures were made anew."""
        touched = {user for tail in tails for user in self._holders.get(tail, ())}
        remade: dict[str, Remade] = {}
        for user in touched:
            before = self._connected.get(user)
            if before is None:
                self._drop(self._others.pop(user))
            else:
                self._drop(before)
                self._connected[user] = self._make(user)
                remade[user] = Remade(before, self._connected[user])
        return remade

    def _make(self, user: str) -> Closure:
        closure = Closure(self._graph, user)
        for node_id in closure.owning:
            self._holders.setdefault(node_id, set()).add(user)
        return closure

    def _make_room(self) -> None:
        while len(self._others) > CLOSURES_KEPT:
            self._drop(self._others.popitem(last=False)[1])

    def _drop(self, closure: Closure) -> None:
        for node_id in closure.owning:
            users = self._holders[node_id]
            users.discard(closure.user)
            if not users:
                del self._holders[node_id]
