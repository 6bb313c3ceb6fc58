"""What a realm asks of its authenticator, and what it is answered.

An authenticator names the principal, or answers with a challenge whose `verify` does when the peer has
answered; that may be another challenge (spec: Authentication, two-factor). Either comes at once or as an
awaitable, for which the connection waits a bounded time. Who refuses raises a SessionError, whose text the
peer reads: it says nothing that a stranger may not know, such as whether a user exists. Any other exception
refuses too, and only the log has its text. The proof itself is never logged.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from fairlead_router.authorization import Principal
from fairlead_router.errors import NoMatchingAuthMethod
from fairlead_router.peer import IN_PROCESS, PeerDetails


class HelloRequest(msgspec.Struct, frozen=True):
    """What a peer said of itself in HELLO, and what its transport knows of it."""

    realm: str
    authid: str | None
    authmethods: tuple[str, ...]
    authextra: dict[str, Any] | None = None
    agent: str | None = None
    peer: PeerDetails = IN_PROCESS
    session_id: int = 0
    """The id that the session will have, for methods whose proof is bound to it."""

    time_us: int = 0
    """When HELLO came: microseconds since 1970."""


class ChallengeRequest(msgspec.Struct, frozen=True):
    """Ask the peer for a proof: CHALLENGE with this method and extra.

    `verify` is called once, with the signature and the extra of AUTHENTICATE.
    """

    authmethod: str
    verify: "Callable[[str, dict[str, Any]], Decision | Awaitable[Decision]]"
    extra: dict[str, Any] = {}


Decision = Principal | ChallengeRequest


class Authenticator(Protocol):
    """Decides who a peer is."""

    def authenticate(self, hello: HelloRequest) -> Decision | Awaitable[Decision]:
        """Raises NoMatchingAuthMethod where another method may still do, and AuthenticationFailed where none may."""


def then(
    decision: Decision | Awaitable[Decision], look: Callable[[Principal], Principal]
) -> Decision | Awaitable[Decision]:
    """The decision, whose principal `look` sees, now or after challenges and waiting: it may refuse or replace it."""
    if isinstance(decision, Principal):
        return look(decision)
    if not isinstance(decision, ChallengeRequest):
        return _then_later(decision, look)
    verify = decision.verify
    return msgspec.structs.replace(decision, verify=lambda signature, extra: then(verify(signature, extra), look))


async def _then_later(decision: Awaitable[Decision], look: Callable[[Principal], Principal]) -> Decision:
    decided = then(await decision, look)
    assert isinstance(decided, Decision), "it was awaited"
    return decided


def check_offered(hello: HelloRequest, authmethod: str) -> None:
    """Raise NoMatchingAuthMethod unless the peer can do this method."""
    if authmethod not in hello.authmethods:
        raise NoMatchingAuthMethod(f"none of the authmethods in HELLO is offered here; use {authmethod!r}")
