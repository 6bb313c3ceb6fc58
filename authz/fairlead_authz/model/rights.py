"""Who may do what, judged by what a user reaches (closure.py) and by the object's own links and owner.

A user has a level on X by reaching X, or by reaching X's owner in a traversing way. Three kinds differ:

- a group is read by reaching it only, not by its owner; and every active user reads every role (Policy);
- a container, and a content, has no permission of its own: who may read a request of the one, or a collection that
  holds the other, reads it, and nobody writes it;
- a log row is read by whoever may read what it is about.

Trash hides an object and all that it owns, from administrators too; a frozen project and what it owns cannot
be written, by administrators neither. Otherwise administrators may everything, and a user everything to its
own record. Levels do not include each other here: one who may manage a frozen project may not write it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from fairlead_authz.clock import now_us
from fairlead_authz.model.closures import ClosureSource
from fairlead_authz.model.graph import ALL_USERS, SHOWN_BY_SUBJECTS, GraphView, Node
from fairlead_authz.model.levels import MANAGE, NONE, READ, WRITE


class Policy(NamedTuple):
    """What rights depend on beside the graph."""

    now_us: Callable[[], int] = now_us
    roles_visible: bool = True
    """Whether every active user reads every role: Arvados' RoleGroupsVisibleToAll."""
    users_visible: bool = True
    """Whether users see each other: if not, the usual link from `all-users` to each user, with read, gives nothing
    (Arvados' ActivatedUsersAreVisibleToOthers, which leaves it out)."""

    def counts(self, tail: str, head: Node, level: int) -> bool:
        """Whether a link gives what it says."""
        return self.users_visible or tail != ALL_USERS or level != READ or head.kind != "user"


class Rights:
    """Answers questions about one graph at one time. The policy may be replaced."""

    def __init__(self, graph: GraphView, closures: ClosureSource, policy: Policy) -> None:
        self._graph = graph
        self._closures = closures
        self.policy = policy

    def can(self, user: str, level: int, object_id: str, include_trash: bool = False) -> bool:
        """Whether the user has this level on the object. An unknown user has none.

        `include_trash`: reading may look into the trash, though only administrators see what lies there in a
        frozen project. To administrators an unknown object is theirs: they get to hear that it does not exist.
        """
        who = self._graph.node(user)
        target = self._graph.node(object_id)
        if who is None or (target is None and not who.is_admin):
            return False
        if target is None or user == object_id:
            return True
        if level == READ:
            return self._may_read(who, target, include_trash) and not self._is_hidden(who, target, include_trash)
        return self._has(who, level, target) and not (level == WRITE and self.is_frozen(target))

    def depends_on_time(self, level: int, object_id: str) -> bool:
        """Whether `can` may answer otherwise later although nothing changes: the trash hides at a time that is set."""
        target = self._graph.node(object_id)
        if level != READ or target is None:
            return False
        if target.kind in SHOWN_BY_SUBJECTS or target.kind == "log":
            return True
        return any(node.trash_at_us is not None for node in self._chain(target))

    def may_see_links_to(self, user: str, head: str) -> bool:
        """Whether the user may read the records of all links to this head."""
        who = self._graph.node(user)
        if who is None:
            return False
        return who.is_admin or self._acts_as(user, head) or self.can(user, MANAGE, head)

    def may_see_links_from(self, user: str, tail: str) -> bool:
        """Whether the user may read the records of all links from this tail."""
        return self._graph.node(user) is not None and self._acts_as(user, tail)

    def reached(self, user: str, target: Node, enough: int = MANAGE) -> int:
        """The best level on a node by reaching it: as one that is traversed, or by a link from such a one.

        Once it is enough nothing better is looked for.
        """
        closure = self._closures.of(user)
        best = closure.owning.get(target.id, NONE)
        if best >= enough:
            return best
        followed, links = closure.followed, self._links_to(target)
        if len(links) <= len(followed):
            for tail, level in links.items():
                best = max(best, min(level, followed.get(tail, NONE)))
        else:
            for tail, level in followed.items():
                best = max(best, min(level, links.get(tail, NONE)))
        return best

    def reached_by_owner(self, user: str, target: Node) -> int:
        """The level on a node by reaching its owner in a way that extends to what it owns."""
        return self._closures.of(user).owning.get(target.owner, NONE)

    def is_trashed(self, target: Node) -> bool:
        """Whether it is in the trash, or in a project in the trash."""
        return self.trashed(target) is not None

    def trashed(self, target: Node) -> Node | None:
        """The nearest node whose trashing hides this one."""
        now_us = self.policy.now_us()
        for node in self._chain(target):
            if node.trash_at_us is not None and node.trash_at_us <= now_us:
                return node
        return None

    def is_frozen(self, target: Node) -> bool:
        """Whether it is a frozen project, or in one."""
        return self.frozen(target) is not None

    def frozen(self, target: Node) -> Node | None:
        """The nearest frozen project that keeps this node from being written."""
        for node in self._chain(target):
            if node.frozen_by is not None:
                return node
        return None

    # --- the levels ---------------------------------------------------------------------------

    def _may_read(self, who: Node, target: Node, include_trash: bool) -> bool:
        if who.is_admin:
            return True
        if target.kind in SHOWN_BY_SUBJECTS:
            subjects = map(self._graph.node, self._graph.subjects(target.id))
            return any(
                self.can(who.id, READ, each.id, include_trash)
                for each in subjects
                if each is not None and each.kind != "log"
            )
        if target.kind == "log":
            return target.about is not None and self.can(who.id, READ, target.about, include_trash)
        if target.kind == "role" and self.policy.roles_visible and who.is_active:
            return True
        return (not target.is_group and self.reached_by_owner(who.id, target) >= READ) or (
            self.reached(who.id, target, READ) >= READ
        )

    def _is_hidden(self, who: Node, target: Node, include_trash: bool) -> bool:
        return self.is_trashed(target) and not (include_trash and (who.is_admin or not self.is_frozen(target)))

    def _has(self, who: Node, level: int, target: Node) -> bool:
        if who.is_admin:
            return True
        if target.kind in SHOWN_BY_SUBJECTS:
            return False
        return self.reached_by_owner(who.id, target) >= level or self.reached(who.id, target, level) >= level

    def _acts_as(self, user: str, other: str) -> bool:
        """Whether the other is the user itself, or one whose rights it has too."""
        node = self._graph.node(other)
        return node is not None and node.kind == "user" and other in self._closures.of(user).followed

    def _links_to(self, target: Node) -> Mapping[str, int]:
        links = self._graph.links_to(target.id)
        if self.policy.users_visible or target.kind != "user":
            return links
        return {tail: level for tail, level in links.items() if self.policy.counts(tail, target, level)}

    def _chain(self, target: Node) -> Iterator[Node]:
        """The node, and the projects that it is in."""
        node: Node | None = target
        while node is not None:
            yield node
            if node.kind == "user" or node.owner == node.id:
                return
            owner = self._graph.node(node.owner)
            node = owner if owner is not None and owner.is_group else None
