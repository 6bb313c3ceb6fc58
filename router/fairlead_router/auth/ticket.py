"""The method `ticket`: whoever has the ticket is its principal (spec: Ticket-based Authentication)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from fairlead_router.auth.protocol import ChallengeRequest, HelloRequest, check_offered
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed

AUTHMETHOD = "ticket"


class TicketAuthenticator:
    """Tickets from a fixed table: ticket -> principal. The ticket alone names it; HELLO need not have an authid."""

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        """Raises ValueError for an empty ticket: everybody has that, who only forgot to set one."""
        if "" in principals:
            raise ValueError(f"the ticket of {principals[''].authid!r} must not be empty")
        self._principals = {_digest(ticket): principal for ticket, principal in principals.items()}

    def authenticate(self, hello: HelloRequest) -> ChallengeRequest:
        """An authid in HELLO must be that of the ticket."""
        check_offered(hello, AUTHMETHOD)

        def verify(ticket: str, extra: dict[str, Any]) -> Principal:
            principal = self._principals.get(_digest(ticket))
            if principal is None or hello.authid not in (None, principal.authid):
                raise AuthenticationFailed("the ticket is not valid")
            return msgspec.structs.replace(principal, authmethod=AUTHMETHOD)

        return ChallengeRequest(AUTHMETHOD, verify)


def _digest(ticket: str) -> bytes:
    """What the table is searched by: how long a search takes tells nothing of the tickets in it."""
    return hashlib.sha256(ticket.encode(errors="replace")).digest()
