"""Final results that show what a right allows: taken back while they are queued (G2, G5).

They are those of the router's own procedures, and of calls that rested on more than the right to call (`Call.hold`,
`Call.show_while`), or that had progressive results, which go with the final one. The right was judged when the
procedure answered. Until the result is written the gate judges it again when the caller, or any object, loses
something; one that may not be seen any more is replaced by ERROR.
"""

from collections.abc import Callable, Container
from typing import TYPE_CHECKING

import msgspec

from fairlead_router.errors import NotAuthorized
from fairlead_router.gate import Hold
from fairlead_router.messages import Result
from fairlead_router.payload import Payload

if TYPE_CHECKING:
    from fairlead_router.session import Session


_CALL_TYPE = 48


class Shown(msgspec.Struct, frozen=True):
    """A result, and whether the caller may see it now."""

    payload: Payload
    is_allowed: Callable[[], bool]


class _Queued:
    """Owns one queued result, and whatever `call` owns belongs to it."""

    __slots__ = ("call", "is_allowed", "request_id")

    def __init__(self, request_id: int, is_allowed: Callable[[], bool], call: object) -> None:
        self.request_id = request_id
        self.is_allowed = is_allowed
        self.call = call


class ShownResults(Hold):
    """All such results that are queued for one session. It stands as long as the session."""

    __slots__ = ("_session",)
    is_broad = True

    def __init__(self, session: "Session") -> None:
        super().__init__(session.principal_cell, session.realm.gate.object_cell(None), session.outbox)
        self._session = session

    def send(self, result: Result, shown: Shown, call: object = None) -> None:
        """Queue the result of a call. What the call owns in the queue, its progressive results, goes with it."""
        self.outbox.send(result, shown.payload, _Queued(result.request, shown.is_allowed, call))

    def judge(self) -> bool:
        """Each result is looked at by itself."""
        return True

    def find_object(self) -> None:
        """None, as above."""

    def purge_lost(self, objects: Container[str | None]) -> None:
        """Replace what the caller may not see any more."""
        for queued in self.outbox.queued_owners():
            if isinstance(queued, _Queued) and not queued.is_allowed():
                self._replace(queued)

    def _replace(self, queued: _Queued) -> None:
        for owner in (queued.call, queued):
            self.outbox.purge(owner)
        error = NotAuthorized("the right to see the result was revoked")
        self._session.send_error(_CALL_TYPE, queued.request_id, error)
