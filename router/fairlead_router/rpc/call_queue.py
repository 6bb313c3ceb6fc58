"""Calls that wait: for a callee that has room, or for one to appear. In order, bounded, each with its payloads.

A call knows the queue that it waits in, so that whatever ends the call takes it out. What a caller has in all
queues together is bounded too: nobody fills the queue of a procedure for all others.
"""

from typing import TYPE_CHECKING

from fairlead_router.errors import LimitExceeded

if TYPE_CHECKING:
    from fairlead_router.rpc.pending_call import PendingCall


class CallQueue:
    """First in, first out, but for those that are taken out. `limit_name` is the name of its limit in limits.py."""

    __slots__ = ("_limit", "_limit_name", "calls")

    def __init__(self, limit_name: str, limit: int) -> None:
        self.calls: dict[PendingCall, None] = {}
        self._limit_name = limit_name
        self._limit = limit

    def add(self, call: "PendingCall") -> None:
        """Have the call wait here. Raises LimitExceeded."""
        caller = call.caller
        if len(self.calls) >= self._limit:
            text = f"{len(self.calls)} calls wait already"
            raise LimitExceeded(text, limit=self._limit_name)
        if caller.waiting_calls >= caller.realm.limits.waiting_calls_per_session:
            text = f"the session has {caller.waiting_calls} calls that wait already"
            raise LimitExceeded(text, limit="waiting_calls_per_session")
        caller.waiting_calls += 1
        self.calls[call] = None
        call.queue = self

    def remove(self, call: "PendingCall") -> None:
        """The call waits no more: it is over, or goes to a callee."""
        del self.calls[call]
        call.caller.waiting_calls -= 1
        call.queue = None

    @property
    def head(self) -> "PendingCall | None":
        """The call that has waited longest."""
        return next(iter(self.calls), None)
