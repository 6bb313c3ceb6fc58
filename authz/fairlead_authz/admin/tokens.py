"""The procedures about tokens."""

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fairlead_router.rpc.call import Call

if TYPE_CHECKING:
    from fairlead_authz.authz import Authz


class TokenArguments(msgspec.Struct):
    """`token`."""

    positional: ClassVar[tuple[str, ...]] = ("user",)
    user: str
    create: bool = False


class TokenProcedures:
    """Makes tokens."""

    def __init__(self, authz: "Authz") -> None:
        self._authz = authz

    async def token(self, call: Call) -> dict[str, Any]:
        """A new token. For administrators."""
        arguments = call.arguments(TokenArguments)
        principal = call.caller.principal
        return {"token": await self._authz.create_token(arguments.user, principal, create_user=arguments.create)}
