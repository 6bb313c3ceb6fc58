"""The procedures that ask about the graph: check, who, get, list, members.

Who may ask: about oneself everybody, as far as one may see the thing; about others whoever manages it.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import msgspec

from fairlead_authz.admin.asking import check_ids, checked_level, may_read
from fairlead_authz.admin.listing import candidates, first_ids, with_rests
from fairlead_authz.admin.pages import PAGE_ENTRIES, checked_limit, paged
from fairlead_authz.changes import shown
from fairlead_authz.errors import Conflict, NoSuchObject
from fairlead_authz.model.graph import Kind, Node, a
from fairlead_authz.model.levels import NUMBERS, granted_names
from fairlead_router.authorization import Level
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
    include_trash: bool = False


class WhoArguments(msgspec.Struct):
    """`who`."""

    positional: ClassVar[tuple[str, ...]] = ("level", "object")
    level: str
    object: str
    after: str = ""
    limit: int = PAGE_ENTRIES


class GetArguments(msgspec.Struct):
    """`get`."""

    positional: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    include_trash: bool = False


class ListArguments(msgspec.Struct):
    """`list`."""

    positional: ClassVar[tuple[str, ...]] = ()
    kind: str | None = None
    owner: str | None = None
    include_trash: bool = False
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
        self._rights = state.rights
        self._who = state.who

    def check(self, call: Call) -> dict[str, Any]:
        """Whether a user has a level on an object, and why."""
        arguments = call.arguments(CheckArguments)
        user, level, object_id = arguments.user, checked_level(arguments.level), arguments.object
        check_ids(user, object_id)
        own = call.caller.principal.authid
        is_manager = call.caller.can("manage", object_id)
        if user != own and not is_manager:
            raise NotAuthorized(f"{own!r} may not ask what {user!r} may do to {object_id!r}: that needs manage on it")
        if user != own and not call.caller.can("read", user):
            return {"allowed": False, "why": f"there is no user {user!r}"}
        allowed = self._authz.can(user, level, object_id)
        if not allowed and arguments.include_trash and self._rights.can(user, NUMBERS[level], object_id, True):
            return {"allowed": True, "why": f"{object_id} is in the trash, where {user} may still {level} it"}
        if allowed or is_manager or call.caller.can("read", object_id):
            return {"allowed": allowed, "why": self._authz.explain(user, level, object_id)}
        return {"allowed": False, "why": f"no grant or ownership leads from {user} to {object_id}, if there is one"}

    async def who(self, call: Call) -> dict[str, Any]:
        """The users who have a level on an object that the caller manages, as far as it may see them."""
        arguments = call.arguments(WhoArguments)
        level, object_id, limit = checked_level(arguments.level), arguments.object, checked_limit(arguments.limit)
        self._existing(call, "manage", object_id)

        def is_seen(user: str) -> bool:
            return call.caller.can("read", user)

        def fits(user: str) -> bool:
            return self._authz.can(user, level, object_id) and is_seen(user)

        having = await with_rests(self._who.search(NUMBERS[level], object_id))
        found = await first_ids(having, arguments.after, limit + 1, is_seen)
        paths: dict[str, str] = {}
        for user in found:
            paths[user] = self._authz.explain(user, level, object_id)
            await asyncio.sleep(0)
        users, after = paged(((user, {"user": user, "via": paths[user]}) for user in found if fits(user)), limit)
        return {"users": users, "after": after}

    def get(self, call: Call) -> dict[str, Any]:
        """What is known of a user, group or object that the caller may read."""
        arguments = call.arguments(GetArguments)
        check_ids(arguments.id)
        if not may_read(self._rights, call, arguments.id, arguments.include_trash):
            if may_read(self._rights, call, arguments.id, include_trash=True):
                raise NotAuthorized(f"{arguments.id!r} is in the trash: ask with include_trash (the command: --trash)")
            raise NotAuthorized(f"{call.caller.principal.authid!r} may not read {arguments.id!r}")
        call.show_while(lambda: may_read(self._rights, call, arguments.id, arguments.include_trash))
        return _described(self._node(arguments.id))

    async def list_readable(self, call: Call) -> dict[str, Any]:
        """What the caller may read: of a kind, of an owner, or all."""
        arguments = call.arguments(ListArguments)
        limit, kind = checked_limit(arguments.limit), arguments.kind
        check_ids(arguments.owner)
        if kind is not None and kind not in KINDS:
            raise InvalidArgument(f"kind {shown(kind)} must be one of {', '.join(KINDS)}")

        def fits(id_: str) -> bool:
            node = self._graph.node(id_)
            is_meant = node is not None and kind in (None, node.kind)
            return is_meant and may_read(self._rights, call, id_, arguments.include_trash)

        found = await first_ids(self._candidates(call, arguments.owner), arguments.after, limit + 1, fits)
        objects, after = paged(((id_, _described(self._graph.nodes[id_])) for id_ in found if fits(id_)), limit)
        call.show_while(lambda: all(fits(each["id"]) for each in objects))
        return {"objects": objects, "after": after}

    async def members(self, call: Call) -> dict[str, Any]:
        """Who is in a role: users, and roles that are in it, as far as the caller may see these links."""
        arguments = call.arguments(MembersArguments)
        limit = checked_limit(arguments.limit)
        role = self._existing(call, "read", arguments.role)
        if role.kind != "role":
            raise Conflict(f"{role.id!r} is {a(role.kind)}: only a role has members")

        tails = list(self._graph.links_to(role.id))
        found = await first_ids(tails, arguments.after, limit + 1, self._sees_members(call, role.id))
        fits = self._sees_members(call, role.id)
        members, after = paged(((tail, self._member(tail, role.id)) for tail in found if fits(tail)), limit)
        call.show_while(lambda: all(map(self._sees_members(call, role.id), [each["id"] for each in members])))
        return {"role": role.id, "members": members, "after": after}

    # --- helpers ------------------------------------------------------------------------------

    def _existing(self, call: Call, level: Level, id_: str) -> Node:
        """A node on which the caller has this level until it has its answer.

        Raises InvalidArgument, NotAuthorized, NoSuchObject.
        """
        check_ids(id_)
        call.hold(level, id_)
        return self._node(id_)

    def _node(self, id_: str) -> Node:
        """Raises NoSuchObject: to administrators, for others may not see what is not there."""
        node = self._graph.node(id_)
        if node is None:
            raise NoSuchObject(f"{id_!r} does not exist", id=id_)
        return node

    def _candidates(self, call: Call, owner: str | None) -> Iterable[str]:
        if owner is not None:
            return list(self._graph.owned(owner))
        principal = call.caller.principal
        if self._authz.actor(principal).is_admin:
            return list(self._graph.nodes)
        return candidates(self._graph, self._closures, principal.authid)

    def _sees_members(self, call: Call, role: str) -> Callable[[str], bool]:
        """Whether the caller sees that somebody is in the role, as of now: what is the same for all is judged once."""
        user = call.caller.principal.authid
        sees_all = call.caller.can("manage", role) or self._rights.may_see_links_to(user, role)

        def sees(tail: str) -> bool:
            return tail in self._graph.links_to(role) and (sees_all or self._rights.may_see_links_from(user, tail))

        return sees

    def _member(self, tail: str, role: str) -> dict[str, Any]:
        node = self._graph.nodes[tail]
        level = granted_names(self._graph.granted(tail, role))[0]
        return {"id": tail, "kind": node.kind, "name": node.name, "level": level}


def _described(node: Node) -> dict[str, Any]:
    """What belongs to a node of its kind and says something."""
    described: dict[str, Any] = msgspec.to_builtins(node)
    others = () if node.kind == "user" else ("is_admin", "is_active")
    return {key: value for key, value in described.items() if value is not None and key not in others}
