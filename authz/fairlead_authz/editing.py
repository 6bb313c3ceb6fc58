"""Working out what changes come to, with everything that can be wrong with them.

An `Edit` applies changes one after the other to the graph itself, so that each is judged by those before it,
and takes them all back before anybody else can look: it must not be awaited in between. What remains is a
changeset, which the funnel commits and then makes for good.

Who lacks a right is told so and nothing else: whether there is such an object is not for it to know. Only
administrators hear `no_such_object`.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from msgspec.structs import replace

from fairlead_authz.changes import MAX_NAME, Change, Delete, Grant, Put, Revoke, check_id
from fairlead_authz.changeset import Changeset
from fairlead_authz.closures import FreshClosures
from fairlead_authz.errors import Conflict, NoSuchObject, NoSuchUser
from fairlead_authz.graph import ADMIN, ALL_USERS, ANONYMOUS_USER, OWNERS, SYSTEM, WELL_KNOWN, Graph, Node, is_step
from fairlead_authz.levels import MANAGE, NAMES, NONE, NUMBERS, READ, WRITE
from fairlead_authz.rights import Policy, Rights
from fairlead_router.errors import InvalidArgument, NotAuthorized


class Actor(NamedTuple):
    """Who makes a change."""

    user: str
    is_admin: bool


def work_out(graph: Graph, changes: Iterable[Change], actor: Actor, policy: Policy) -> Changeset:
    """What the changes come to; the graph stays as it is. Raises a RequestError if one of them is refused."""
    edit = Edit(graph, actor, policy)
    try:
        for change in changes:
            edit.apply(change)
    finally:
        edit.changeset.take_back(graph)
    return edit.changeset


class Edit:
    """Changes to a graph, in progress."""

    def __init__(self, graph: Graph, actor: Actor, policy: Policy) -> None:
        self.changeset = Changeset()
        self._graph = graph
        self._actor = actor
        self._closures = FreshClosures(graph)
        self._rights = Rights(graph, self._closures, policy)

    def apply(self, change: Change) -> None:
        """Apply one change. Raises a RequestError; then the changes before it must be taken back."""
        if self._actor.user == ANONYMOUS_USER and not self._actor.is_admin:
            raise NotAuthorized("an anonymous session may change nothing: join with a token")
        _APPLY[type(change)](self, change)

    # --- the changes --------------------------------------------------------------------------

    def put(self, change: Put) -> None:
        """Create or change a node."""
        known = self._graph.node(check_id(change.id))
        self._check_fields(change)
        if known is None:
            self._create(change)
        else:
            self._change(change, known)

    def delete(self, change: Delete) -> None:
        """Remove a node and its links."""
        node = self._existing(change.id)
        self._refuse_well_known(node, "deleted")
        if node.kind in ("user", "role"):
            self._require_admin(f"delete the {node.kind} {node.id!r}")
        else:
            self._require(WRITE, node.id)
        owned = self._graph.owned(node.id)
        if owned:
            raise Conflict(f"{node.kind} {node.id!r} still owns {len(owned)}, {next(iter(owned))!r} for one")
        for head in list(self._graph.links_from(node.id)):
            self._link(node.id, head, NONE)
        for tail in list(self._graph.links_to(node.id)):
            self._link(tail, node.id, NONE)
        self._set(node.id, None)

    def grant(self, change: Grant) -> None:
        """Raise a link to a level; a higher one stays."""
        self._check_link(change)
        level = NUMBERS[change.level]
        if level > self._graph.link_level(change.user, change.object):
            self._link(change.user, change.object, level)

    def revoke(self, change: Revoke) -> None:
        """Lower a link to below a level; a link that is not there is no error, the right is gone either way."""
        self._check_link(change)
        level = NUMBERS[change.level] - 1
        if level < self._graph.link_level(change.user, change.object):
            self._link(change.user, change.object, level)

    # --- creating and changing nodes ----------------------------------------------------------

    def _create(self, change: Put) -> None:
        owner = self._new_owner(change)
        is_active = change.is_active is not False
        self._set(change.id, Node(change.id, change.kind, owner, change.name or "", bool(change.is_admin), is_active))
        if change.kind == "user":
            self._link(change.id, ALL_USERS, WRITE)
            self._link(ALL_USERS, change.id, READ)
        elif change.kind == "role" and self._actor.user in self._graph.nodes:
            self._link(self._actor.user, change.id, MANAGE)

    def _new_owner(self, change: Put) -> str:
        if change.kind in ("user", "role"):
            self._require_admin(f"make the {change.kind} {change.id!r}")
            if change.owner not in (None, SYSTEM):
                raise Conflict(f"{change.kind} {change.id!r} is owned by {SYSTEM!r}, not {change.owner!r}")
            return SYSTEM
        default = SYSTEM if self._actor.user == ANONYMOUS_USER else self._actor.user
        owner = default if change.owner is None else change.owner
        self._check_owner(change.id, owner)
        self._require(WRITE, owner)
        return owner

    def _change(self, change: Put, known: Node) -> None:
        if known.kind == "user":
            self._require_admin(f"change the user {known.id!r}")
        owner = known.owner if change.owner is None else change.owner
        if owner != known.owner:
            self._check_move(known, owner)
        else:
            self._require(MANAGE if known.kind == "role" else WRITE, known.id)
        if change.kind != known.kind:
            raise Conflict(f"{known.id!r} is a {known.kind} already and cannot become a {change.kind}")
        name = known.name if change.name is None else change.name
        is_admin = known.is_admin if change.is_admin is None else change.is_admin
        is_active = known.is_active if change.is_active is None else change.is_active
        changed = replace(known, owner=owner, name=name, is_admin=is_admin, is_active=is_active)
        self._set(known.id, changed)

    def _check_move(self, node: Node, owner: str) -> None:
        self._refuse_well_known(node, "moved")
        self._require(WRITE, node.owner)
        self._require(WRITE, owner)
        if node.kind in ("user", "role"):
            raise Conflict(f"{node.kind} {node.id!r} is owned by {SYSTEM!r} and cannot be moved")
        self._check_owner(node.id, owner)

    def _check_owner(self, node_id: str, owner: str) -> None:
        node = self._graph.node(owner)
        if node is None:
            self._require(WRITE, owner)
            raise NoSuchObject(f"owner {owner!r} of {node_id!r} does not exist", id=owner)
        if node.kind not in OWNERS:
            raise Conflict(f"owner {owner!r} of {node_id!r} is a {node.kind}; only a user or a project can own")
        if owner == ANONYMOUS_USER:
            raise Conflict(f"{node_id!r} cannot be owned by {owner!r}: everybody without a token could manage it")
        if node_id == owner or node_id in self._graph.owners(owner):
            raise Conflict(f"{node_id!r} cannot be owned by {owner!r}, which it owns itself")

    def _check_fields(self, change: Put) -> None:
        if change.name is not None and (len(change.name) > MAX_NAME or "\0" in change.name):
            raise InvalidArgument(f"the name of {change.id!r} must have at most {MAX_NAME} characters, and none U+0000")
        if change.is_admin is None and change.is_active is None:
            return
        if change.kind != "user":
            raise InvalidArgument(f"is_admin and is_active belong to users; {change.id!r} is a {change.kind}")
        if change.id == ADMIN and (change.is_admin is False or change.is_active is False):
            raise Conflict(f"user {ADMIN!r} stays an active administrator: somebody must be able to come in")
        if change.id in (SYSTEM, ANONYMOUS_USER):
            raise Conflict(f"user {change.id!r} belongs to every store: nobody logs in as it, so it stays as it is")

    def _check_link(self, change: Grant | Revoke) -> None:
        self._require(MANAGE, change.object)
        if change.object not in self._graph.nodes:
            raise NoSuchObject(f"object {change.object!r} does not exist", id=change.object)
        tail = self._graph.node(change.user)
        if tail is None:
            raise NoSuchUser(f"user {change.user!r} does not exist", id=change.user)
        if tail.kind not in ("user", "role"):
            raise Conflict(f"{change.user!r} is a {tail.kind}; only a user or a role can be granted a right")

    # --- rights -------------------------------------------------------------------------------

    def _existing(self, node_id: str) -> Node:
        node = self._graph.node(node_id)
        if node is None:
            self._require(WRITE, node_id)
            raise NoSuchObject(f"{node_id!r} does not exist", id=node_id)
        return node

    def _require(self, level: int, object_id: str) -> None:
        if not self._actor.is_admin and not self._rights.can(self._actor.user, level, object_id):
            raise NotAuthorized(f"{self._actor.user!r} may not {NAMES[level]} {object_id!r}")

    def _require_admin(self, what: str) -> None:
        if not self._actor.is_admin:
            raise NotAuthorized(f"{self._actor.user!r} may not {what}: that is for administrators")

    def _refuse_well_known(self, node: Node, verb: str) -> None:
        if node.id in WELL_KNOWN:
            raise Conflict(f"{node.kind} {node.id!r} belongs to every store and cannot be {verb}")

    # --- the graph ----------------------------------------------------------------------------

    def _set(self, node_id: str, node: Node | None) -> None:
        known = self._graph.node(node_id)
        if node is None:
            self._graph.remove(node_id)
        else:
            self._graph.put(node)
        self.changeset.set_node(node_id, known, node)
        self._step_may_have_changed(node or known)

    def _link(self, tail: str, head: str, level: int) -> None:
        self.changeset.set_link(tail, head, self._graph.link_level(tail, head), level)
        self._graph.link(tail, head, level)
        self._step_may_have_changed(self._graph.node(head))

    def _step_may_have_changed(self, head: Node | None) -> None:
        if head is None or is_step(head, MANAGE):
            self._closures.clear()


_APPLY: dict[type[Change], Callable[[Edit, Any], None]] = {
    Put: Edit.put,
    Delete: Edit.delete,
    Grant: Edit.grant,
    Revoke: Edit.revoke,
}
