"""The Dealer: who has registered what, and which calls are in progress.

No I/O here, no clock and no authorization: the realm has authorized what arrives and sends what is
returned. A call in progress is a hold of the gate (gate.py): its progressive results rest on the
caller's right to call, and, where an in-process callee says so, on a right to an object.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from fairlead_router.authorization import Level
from fairlead_router.errors import NoSuchProcedure, NoSuchRegistration, ProcedureAlreadyExists
from fairlead_router.gate import Hold
from fairlead_router.messages import CallMessage
from fairlead_router.uris import new_id

if TYPE_CHECKING:
    from fairlead_router.session import Session


class Registration(Hold):
    """A procedure that a callee has registered: rests on the right to register it (G12)."""

    __slots__ = ("callee", "discloses_caller", "id", "procedure")

    def __init__(self, procedure: str, callee: "Session", discloses_caller: bool, object_id: str | None) -> None:
        super().__init__(callee.principal_cell, callee.realm.gate.object_cell(object_id), callee.outbox)
        self.id = new_id()
        self.procedure = procedure
        self.callee = callee
        self.discloses_caller = discloses_caller

    def judge(self) -> bool | Awaitable[bool]:
        """Ask as at REGISTER."""
        object_id = self.callee.realm.authorizer.object_of("register", self.procedure)
        return self.callee.may("register", self.procedure, "exact", object_id)

    def revoke(self, reason: str) -> None:
        """The realm takes the registration away."""
        self.callee.realm.rpc.revoke_registration(self, reason)


class PendingCall(Hold):
    """A call between CALL and its final RESULT or ERROR."""

    __slots__ = (
        "callee",
        "caller",
        "invocation_id",
        "is_over",
        "level",
        "object_id",
        "on_writable",
        "procedure",
        "request_id",
        "wants_progress",
    )

    def __init__(self, caller: "Session", message: CallMessage, registration: Registration) -> None:
        super().__init__(caller.principal_cell, caller.realm.gate.object_cell(None), caller.outbox)
        self.caller = caller
        self.callee = registration.callee
        self.request_id = message.request
        self.invocation_id = registration.callee.next_request_id()
        self.procedure = message.procedure
        self.wants_progress = message.options.receive_progress
        self.is_over = False
        self.level: Level | None = None
        self.object_id: str | None = None
        self.on_writable: Callable[[], None] | None = None

    def tie_to(self, level: Level, object_id: str) -> None:
        """From now on the call rests on this right. One that is over already rests on nothing."""
        if self.is_over:
            return
        gate = self.caller.realm.gate
        gate.release(self)
        self.level, self.object_id = level, object_id
        self.rest_on(gate.object_cell(object_id))
        gate.admit(self)

    def judge(self) -> bool | Awaitable[bool]:
        """What the callee tied the call to, else the right to call."""
        if self.level is not None and self.object_id is not None:
            return self.caller.can(self.level, self.object_id)
        object_id = self.caller.realm.authorizer.object_of("call", self.procedure)
        return self.caller.may("call", self.procedure, "exact", object_id)

    def revoke(self, reason: str) -> None:
        """The realm ends the call with ERROR not_authorized."""
        self.caller.realm.rpc.revoke_call(self)

    def wake(self) -> None:
        """The caller's outbox has room again."""
        if self.on_writable is not None and not self.is_over:
            self.on_writable()


class Dealer:
    """The registrations and calls of one realm."""

    def __init__(self) -> None:
        self._procedures: dict[str, Registration] = {}

    # --- registrations ------------------------------------------------------------------------

    def register(
        self, callee: "Session", procedure: str, discloses_caller: bool, object_id: str | None
    ) -> Registration:
        """Raises ProcedureAlreadyExists."""
        if procedure in self._procedures:
            raise ProcedureAlreadyExists(f"procedure {procedure!r} is registered already")
        registration = Registration(procedure, callee, discloses_caller, object_id)
        self._procedures[procedure] = registration
        callee.registrations[registration.id] = registration
        return registration

    def unregister(self, callee: "Session", registration_id: int) -> Registration:
        """Raises NoSuchRegistration. Calls in progress go on."""
        registration = callee.registrations.pop(registration_id, None)
        if registration is None:
            raise NoSuchRegistration(f"the session has no registration {registration_id}")
        del self._procedures[registration.procedure]
        return registration

    def registration_of(self, procedure: str) -> Registration:
        """Raises NoSuchProcedure."""
        registration = self._procedures.get(procedure)
        if registration is None:
            raise NoSuchProcedure(f"no callee has registered procedure {procedure!r}")
        return registration

    # --- calls --------------------------------------------------------------------------------

    def call(self, caller: "Session", message: CallMessage, registration: Registration) -> PendingCall:
        """Enter a call in the tables of its caller and its callee."""
        pending = PendingCall(caller, message, registration)
        caller.calls[pending.request_id] = pending
        pending.callee.invocations[pending.invocation_id] = pending
        return pending

    def finish(self, pending: PendingCall) -> None:
        """The call is over for both sides: whatever the callee still answers goes to nobody."""
        pending.is_over = True
        pending.caller.calls.pop(pending.request_id, None)
        pending.callee.invocations.pop(pending.invocation_id, None)
        pending.outbox.forget(pending)
