"""What can go wrong between a client and the router, and what the caller should do about it.

    ClientError
        Unreachable         no session: nobody listens, the handshake failed, the connection was lost. Try again.
        Refused             the router ended the session while it was being opened: a bad token, no such realm.
        CallFailed          an ERROR answered a call; `uri` says which, `details` are its keyword arguments.
        Incontiguous        the answers have a hole or a repeat that nobody announced: never shown as if it were whole.
        QueueFull           too many publications wait for a session already.
        SpoolError          the spool cannot be made, opened, understood or written to any more.
        ForkedError         a forked child has used its parent's connection or writer: make one of its own.

Which error URIs are worth a retry is one table, here. A writer that was accepted gives up only on those of
FINAL_FOR_WRITERS, since giving up holds output back; one that is not accepted yet, and a follower, go on only on those
of PASSING, since waiting for what never comes helps nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOT_AUTHORIZED = "wamp.error.not_authorized"
NO_SUCH_PROCEDURE = "wamp.error.no_such_procedure"
CANCELED = "wamp.error.canceled"
NO_SUCH_CURSOR = "fairlead.error.no_such_cursor"
GAP = "fairlead.error.gap"
FENCED = "fairlead.error.fenced"
SEALED = "fairlead.error.sealed"
# Not on the wire: the spool's disk does not take what must be there before anything is sent.
SPOOL_FAILED = "fairlead.error.spool_failed"

# The right is gone, not just a right never had, when one of these ends what has worked before.
REVOKING = frozenset(
    {NOT_AUTHORIZED, "wamp.error.authentication_failed", "wamp.error.authentication_required"},
)

FINAL_FOR_WRITERS = REVOKING | {
    FENCED,
    SEALED,
    "fairlead.error.attempt",
    "fairlead.error.limit_exceeded",
    "wamp.error.invalid_argument",
    "wamp.error.invalid_uri",
    "wamp.error.no_such_realm",
    "wamp.error.payload_size_exceeded",
}

# What passes by itself: the service is starting, stopping, or has no room just now.
PASSING = frozenset(
    {
        NO_SUCH_PROCEDURE,
        "fairlead.error.busy",
        "fairlead.error.store_failed",
        "wamp.error.authorization_failed",
        CANCELED,
        "wamp.error.network_failure",
        "wamp.error.timeout",
        "wamp.error.unavailable",
    }
)


class ClientError(Exception):
    """The root of what this package raises."""


class Unreachable(ClientError):
    """There is no session; the text says where the attempt ended."""


class Refused(ClientError):
    """The router would not have us: ABORT, with its reason."""

    def __init__(self, uri: str, text: str = "") -> None:
        super().__init__(text or uri)
        self.uri = uri
        self.text = text


class CallFailed(ClientError):
    """A call was answered by ERROR."""

    def __init__(self, uri: str, text: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{text} ({uri})" if text else uri)
        self.uri = uri
        self.text = text
        self.details = dict(details or {})


class Incontiguous(ClientError):
    """A batch does not begin where the last one ended, and no `lagged` or `reset` says why."""


class QueueFull(ClientError):
    """Too many publications wait for a session."""


class ForkedError(ClientError):
    """A forked child has used what is its parent's."""


class SpoolError(ClientError):
    """The spool cannot be used; the text names the path and the reason."""
