"""The procedures `fairlead.authz.*`. Everybody may call them; what they may change is judged in the funnel.

| procedure | arguments -> result |
|---|---|
| `fairlead.authz.apply` | list of changes (changes.py) -> {revision, still} |
| `fairlead.authz.check` | user, level, object -> {allowed, why}; about others it needs manage on the object |
| `fairlead.authz.token` | user, create=false -> {token}; for administrators |
"""

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fairlead_authz.changes import decode_changes
from fairlead_router.authorization import Level, Principal
from fairlead_router.errors import NotAuthorized
from fairlead_router.member import Member
from fairlead_router.realm import Realm
from fairlead_router.rpc.call import Call

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
        applied = await self._authz.apply(changes, call.caller.principal)
        return {"revision": applied.revision, "still": applied.still}

    def check(self, call: Call) -> dict[str, Any]:
        """`fairlead.authz.check`."""
        arguments = call.arguments(CheckArguments)
        user, level, object_id = arguments.user, arguments.level, arguments.object
        own = call.caller.principal.authid
        is_manager = call.caller.can("manage", object_id)
        if user != own and not is_manager:
            raise NotAuthorized(f"{own!r} may not ask what {user!r} may do to {object_id!r}: that needs manage on it")
        allowed = self._authz.can(user, level, object_id)
        if allowed or is_manager or self._authz.can(own, "read", object_id):
            return {"allowed": allowed, "why": self._authz.explain(user, level, object_id)}
        return {"allowed": False, "why": f"no grant or ownership leads from {user} to {object_id}, if there is one"}

    async def token(self, call: Call) -> dict[str, Any]:
        """`fairlead.authz.token`."""
        arguments = call.arguments(TokenArguments)
        principal = call.caller.principal
        return {"token": await self._authz.create_token(arguments.user, principal, create_user=arguments.create)}
