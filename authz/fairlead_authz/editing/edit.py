"""A graph while it is edited: what every change needs to look up, to require and to set.

Who lacks a right is told so and nothing else: whether there is such an object is not for it to know. Only
administrators hear `no_such_object`.
"""

from typing import NamedTuple

from msgspec.structs import replace

from fairlead_authz.changes import Change, Put
from fairlead_authz.changeset import Changeset
from fairlead_authz.errors import Conflict, NoSuchObject
from fairlead_authz.model.closures import FreshClosures
from fairlead_authz.model.graph import ANONYMOUS_USER, WELL_KNOWN, Graph, Node, is_step
from fairlead_authz.model.levels import MANAGE, NAMES, NONE, READ, WRITE, level_of, merged_grant
from fairlead_authz.model.rights import Policy, Rights
from fairlead_router.errors import LimitExceeded, NotAuthorized

MAX_DIFFERENCES = 100_000
"""Nodes and links that one list may change: the members of a role that is deleted, the things of a user who is merged.
It is worked out and made in one turn of the loop, which so many hold up for a second."""


MAX_WALKED = 50_000
"""Nodes that are walked over anew for one list, because steps of what its actor reaches have changed: 50 ms. What is
added at the end of a walk, as new projects are, costs none of them; nor do administrators, who need reach nothing."""


MAX_DEPTH = 100
"""Projects in one another: whether something is in the trash or frozen is asked of all of them, for each message that
rests on it. Folders of people are some ten deep."""


class Actor(NamedTuple):
    """Who makes a change."""

    user: str
    is_admin: bool


