"""The procedures about tokens: administrators for everybody, users for themselves (issuing.py judges)."""

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from fairlead_authz.admin.asking import check_ids
from fairlead_authz.admin.pages import PAGE_ENTRIES, checked_limit, paged
from fairlead_authz.changes import shown
from fairlead_router.errors import InvalidArgument
from fairlead_router.rpc.call import Call

if TYPE_CHECKING:
    from fairlead_authz.authz import Authz
    from fairlead_authz.state import State

MAX_EXPIRES_IN_S = 100 * 366 * 86_400
"""A hundred years: what is meant for longer does not expire."""


class TokenArguments(msgspec.Struct):
    """`token`."""

    positional: ClassVar[tuple[str, ...]] = ("user",)
    user: str
    create: bool = False
    scopes: list[str] | None = None
    expires_in_s: float | None = None
    container: str | None = None


class TokensArguments(msgspec.Struct):
    """`tokens`."""

    positional: ClassVar[tuple[str, ...]] = ("user",)
    user: str
    after: str | None = None
    limit: int = PAGE_ENTRIES


class TokenDeleteArguments(msgspec.Struct):
    """`token_delete`."""

    positional: ClassVar[tuple[str, ...]] = ("id",)
    id: str


class TokenChangeArguments(msgspec.Struct):
    """`token_change`."""

    positional: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    scopes: list[str] | UnsetType | None = UNSET
    expires_in_s: float | UnsetType | None = UNSET


class TokenProcedures:
    """Makes, lists, changes and ends tokens."""

    def __init__(self, authz: "Authz", state: "State") -> None:
        self._authz = authz
        self._now_us = state.policy.now_us

    async def token(self, call: Call) -> dict[str, Any]:
        """A new token, whose secret is told this once."""
        arguments = call.arguments(TokenArguments)
        text = await self._authz.create_token(
            arguments.user,
            call.caller.principal,
            create_user=arguments.create,
            scopes=arguments.scopes,
            expires_us=self._expires_us(arguments.expires_in_s),
            container=arguments.container,
        )
        return {"token": text}

    def tokens(self, call: Call) -> dict[str, Any]:
        """The tokens of a user, the oldest first, without their secrets."""
        arguments = call.arguments(TokensArguments)
        limit = checked_limit(arguments.limit)
        check_ids(arguments.user)
        tokens = self._authz.tokens_of(arguments.user, call.caller.principal)
        ids = [token.id for token in tokens]
        start = 0
        if arguments.after is not None:
            if arguments.after not in ids:
                raise InvalidArgument(f"after {shown(arguments.after)} is no token of {arguments.user!r}: begin anew")
            start = ids.index(arguments.after) + 1
        page, after = paged(((token.id, msgspec.to_builtins(token)) for token in tokens[start:]), limit)
        return {"tokens": page, "after": after}

    async def delete(self, call: Call) -> dict[str, Any]:
        """Ends a token and the sessions that came in with it."""
        arguments = call.arguments(TokenDeleteArguments)
        await self._authz.delete_token(arguments.id, call.caller.principal)
        return {"id": arguments.id}

    async def change(self, call: Call) -> dict[str, Any]:
        """Gives a token other scopes or another end; what its sessions may not do any more ends at once."""
        arguments = call.arguments(TokenChangeArguments)
        expires_in_s = arguments.expires_in_s
        expires_us = UNSET if expires_in_s is UNSET else self._expires_us(expires_in_s)
        await self._authz.change_token(
            arguments.id, call.caller.principal, scopes=arguments.scopes, expires_us=expires_us
        )
        return {"id": arguments.id}

    def _expires_us(self, expires_in_s: float | None) -> int | None:
        """Raises InvalidArgument."""
        if expires_in_s is None:
            return None
        if not 0 < expires_in_s <= MAX_EXPIRES_IN_S:
            raise InvalidArgument(f"expires_in_s {expires_in_s} must be above 0 and at most {MAX_EXPIRES_IN_S}")
        return self._now_us() + round(expires_in_s * 1_000_000)
