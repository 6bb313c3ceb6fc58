"""Authentication: who is the peer? The protocol that a realm asks, and the two methods that need no library.

An authenticator names the principal at once, or answers with a challenge whose `verify` does when the
peer has answered. It raises a SessionError to refuse. The proof itself is never logged.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from fairlead_router.authorization import ANONYMOUS, Principal
from fairlead_router.errors import AuthenticationFailed, NoMatchingAuthMethod
from fairlead_router.peer import IN_PROCESS, PeerDetails


class HelloRequest(msgspec.Struct, frozen=True):
    """What a peer said of itself in HELLO."""

    realm: str
    authid: str | None
    authmethods: tuple[str, ...]
    authextra: dict[str, Any] | None = None
    agent: str | None = None
    peer: PeerDetails = IN_PROCESS


class ChallengeRequest(msgspec.Struct, frozen=True):
    """Ask the peer for a proof. `verify` takes its signature and names the principal or raises a SessionError."""

    authmethod: str
    verify: Callable[[str], Principal | Awaitable[Principal]]
    extra: dict[str, Any] = {}


class Authenticator(Protocol):
    """Decides who a peer is."""

    def authenticate(self, hello: HelloRequest) -> Principal | ChallengeRequest:
        """Raises AuthenticationFailed or NoMatchingAuthMethod."""


def offers_anonymous(hello: HelloRequest) -> bool:
    """Whether the peer would join without a proof: no method at all, or `anonymous` among them."""
    return not hello.authmethods or "anonymous" in hello.authmethods


class AnonymousAuthenticator:
    """Everybody is anonymous."""

    def authenticate(self, hello: HelloRequest) -> Principal | ChallengeRequest:
        """Raises NoMatchingAuthMethod if the peer insists on proving who it is."""
        if not offers_anonymous(hello):
            raise NoMatchingAuthMethod(f"authmethods {list(hello.authmethods)} are not offered here; use 'anonymous'")
        return ANONYMOUS


class TicketAuthenticator:
    """Tickets from a fixed table, for programs and tests: ticket -> principal."""

    def __init__(self, principals: dict[str, Principal]) -> None:
        self._principals = principals

    def authenticate(self, hello: HelloRequest) -> Principal | ChallengeRequest:
        """The ticket names the principal; an authid in HELLO must be the same."""
        if "ticket" not in hello.authmethods:
            raise NoMatchingAuthMethod(f"authmethods {list(hello.authmethods)} are not offered here; use 'ticket'")

        def verify(ticket: str) -> Principal:
            principal = self._principals.get(ticket)
            if principal is None:
                raise AuthenticationFailed("the ticket is not valid")
            if hello.authid not in (None, principal.authid):
                raise AuthenticationFailed(f"the ticket does not belong to authid {hello.authid!r}")
            return principal

        return ChallengeRequest("ticket", verify)