class Edit:
    """Changes to a graph, in progress. The graph must not be awaited on until they are taken back."""

    def __init__(self, graph: Graph, actor: Actor, policy: Policy) -> None:
        self.changeset = Changeset()
        self.graph = graph
        self.actor = actor
        self.policy = policy
        self._closures = FreshClosures(graph)
        self.rights = Rights(graph, self._closures, policy)

    # --- requirements -------------------------------------------------------------------------

    def begin(self, change: Change) -> None:
        """A change of the list comes next. Raises NotAuthorized, LimitExceeded."""
        if self._closures.walked_again > MAX_WALKED:
            text = "the list changes too often what its actor reaches: make it in parts"
            raise LimitExceeded(text, limit="walked_per_list")
        self._require_active(change)

    def _require_active(self, change: Change) -> None:
        """Only active users change anything, but their own record. In an open realm anonymous sessions do too."""
        user, is_admin = self.actor
        if user == ANONYMOUS_USER:
            if not is_admin:
                raise NotAuthorized("an anonymous session may change nothing: join with a token")
            return
        node = self.graph.node(user)
        is_own = isinstance(change, Put) and change.id == user
        if is_own or (is_admin if node is None else node.is_active):
            return
        raise NotAuthorized(f"{user!r} is no active user and may change nothing but its own record")

    def require(self, level: int, object_id: str) -> None:
        """Raises NotAuthorized if the actor has not this level, or nobody may write because it is frozen."""
        user, is_admin = self.actor
        target = self.graph.node(object_id)
        frozen = None if level != WRITE or target is None else self.rights.frozen(target)
        is_allowed = is_admin or self.rights.can(user, level, object_id)
        if not is_allowed and (frozen is None or not self.rights.can(user, READ, object_id)):
            raise NotAuthorized(f"{user!r} may not {NAMES[level]} {object_id!r}")
        if frozen is not None:
            raise NotAuthorized(f"nobody may write {object_id!r}: {self.named(frozen)} is frozen")

    def named(self, project: Node) -> str:
        """A project around something that the actor knows of, by its name only if it may see it."""
        user, is_admin = self.actor
        is_seen = is_admin or self.rights.can(user, READ, project.id)
        return f"project {project.id!r}" if is_seen else "a project that it is in"

    def require_admin(self, what: str) -> None:
        """Raises NotAuthorized."""
        if not self.actor.is_admin:
            raise NotAuthorized(f"{self.actor.user!r} may not {what}: that is for administrators")

    def existing(self, node_id: str, level: int, what: str = "object") -> Node:
        """A node on which the actor has this level. Raises NotAuthorized, and NoSuchObject to administrators."""
        self.require(level, node_id)
        node = self.graph.node(node_id)
        if node is None:
            raise NoSuchObject(f"{what} {node_id!r} does not exist", id=node_id)
        return node

    def updatable(self, node_id: str) -> Node:
        """A node that the actor may change: a role by those who manage it, all else by those who write it.

        Raises NotAuthorized, and NoSuchObject to administrators.
        """
        node = self.existing(node_id, WRITE)
        if node.kind == "role":
            self.require(MANAGE, node_id)
        return node

    def require_shallow(self, node_id: str, owner: str) -> None:
        """Raises LimitExceeded if projects would lie too deep in one another with this one in that owner."""
        depth = 1 if owner in self.graph.users else 1 + sum(1 for _ in self.graph.owners(owner))
        level = [*self.graph.steps(node_id)]
        while level and depth <= MAX_DEPTH:
            depth += 1
            self._closures.walked_again += len(level)
            level = [head for project in level for head in self.graph.steps(project)]
        if depth > MAX_DEPTH:
            raise LimitExceeded(f"{node_id!r} would lie deeper than {MAX_DEPTH} projects", limit="project_depth")

    def refuse_well_known(self, node: Node, verb: str) -> None:
        """Raises Conflict for what belongs to every store."""
        if node.id in WELL_KNOWN:
            raise Conflict(f"{node.kind} {node.id!r} belongs to every store and cannot be {verb}")

    # --- the graph ----------------------------------------------------------------------------

    def set_node(self, node: Node) -> None:
        """Add or replace a node."""
        self._require_room()
        known = self.graph.node(node.id)
        self.graph.put(node)
        self.changeset.set_node(node.id, known, node)
        if known is None and is_step(node, MANAGE):
            self._closures.add_step(node.owner, node, MANAGE)
        elif known is not None and known.owner != node.owner:
            self._closures.touch(known.owner, node.owner)

    def remove_node(self, node: Node) -> None:
        """Remove a node that nothing hangs on any more; a user's sessions and tokens end, should there be a new one."""
        if node.kind == "user" and node.is_active:
            self.changeset.end_user(node.id)
        self.graph.remove(node.id)
        self.changeset.set_node(node.id, node, None)
        self._closures.touch(node.owner)

    def set_link(self, tail: str, head: str, granted: int) -> None:
        """Set what a link grants; 0 removes it."""
        self._require_room()
        before = self.graph.granted(tail, head)
        self.changeset.set_link(tail, head, before, granted)
        self.graph.link(tail, head, granted)
        self._closures_follow(tail, self.graph.node(head), level_of(before), level_of(granted))

    def raise_link(self, tail: str, head: str, granted: int) -> None:
        """Add to what a link grants: of two levels the higher one stays."""
        self.set_link(tail, head, merged_grant(self.graph.granted(tail, head), granted))

    def remove_links_from(self, tail: str) -> None:
        """Everything that the tail was granted goes."""
        for head in list(self.graph.links_from(tail)):
            self.set_link(tail, head, NONE)

    def remove_links_to(self, head: str) -> None:
        """Everything that was granted on the head goes."""
        for tail in list(self.graph.links_to(head)):
            self.set_link(tail, head, NONE)

    def shut_out(self, user: Node) -> None:
        """The user is no administrator and not active any more, and its sessions and tokens end."""
        if user.is_active:
            self.changeset.end_user(user.id)
        self.set_node(replace(user, is_active=False, is_admin=False))

    def _closures_follow(self, tail: str, head: Node | None, before: int, after: int) -> None:
        if head is None or not is_step(head, max(before, after)):
            return
        if after > before:
            self._closures.add_step(tail, head, after)
        else:
            self._closures.touch(tail)

    def _require_room(self) -> None:
        if len(self.changeset) >= MAX_DIFFERENCES:
            text = f"the list changes more than {MAX_DIFFERENCES} nodes and links: make it in parts"
            raise LimitExceeded(text, limit="differences_per_list")
