"""A call between CALL and its final RESULT or ERROR.

It is a hold of the gate (gate.py): it rests on the caller's right to call, and, where an in-process callee says
so, on rights to objects beside (`Tie`). It has a callee, or waits in a queue (call_queue.py). While it waits, and where
another callee could take it over, its payloads are kept; what a caller has kept is bounded.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fairlead_router.authorization import Level
from fairlead_router.errors import LimitExceeded
from fairlead_router.gate import Hold
from fairlead_router.host import Timer
from fairlead_router.messages import CallMessage
from fairlead_router.questions import Question
from fairlead_router.rights_watch import Gained, Lost, RightsWatch

if TYPE_CHECKING:
    from fairlead_router.payload import Payload
    from fairlead_router.rpc.call_queue import CallQueue
    from fairlead_router.rpc.registration import Callee
    from fairlead_router.session import Session


log = logging.getLogger(__name__)

NOBODY: "frozenset[Callee]" = frozenset()


class Tie(Hold):
    """A right to an object without which a call may not go on."""

    __slots__ = ("_level", "call", "object_id")

    def __init__(self, call: "PendingCall", level: Level, object_id: str) -> None:
        super().__init__(call.principal_cell, call.caller.realm.gate.object_cell(object_id), call.outbox)
        self.call = call
        self._level: Level = level
        self.object_id = object_id

    def judge(self) -> bool:
        """Ask for the level."""
        return self.call.caller.can(self._level, self.object_id)

    def find_object(self) -> str | None:
        """The same for ever."""
        return self.object_id

    def revoke(self, reason: str) -> None:
        """The call ends."""
        self.call.revoke(reason)


class PendingCall(Hold):
    """A call that is not over, or was just now."""

    __slots__ = (
        "callee",
        "caller",
        "details",
        "expects_more",
        "has_progressed",
        "invocation_id",
        "is_interrupted",
        "is_over",
        "kept",
        "on_writable",
        "options",
        "procedure",
        "queue",
        "refused",
        "request_id",
        "rights_watch",
        "shown_while",
        "ties",
        "timeout_s",
        "timer",
        "wait_timer",
        "wants_progress",
    )

    caller: "Session"

    details: dict[str, Any]
    """Of each INVOCATION of this call; there are none before the first."""

    def __init__(self, caller: "Session", message: CallMessage) -> None:
        realm = caller.realm
        object_id = realm.object_of("call", message.procedure)
        super().__init__(caller.principal_cell, realm.gate.object_cell(object_id), caller.outbox)
        self.caller = caller
        self.request_id = message.request
        self.procedure = message.procedure
        self.options = message.options
        self.wants_progress = message.options.receive_progress
        self.expects_more = message.options.progress
        """Whether the caller has announced another CALL of this request (progressive call invocations)."""
        self.callee: Callee | None = None
        self.invocation_id = 0
        self.queue: CallQueue | None = None
        self.kept: tuple[Payload, ...] = ()
        self.refused: frozenset[Callee] = NOBODY
        """The callees that were unavailable for this call."""
        self.has_progressed = False
        self.is_interrupted = False
        self.is_over = False
        self.timeout_s: float | None = None
        self.timer: Timer | None = None
        self.wait_timer: Timer | None = None
        self.ties: tuple[Tie, ...] = ()
        self.rights_watch: RightsWatch | None = None
        self.shown_while: tuple[Callable[[], bool], ...] = ()
        """What its callee says must be true for the caller to see the final result."""
        self.on_writable: Callable[[], None] | None = None

    # --- rights -------------------------------------------------------------------------------

    @property
    def may_go_on(self) -> bool:
        """Whether every right that the call rests on stands."""
        gate = self.caller.realm.gate
        return gate.is_open(self) and (not self.ties or all(map(gate.is_open, self.ties)))

    def tie_to(self, level: Level, object_id: str) -> None:
        """From now on the call rests on this right too. One that is over already rests on nothing."""
        if not self.is_over:
            tie = Tie(self, level, object_id)
            self.ties = (*self.ties, tie)
            self.caller.realm.gate.admit(tie)

    def watch_rights(self, lost: Lost, gained: Gained) -> None:
        """Tell the callee when the caller's rights may have moved. One that is over already is told nothing."""
        if not self.is_over:
            gate, self.rights_watch = self.caller.realm.gate, RightsWatch(self.caller, lost, gained)
            gate.admit(self.rights_watch)
            gate.tell_of_grants(self.rights_watch)

    def untie(self) -> None:
        """The call is over, or has another callee: it rests on none of these rights any more."""
        gate = self.caller.realm.gate
        for tie in self.ties:
            gate.release(tie)
        self.ties = ()
        if self.rights_watch is not None:
            gate.tell_no_more(self.rights_watch)
            gate.release(self.rights_watch)
            self.rights_watch = None
        self.shown_while = ()

    @property
    def conditions(self) -> tuple[Callable[[], bool], ...]:
        """What its results rest on beside the right to call."""
        return (*(tie.judge for tie in self.ties), *self.shown_while)

    def may_be_shown(self, conditions: tuple[Callable[[], bool], ...]) -> bool:
        """Whether the caller of a call that is over may still see its results; it had these conditions."""
        return self.caller.sees((self._question(),)) and all(holds() for holds in conditions)

    def judge(self) -> bool | Awaitable[bool]:
        """Ask as at CALL."""
        return self.caller.may(self._question())

    def _question(self) -> Question:
        return Question("call", self.procedure, "exact", self.find_object())

    def find_object(self) -> str | None:
        """That of its procedure."""
        return self.caller.realm.object_of("call", self.procedure)

    def revoke(self, reason: str) -> None:
        """The realm ends the call with ERROR not_authorized."""
        self.caller.realm.rpc.revoke_call(self)

    # --- payloads -----------------------------------------------------------------------------

    def keep(self, payload: "Payload") -> None:
        """Keep a payload until the call has a callee for good. Raises LimitExceeded."""
        if not self.can_keep(payload):
            limit = self.caller.realm.limits.kept_call_bytes
            text = f"the payloads of the session's calls that wait exceed {limit} bytes"
            raise LimitExceeded(text, limit="kept_call_bytes")
        self.caller.kept_call_bytes += payload.size
        self.kept = (*self.kept, payload)

    def can_keep(self, payload: "Payload") -> bool:
        """Whether there is room for a payload."""
        return self.caller.kept_call_bytes + payload.size <= self.caller.realm.limits.kept_call_bytes

    def drop_kept(self) -> None:
        """The payloads are not needed any more."""
        self.caller.kept_call_bytes -= sum(payload.size for payload in self.kept)
        self.kept = ()

    # --- the caller's outbox ------------------------------------------------------------------

    def wake(self) -> None:
        """The caller's outbox has room again."""
        if self.on_writable is None or self.is_over:
            return
        try:
            self.on_writable()
        except Exception:
            log.exception("on_writable of a call of %s failed", self.procedure)
