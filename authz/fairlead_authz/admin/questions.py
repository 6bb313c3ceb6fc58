"""The procedures that ask about the graph: check, get, list, members.

Who may ask: about oneself everybody, as far as one may see the thing; about others whoever manages it.
"""

from typing import TYPE_CHECKING, Any, ClassVar, get_args

import msgspec

from fairlead_authz.admin.asking import find, level_of
from fairlead_authz.admin.listing import candidates, first_ids
from fairlead_authz.admin.pages import PAGE_ENTRIES, checked_limit, paged
from fairlead_authz.changes import shown
from fairlead_authz.errors import Conflict
from fairlead_authz.graph import Kind
from fairlead_authz.levels import NAMES
from fairlead_router.errors import InvalidArgument, NotAuthorized
from fairlead_router.rpc.call import Call

if TYPE_CHECKING:
    from fairlead_authz.authz import Authz
    from fairlead_authz.state import State

KINDS: tuple[str, ...] = get_args(Kind)


class CheckArguments(msgspec.Struct):
    """`check`."""

    positional: ClassVar[tuple[str, ...]] = ("user", "level", "object")
    user: str
    level: str
    object: str


class GetArguments(msgspec.Struct):
    """`get`."""

    positional: ClassVar[tuple[str, ...]] = ("id",)
    id: str


class ListArguments(msgspec.Struct):
    """`list`."""

    positional: ClassVar[tuple[str, ...]] = ()
    kind: str | None = None
    owner: str | None = None
    after: str = ""
    limit: int = PAGE_ENTRIES


class MembersArguments(msgspec.Struct):
    """`members`."""

    positional: ClassVar[tuple[str, ...]] = ("role",)
    role: str
    after: str = ""
    limit: int = PAGE_ENTRIES


class Questions:
    """Answers from the graph as it is."""

    def __init__(self, authz: "Authz", state: "State") -> None:
        self._authz = authz
        self._graph = state.graph
        self._closures = state.closures

    def check(self, call: Call) -> dict[str, Any]:
        """Whether a user has a level on an object, and why."""
        arguments = call.arguments(CheckArguments)
        user, level, object_id = arguments.user, level_of(arguments.level), arguments.object
        own = call.caller.principal.authid
        is_manager = call.caller.can("manage", object_id)
        if user != own and not is_manager:
            raise NotAuthorized(f"{own!r} may not ask what {user!r} may do to {object_id!r}: that needs manage on it")
        if user != own and not call.caller.can("read", user):
            return {"allowed": False, "why": f"there is no user {user!r}"}
        allowed = self._authz.can(user, level, object_id)
        if allowed or is_manager or call.caller.can("read", object_id):
            return {"allowed": allowed, "why": self._authz.explain(user, level, object_id)}
        return {"allowed": False, "why": f"no grant or ownership leads from {user} to {object_id}, if there is one"}

    def get(self, call: Call) -> dict[str, Any]:
        """What is known of a user, group or object that the caller may read."""
        return self._described(find(self._graph, call, "read", call.arguments(GetArguments).id).id)

    async def list_readable(self, call: Call) -> dict[str, Any]:
        """What the caller may read: of a kind, of an owner, or all."""
        arguments = call.arguments(ListArguments)
        limit = checked_limit(arguments.limit)
        kind = arguments.kind
        if kind is not None and kind not in KINDS:
            raise InvalidArgument(f"kind {shown(kind)} must be one of {', '.join(KINDS)}")

        def fits(id_: str) -> bool:
            node = self._graph.node(id_)
            return node is not None and kind in (None, node.kind) and call.caller.can("read", id_)

        ids = self._candidates(call, arguments.owner)
        found = await first_ids(ids, arguments.after, limit + 1, fits)
        objects, after = paged(((id_, self._described(id_)) for id_ in found if fits(id_)), limit)
        return {"objects": objects, "after": after}

    async def members(self, call: Call) -> dict[str, Any]:
        """Who is in a role: users, and roles that are in it. Others than its managers see themselves only."""
        arguments = call.arguments(MembersArguments)
        limit = checked_limit(arguments.limit)
        role = find(self._graph, call, "read", arguments.role)
        if role.kind != "role":
            raise Conflict(f"{role.id!r} is a {role.kind}: only a role has members")

        def fits(tail: str) -> bool:
            return tail in self._graph.links_to(role.id) and self._may_see_link(call, tail, role.id)

        found = await first_ids(list(self._graph.links_to(role.id)), arguments.after, limit + 1, fits)
        members, after = paged(((tail, self._member(tail, role.id)) for tail in found if fits(tail)), limit)
        return {"role": role.id, "members": members, "after": after}

    # --- helpers ------------------------------------------------------------------------------

    def _candidates(self, call: Call, owner: str | None) -> list[str]:
        if owner is not None:
            return list(self._graph.owned(owner))
        principal = call.caller.principal
        if self._authz.actor(principal).is_admin:
            return list(self._graph.nodes)
        return list(candidates(self._graph, self._closures, principal.authid))

    def _described(self, id_: str) -> dict[str, Any]:
        described: dict[str, Any] = msgspec.to_builtins(self._graph.nodes[id_])
        return described

    def _member(self, tail: str, role: str) -> dict[str, Any]:
        node = self._graph.nodes[tail]
        level = NAMES[self._graph.link_level(tail, role)]
        return {"id": tail, "kind": node.kind, "name": node.name, "level": level}

    def _may_see_link(self, call: Call, tail: str, head: str) -> bool:
        """Whoever manages the head sees who has what on it, and everybody what is their own (Arvados' rule R6)."""
        return tail == call.caller.principal.authid or call.caller.can("manage", head)
