"""Who may do what: the principal, and the protocol by which the realm asks.

The router decides nothing here. An `Authorizer` is asked at each request and again when the
gate has moved (gate.py); it may answer at once or with an awaitable.
"""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import msgspec

from fairlead_router.uris import Match

if TYPE_CHECKING:
    from fairlead_router.realm import Realm

Action = Literal["subscribe", "publish", "call", "register"]
Level = Literal["read", "write", "manage"]


class Principal(msgspec.Struct, frozen=True):
    """Who a session is. `authid` is the immutable user id; `authrole` one of anonymous, user, admin, service.

    `trustlevel`, 0 or more, is told to whoever gets its calls and events; with None nothing is told
    (spec: Advanced Profile, Call Trust Levels, Publication Trust Levels).
    """

    authid: str
    authrole: str
    authmethod: str = "anonymous"
    authprovider: str = "static"
    trustlevel: int | None = None
    authextra: dict[str, Any] | None = None
    """What WELCOME tells the peer beside, and nobody else."""

    expires_us: int | None = None
    """When what it came in with is worth nothing any more, and the session ends: microseconds since 1970."""

    @property
    def lasting(self) -> "Principal":
        """Who this is beyond its session: what it left behind is judged by that."""
        return self


ANONYMOUS = Principal("anonymous", "anonymous")


class Authorizer(Protocol):
    """Judges requests of a realm. Must be quick or answer with an awaitable: the loop waits for it.

    When its answers change it tells the realm's gate: `revoke` (or `revoke_all`) for what is denied now, `grant`
    for what is allowed now.
    """

    def object_of(self, action: Action, uri: str) -> str | None:
        """Which object a concrete URI is about, None where no rule ties it to one."""

    def authorize(
        self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None
    ) -> bool | Awaitable[bool]:
        """Whether the request may go on.

        `object_id` is what the topic's source or `object_of` said. A pattern (match other than exact) may be
        allowed as a whole although the principal may not see all that it matches: each event is judged again
        with its concrete topic and match="exact" before it is delivered.
        """

    def can(self, principal: Principal, level: Level, object_id: str) -> bool:
        """Whether the principal has this level on the object: what in-process services ask."""


@runtime_checkable
class Attachable(Protocol):
    """An authorizer that its realm makes itself known to: it ends what is live itself, or asks in the realm."""

    def attach(self, realm: "Realm") -> None:
        """The realm has been made, and asks this authorizer from now on."""


@runtime_checkable
class Explaining(Protocol):
    """An authorizer that says what a request lacks that it has denied."""

    def lacking(self, principal: Principal, action: Action, uri: str, match: Match) -> str:
        """A clause for who asked. It must tell nothing that who is denied may not know, as what there is."""


def attach(authorizer: Authorizer, realm: "Realm") -> None:
    """Make the realm known to an authorizer that wants to know it."""
    if isinstance(authorizer, Attachable):
        authorizer.attach(realm)


class AllowAll:
    """The authorizer of a realm that was given none: everybody may do everything but speak for the services."""

    def object_of(self, action: Action, uri: str) -> str | None:
        """No URI is tied to an object."""
        return None

    def authorize(
        self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None
    ) -> bool | Awaitable[bool]:
        """Always."""
        return True

    def can(self, principal: Principal, level: Level, object_id: str) -> bool:
        """Always."""
        return True
