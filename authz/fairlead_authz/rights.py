"""Who may do what, judged by what a user reaches (closure.py) and by the object's own links and owner.

A user has a level on X by reaching X, or by reaching X's owner in a traversing way. Three kinds differ:

- a group is read by reaching it only, not by its owner; and every active user reads every role (Policy);
- a container has no permission of its own: who may read a request of it reads it, and nobody writes it;
- a log row is read by whoever may read what it is about.

Trash hides an object and all that it owns, from administrators too; a frozen project and what it owns cannot
be written, by administrators neither. Otherwise administrators may everything, and a user everything to its
own record. Levels do not include each other here: one who may manage a frozen project may not write it.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from fairlead_authz.clock import now_us
from fairlead_authz.closures import ClosureSource
from fairlead_authz.graph import GraphView, Node
from fairlead_authz.levels import NONE, READ, WRITE


class Policy(NamedTuple):
    """What rights depend on beside the graph."""

    now_us: Callable[[], int] = now_us
    roles_visible: bool = True
    """Whether every active user reads every role: Arvados' RoleGroupsVisibleToAll."""


class Rights:
    """Answers questions about one graph at one time."""

    def __init__(self, graph: GraphView, closures: ClosureSource, policy: Policy) -> None:
        self._graph = graph
        self._closures = closures
        self._policy = policy

    def can(self, user: str, level: int, object_id: str) -> bool:
        """Whether the user has this level on the object. An unknown user has none.

        To administrators an unknown object is theirs: they get to hear that it does not exist.
        """
        who = self._graph.node(user)
        target = self._graph.node(object_id)
        if who is None or (target is None and not who.is_admin):
            return False
        if target is None or user == object_id:
            return True
        if level == READ:
            return self._may_read(who, target) and not self.is_trashed(target)
        return self._has(who, level, target) and not (level == WRITE and self.is_frozen(target))

    def reached(self, user: str, target: Node) -> int:
        """The best level on a node by reaching it: as one that is traversed, or by a link from such a one."""
        closure = self._closures.of(user)
        best = closure.owning.get(target.id, NONE)
        followed, links = closure.followed, self._graph.links_to(target.id)
        if len(links) <= len(followed):
            for tail, level in links.items():
                best = max(best, min(level, followed.get(tail, NONE)))
        else:
            for tail, level in followed.items():
                best = max(best, min(level, self._graph.link_level(tail, target.id)))
        return best

    def reached_by_owner(self, user: str, target: Node) -> int:
        """The level on a node by reaching its owner in a way that extends to what it owns."""
        return self._closures.of(user).owning.get(target.owner, NONE)

    # --- the levels ---------------------------------------------------------------------------

    def _may_read(self, who: Node, target: Node) -> bool:
        if who.is_admin:
            return True
        if target.kind == "container":
            requests = map(self._graph.node, self._graph.subjects(target.id))
            return any(self.can(who.id, READ, each.id) for each in requests if each is not None and each.kind != "log")
        if target.kind == "log":
            return target.about is not None and self.can(who.id, READ, target.about)
        if target.kind == "role" and self._policy.roles_visible and who.is_active:
            return True
        return self.reached(who.id, target) >= READ or (
            not target.is_group and self.reached_by_owner(who.id, target) >= READ
        )

    def _has(self, who: Node, level: int, target: Node) -> bool:
        if who.is_admin:
            return True
        if target.kind == "container":
            return False
        return self.reached_by_owner(who.id, target) >= level or self.reached(who.id, target) >= level

    def is_trashed(self, target: Node) -> bool:
        now_us = self._policy.now_us()
        return any(node.trash_at_us is not None and node.trash_at_us <= now_us for node in self._chain(target))

    def is_frozen(self, target: Node) -> bool:
        return any(node.frozen_by is not None for node in self._chain(target))

    def _chain(self, target: Node) -> Iterator[Node]:
        """The node, and the projects that it is in."""
        node: Node | None = target
        while node is not None:
            yield node
            if node.kind == "user" or node.owner == node.id:
                return
            owner = self._graph.node(node.owner)
            node = owner if owner is not None and owner.is_group else None
