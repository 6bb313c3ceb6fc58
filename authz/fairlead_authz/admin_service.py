"""The procedures `fairlead.authz.*`. Everybody may call them; what they may change is judged in the funnel.

| procedure | arguments -> result |
|---|---|
| `fairlead.authz.apply` | list of changes (changes.py) -> {revision, still} |
| `fairlead.authz.check` | user, level, object -> {allowed, why}; about others it needs manage on the object |
| `fairlead.authz.token` | user, create=false -> {token}; for administrators |
"""

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fairlead_authz.changes import Put, check_id, decode_changes
from fairlead_authz.graph import ANONYMOUS_USER, SYSTEM
from fairlead_router.authorization import Level, Principal
from fairlead_router.call import Call
from fairlead_router.errors import InvalidArgument, NotAuthorized
from fairlead_router.member import Member
from fairlead_router.realm import Realm

if TYPE_CHECKING:
    from fairlead_authz.authz import Authz

PRINCIPAL = Principal("fairlead.authz", "service", "internal", "internal")


class ApplyArguments(msgspec.Struct):
    """`apply`."""

    positional: ClassVar[tuple[str, ...]] = ("changes",)
    changes: list[Any]


class CheckArguments(msgspec.Struct):
    """`check`."""

    positional: ClassVar[tuple[str, ...]] = ("user", "level", "object")
    user: str
    level: Level
    object: str


class TokenArguments(msgspec.Struct):
    """`token`."""

    positional: ClassVar[tuple[str, ...]] = ("user",)
    user: str
    create: bool = False


class AdminService:
    """The in-process member that answers `fairlead.authz.*`."""

    def __init__(self, authz: "Authz") -> None:
        self._authz = authz
        self._member: Member | None = None

    def join(self, realm: Realm) -> None:
        """Register the procedures."""
        self._member = realm.join(PRINCIPAL)
        self._member.register("fairlead.authz.apply", self.apply)
        self._member.register("fairlead.authz.check", self.check)
        self._member.register("fairlead.authz.token", self.token)

    def leave(self) -> None:
        """Answer nothing more."""
        if self._member is not None:
            self._member.leave()
            self._member = None

    async def apply(self, call: Call) -> dict[str, Any]:
        """`fairlead.authz.apply`: answered when no revoked right is served any more."""
        changes = decode_changes(call.arguments(ApplyArguments).changes)
        applied = await self._authz.apply(changes, self._authz.actor(call.caller.principal))
        return {"revision": applied.revision, "still": applied.still}

    def check(self, call: Call) -> dict[str, Any]:
        """`fairlead.authz.check`."""
        arguments = call.arguments(CheckArguments)
        principal = call.caller.principal
        if arguments.user != principal.authid and not call.caller.can("manage", arguments.object):
            raise NotAuthorized(
                f"{principal.authid!r} may not ask what {arguments.user!r} may do to {arguments.object!r}: "
                "that needs manage on it"
            )
        return {
            "allowed": self._authz.can(arguments.user, arguments.level, arguments.object),
            "why": self._authz.explain(arguments.user, arguments.level, arguments.object),
        }

    async def token(self, call: Call) -> dict[str, Any]:
        """`fairlead.authz.token`."""
        arguments = call.arguments(TokenArguments)
        actor = self._authz.actor(call.caller.principal)
        if not actor.is_admin:
            raise NotAuthorized(f"{actor.user!r} may not make tokens: that is for administrators")
        user = check_id(arguments.user)
        if user in (SYSTEM, ANONYMOUS_USER):
            raise InvalidArgument(f"user {user!r} cannot have a token: nobody logs in as it")
        if arguments.create and user not in self._authz.graph.nodes:
            await self._authz.apply([Put("user", user)], actor)
        return {"token": await self._authz.create_token(user)}
