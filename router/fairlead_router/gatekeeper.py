"""What a connection needs of what is around it: a router that lets it in, and a network below."""

from typing import Any, Protocol

from fairlead_router.auth.attempts import Attempts
from fairlead_router.counters import RouterCounters
from fairlead_router.errors import SessionError
from fairlead_router.host import Host
from fairlead_router.limits import Limits
from fairlead_router.realm import Realm


class ByteTransport(Protocol):
    """What a connection needs of the network below it."""

    def write(self, frames: list[Any]) -> None:
        """Hand ready frames to the network, run together by the wire (`Wire.joined`)."""

    def close(self, error: SessionError | None) -> None:
        """Close in order after what is written; the error decides the close code."""

    def abort(self) -> None:
        """Reset the connection."""


class Gatekeeper(Protocol):
    """The router, as a connection sees it."""

    @property
    def host(self) -> Host:
        """The loop."""

    @property
    def limits(self) -> Limits:
        """The bounds."""

    @property
    def counters(self) -> RouterCounters:
        """What happens to connections."""

    @property
    def agent(self) -> str:
        """What WELCOME says of the router."""

    @property
    def attempts(self) -> Attempts:
        """How often peers may fail to authenticate."""

    def realm_for(self, hello_realm: str) -> Realm | None:
        """The realm that HELLO names, if there is to be one. Raises LimitReached."""
