"""Who may do what: judges by closures, which are kept for as long as no change touches them.

A right on X comes from one of the users as whom the user may act (itself first): by reaching X, or by
reaching X's owner in a way that extends to what it owns; reading a group is by reaching it only, as in
Arvados, where acting-as chains so stop half way. Administrators may everything. A user always may
everything to its own record.
"""

from collections import OrderedDict
from collections.abc import Iterable

from fairlead_authz.closure import Closure
from fairlead_authz.graph import ANONYMOUS_USER, Graph
from fairlead_authz.levels import READ

CLOSURES_KEPT = 10_000
"""Closures of users who asked lately: connected users and those asked about. Some kB each."""


class Rights:
    """Answers questions about one graph. Tell it what a change touched."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._closures: OrderedDict[str, Closure] = OrderedDict()

    def can(self, user: str, level: int, object_id: str) -> bool:
        """Whether the user has this level on the object. An unknown user may nothing, an administrator everything.

        Every active user reads every role, as Arvados' RoleGroupsVisibleToAll has it by default.
        """
        node = self._graph.nodes.get(user)
        if node is None:
            return False
        if node.is_admin or user == object_id:
            return True
        target = self._graph.nodes.get(object_id)
        if target is None:
            return False
        if level == READ and target.kind == "role" and node.is_active and user != ANONYMOUS_USER:
            return True
        return self.path(user, level, object_id) is not None

    def path(self, user: str, level: int, object_id: str) -> tuple[str, str] | None:
        """(as whom, by reaching what) the user has this level on the object, None if it has not."""
        target = self._graph.nodes[object_id]
        is_by_owner = level > READ or not target.is_group
        for persona in self.closure(user).personas(self._graph, level):
            closure = self.closure(persona)
            if closure.reach(object_id).level >= level:
                return persona, object_id
            if is_by_owner and closure.reach(target.owner).traversing >= level:
                return persona, target.owner
        return None

    def depends_on(self, user: str, touched: Iterable[str]) -> bool:
        """Whether what the user may do could rest on any of these nodes."""
        closure = self.closure(user)
        personas = [self.closure(persona) for persona in closure.personas(self._graph, READ)]
        return any(node_id in reached for node_id in touched for reached in personas)

    def forget(self, touched: Iterable[str]) -> None:
        """These nodes' edges changed: closures that hold one of them are void."""
        touched = list(touched)
        stale = [user for user, closure in self._closures.items() if any(node_id in closure for node_id in touched)]
        for user in stale:
            del self._closures[user]

    def closure(self, user: str) -> Closure:
        """What the user reaches, from memory if nothing has touched it."""
        closure = self._closures.get(user)
        if closure is None:
            closure = self._closures[user] = Closure(self._graph, user)
            if len(self._closures) > CLOSURES_KEPT:
                self._closures.popitem(last=False)
        else:
            self._closures.move_to_end(user)
        return closure
