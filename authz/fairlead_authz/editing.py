"""Making changes to a graph, with everything that can be wrong with them, and taking them back.

An `Edit` applies changes one after the other to the graph itself and remembers how to take them back, the
rows that the store must write, and what the gate must hear of. The funnel uses it twice in turns of the
loop of their own: to find out whether the changes may be made, and to make them when they are durable.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from fairlead_authz.changes import Change, Delete, Grant, Put, Revoke, check_id
from fairlead_authz.errors import Conflict, NoSuchObject, NoSuchUser
from fairlead_authz.graph import ADMIN, ALL_USERS, SYSTEM, WELL_KNOWN, Graph, Node
from fairlead_authz.levels import MANAGE, NAMES, NUMBERS, READ, WRITE
from fairlead_authz.rights import Rights
from fairlead_router.errors import InvalidArgument, NotAuthorized


class Actor(NamedTuple):
    """Who makes a change."""

    user: str
    is_admin: bool


class Edit:
    """Changes to a graph, in progress."""

    def __init__(self, graph: Graph, actor: Actor) -> None:
        self.nodes: dict[str, Node | None] = {}
        """Rows to write: None deletes."""
        self.links: dict[tuple[str, str], int] = {}
        """Rows to write: 0 deletes."""
        self.touched: set[str] = set()
        """Nodes whose edges changed: what rests on them must be judged anew."""
        self.objects_lost: set[str] = set()
        """Objects that were moved or removed."""
        self.users_ended: set[str] = set()
        """Users who may have no session any more."""
        self.takes_away = False
        """Whether anybody can have lost anything."""
        self._graph = graph
        self._actor = actor
        self._rights = Rights(graph)
        self._undo: list[Callable[[], None]] = []

    def apply(self, changes: list[Change]) -> None:
        """Apply them in order. If one is refused all are taken back, and its RequestError goes on."""
        try:
            for change in changes:
                _APPLY[type(change)](self, change)
        except BaseException:
            self.take_back()
            raise

    def take_back(self) -> None:
        """The graph is as it was before."""
        while self._undo:
            self._undo.pop()()

    # --- the changes --------------------------------------------------------------------------

    def put(self, change: Put) -> None:
        """Create or change a node."""
        known = self._graph.nodes.get(check_id(change.id))
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
            self._link(node.id, head, 0)
        for tail in list(self._graph.links_to(node.id)):
            self._link(tail, node.id, 0)
        self._set(node.id, None)
        self._takes_away()
        self.objects_lost.add(node.id)
        if node.kind == "user":
            self.users_ended.add(node.id)

    def grant(self, change: Grant) -> None:
        """Raise a link to a level; a higher one stays."""
        self._check_link(change)
        level = NUMBERS[change.level]
        known = self._graph.links_from(change.user).get(change.object, 0)
        if level > known:
            self._link(change.user, change.object, level)

    def revoke(self, change: Revoke) -> None:
        """Lower a link to below a level; a link that is not there is no error, the right is gone either way."""
        self._check_link(change)
        level = NUMBERS[change.level] - 1
        known = self._graph.links_from(change.user).get(change.object, 0)
        if level < known:
            self._link(change.user, change.object, level)
            self._takes_away(change.user)

    # --- creating and changing nodes ----------------------------------------------------------

    def _create(self, change: Put) -> None:
        if change.kind in ("user", "role"):
            self._require_admin(f"make the {change.kind} {change.id!r}")
            if change.owner not in (None, SYSTEM):
                raise Conflict(f"{change.kind} {change.id!r} is owned by {SYSTEM!r}, not {change.owner!r}")
            owner = SYSTEM
        else:
            owner = change.owner or self._actor.user
            self._check_owner(change.id, owner)
            self._require(WRITE, owner)
        self._check_user_fields(change)
        is_active = change.is_active is not False
        self._set(
            change.id,
            Node(change.id, change.kind, owner, change.name or "", bool(change.is_admin), is_active),
        )
        if change.kind == "user":
            self._link(change.id, ALL_USERS, WRITE)
            self._link(ALL_USERS, change.id, READ)

    def _change(self, change: Put, known: Node) -> None:
        if change.kind != known.kind:
            raise Conflict(f"{known.id!r} is a {known.kind} already and cannot become a {change.kind}")
        owner = change.owner or known.owner
        if owner != known.owner:
            self._check_move(known, owner)
        elif known.kind == "user":
            self._require_admin(f"change the user {known.id!r}")
        else:
            self._require(WRITE if known.kind != "role" else MANAGE, known.id)
        self._check_user_fields(change)
        is_admin = known.is_admin if change.is_admin is None else change.is_admin
        is_active = known.is_active if change.is_active is None else change.is_active
        name = known.name if change.name is None else change.name
        self._set(known.id, Node(known.id, known.kind, owner, name, is_admin, is_active))
        if owner != known.owner:
            self._takes_away()
            self.objects_lost.add(known.id)
        if known.is_admin and not is_admin:
            self._takes_away(known.id)
        if known.is_active and not is_active:
            self._takes_away(known.id)
            self.users_ended.add(known.id)

    def _check_move(self, node: Node, owner: str) -> None:
        self._refuse_well_known(node, "moved")
        if node.kind in ("user", "role"):
            raise Conflict(f"{node.kind} {node.id!r} is owned by {SYSTEM!r} and cannot be moved")
        self._check_owner(node.id, owner)
        self._require(WRITE, node.owner)
        self._require(WRITE, owner)

    def _check_owner(self, node_id: str, owner: str) -> None:
        node = self._graph.nodes.get(owner)
        if node is None:
            self._require(WRITE, owner)
            raise NoSuchObject(f"owner {owner!r} of {node_id!r} does not exist", id=owner)
        if node.kind not in ("user", "project"):
            raise Conflict(f"owner {owner!r} of {node_id!r} is a {node.kind}; only a user or a project can own")
        if node_id == owner or node_id in self._graph.owners(owner):
            raise Conflict(f"{node_id!r} cannot be owned by {owner!r}, which it owns itself")

    def _check_user_fields(self, change: Put) -> None:
        if change.is_admin is None and change.is_active is None:
            return
        if change.kind != "user":
            raise InvalidArgument(f"is_admin and is_active belong to users; {change.id!r} is a {change.kind}")
        self._require_admin("set is_admin or is_active")
        if change.id == ADMIN and (change.is_admin is False or change.is_active is False):
            raise Conflict(f"user {ADMIN!r} stays an active administrator: somebody must be able to come in")

    def _check_link(self, change: Grant | Revoke) -> None:
        self._require(MANAGE, change.object)
        if change.object not in self._graph.nodes:
            raise NoSuchObject(f"object {change.object!r} does not exist", id=change.object)
        tail = self._graph.nodes.get(change.user)
        if tail is None:
            raise NoSuchUser(f"user {change.user!r} does not exist", id=change.user)
        if tail.kind not in ("user", "role"):
            raise Conflict(f"{change.user!r} is a {tail.kind}; only a user or a role can be granted a right")

    # --- rights -------------------------------------------------------------------------------

    def _existing(self, node_id: str) -> Node:
        node = self._graph.nodes.get(node_id)
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
        known = self._graph.nodes.get(node_id)
        self._put_or_remove(node_id, node)
        self._undo.append(partial(self._put_or_remove, node_id, known))
        self.nodes[node_id] = node
        for version in (known, node):
            if version is not None and version.kind != "object":
                self._touch(node_id, version.owner)

    def _put_or_remove(self, node_id: str, node: Node | None) -> None:
        if node is None:
            self._graph.remove(node_id)
        else:
            self._graph.put(node)

    def _link(self, tail: str, head: str, level: int) -> None:
        known = self._graph.links_from(tail).get(head, 0)
        self._graph.link(tail, head, level)
        self._undo.append(partial(self._graph.link, tail, head, known))
        self.links[tail, head] = level
        self._touch(tail)

    def _touch(self, *node_ids: str) -> None:
        self.touched.update(node_ids)
        self._rights.forget(node_ids)

    def _takes_away(self, *node_ids: str) -> None:
        self.takes_away = True
        self._touch(*node_ids)


_APPLY: dict[type, Callable[[Edit, object], None]] = {
    Put: Edit.put,  # type: ignore[dict-item]
    Delete: Edit.delete,  # type: ignore[dict-item]
    Grant: Edit.grant,  # type: ignore[dict-item]
    Revoke: Edit.revoke,  # type: ignore[dict-item]
}
