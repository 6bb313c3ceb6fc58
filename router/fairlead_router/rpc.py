"""What CALL, CANCEL, REGISTER, UNREGISTER, YIELD and an invocation's ERROR do: the realm's side of the dealer."""

from typing import TYPE_CHECKING, Any

from fairlead_router.authorization import Action
from fairlead_router.dealer import PendingCall, Registration
from fairlead_router.errors import (
    Canceled,
    InvalidArgument,
    InvalidUri,
    LimitExceeded,
    NotAuthorized,
    OptionNotAllowed,
    ProtocolViolation,
    RequestError,
)
from fairlead_router.messages import (
    CallMessage,
    Cancel,
    Error,
    Interrupt,
    Invocation,
    ReceivedError,
    Register,
    Registered,
    Result,
    RevokedRegistration,
    Unregister,
    Unregistered,
    Yield,
)
from fairlead_router.outbox import Item
from fairlead_router.payload import Payload
from fairlead_router.questions import Question
from fairlead_router.serializers import payload_of
from fairlead_router.uris import check_uri, is_reserved

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session

CALL_TYPE = 48
"""ERROR for a call names the type of the message that it answers."""


class Rpc:
    """The call and registration requests of one realm."""

    def __init__(self, realm: "Realm") -> None:
        self._realm = realm

    # --- REGISTER, UNREGISTER -----------------------------------------------------------------

    def question_register(self, session: "Session", message: Register) -> Question:
        """Raises InvalidUri, NotAuthorized, OptionNotAllowed, LimitExceeded."""
        options, limits = message.options, self._realm.limits
        if options.match != "exact" or options.invoke != "single":
            raise OptionNotAllowed(
                f"REGISTER with match={options.match}, invoke={options.invoke} is not supported; "
                "use match=exact, invoke=single"
            )
        check_uri(message.procedure, "exact", limits.uri_length)
        if not session.is_service and is_reserved(message.procedure):
            raise NotAuthorized(f"procedure {message.procedure!r} is reserved for services inside the router")
        if len(session.registrations) >= limits.registrations_per_session:
            raise LimitExceeded(
                f"the session has {len(session.registrations)} registrations already (registrations_per_session)",
                limit="registrations_per_session",
            )
        return Question("register", message.procedure, "exact", self._object_of("register", message.procedure))

    def register(self, session: "Session", message: Register) -> None:
        """Raises ProcedureAlreadyExists."""
        object_id = self._realm.authorizer.object_of("register", message.procedure)
        registration = self._realm.dealer.register(
            session, message.procedure, message.options.disclose_caller, object_id
        )
        self._realm.gate.admit(registration)
        session.send(Registered(message.request, registration.id))

    def unregister(self, session: "Session", message: Unregister) -> None:
        """Raises NoSuchRegistration."""
        registration = self._realm.dealer.unregister(session, message.registration)
        self._realm.gate.release(registration)
        session.send(Unregistered(message.request))

    def revoke_registration(self, registration: Registration, reason: str) -> None:
        """The callee lost the right to offer the procedure; calls in progress go on."""
        callee = registration.callee
        self._realm.dealer.unregister(callee, registration.id)
        if callee.features.takes_revoked_registration:
            callee.send(RevokedRegistration(0, {"registration": registration.id, "reason": reason}))

    # --- CALL ---------------------------------------------------------------------------------

    def question_call(self, session: "Session", message: CallMessage) -> Question:
        """Raises InvalidUri, LimitExceeded. A request id that is still in use breaks the protocol."""
        check_uri(message.procedure, "exact", self._realm.limits.uri_length)
        if message.request in session.calls:
            raise ProtocolViolation(f"CALL request {message.request} is in progress already")
        if len(session.calls) >= self._realm.limits.calls_per_session:
            raise LimitExceeded(
                f"the session has {len(session.calls)} calls in progress (calls_per_session)",
                limit="calls_per_session",
            )
        return Question("call", message.procedure, "exact", self._object_of("call", message.procedure))

    def call(self, session: "Session", message: CallMessage) -> None:
        """Raises NoSuchProcedure, InvalidArgument, LimitExceeded."""
        dealer = self._realm.dealer
        payload = payload_of(message, session.outbox.wire.codec)
        own = self._realm.procedures.get(message.procedure)
        if own is not None:
            session.send(Result(message.request, {}), own(session, payload))
            return
        registration = dealer.registration_of(message.procedure)
        self._check_room(registration)
        if not registration.callee.is_service:
            payload.check()
        pending = dealer.call(session, message, registration)
        self._realm.gate.admit(pending)
        details: dict[str, Any] = {}
        if message.options.disclose_me or registration.discloses_caller:
            details = _disclosure(session)
        if pending.wants_progress:
            details["receive_progress"] = True
        invocation = Invocation(pending.invocation_id, registration.id, details)
        registration.callee.outbox.send(invocation, payload, registration)

    def _check_room(self, registration: Registration) -> None:
        in_progress = len(registration.callee.invocations)
        if in_progress >= self._realm.limits.invocations_per_session:
            raise LimitExceeded(
                f"the callee of {registration.procedure!r} has {in_progress} calls in progress"
                " (invocations_per_session)",
                limit="invocations_per_session",
            )

    def cancel(self, session: "Session", message: Cancel) -> None:
        """A call that is over already is no error: CANCEL and the result may cross.

        A service is interrupted in every mode: what it still does for nobody is our own expense.
        """
        pending = session.calls.get(message.request)
        if pending is None:
            return
        mode = message.options.mode
        if mode != "skip" or pending.callee.is_service:
            _interrupt(pending, mode, "wamp.error.canceled")
        if mode != "kill" or not pending.callee.features.takes_interrupt:
            self.fail(pending, Canceled("the caller canceled the call"))

    # --- YIELD and ERROR of an invocation -----------------------------------------------------

    def yield_(self, callee: "Session", message: Yield) -> None:
        """A result of a call that is over already goes nowhere (spec: Basic Profile, Call ordering)."""
        pending = callee.invocations.get(message.request)
        if pending is None:
            return
        payload = payload_of(message, callee.outbox.wire.codec)
        try:
            payload.check()
        except InvalidArgument as error:
            _interrupt(pending, "killnowait", error.uri)
            self.fail(pending, error)
            return
        if not message.options.progress:
            self.result(pending, payload)
        elif pending.wants_progress:
            self.progress(pending, payload)

    def error(self, callee: "Session", message: ReceivedError) -> None:
        """The callee's error goes to the caller as it is."""
        pending = callee.invocations.get(message.request)
        if pending is None:
            return
        try:
            check_uri(message.error, "exact", self._realm.limits.uri_length)
            payload = payload_of(message, callee.outbox.wire.codec)
            payload.check()
        except (InvalidUri, InvalidArgument) as error:
            self.fail(pending, error)
            return
        self._finish(pending)
        pending.caller.send(Error(CALL_TYPE, pending.request_id, {}, message.error), payload)

    # --- what ends a call, and what comes before its end --------------------------------------

    def progress(self, pending: PendingCall, payload: Payload) -> None:
        """A progressive result passes the gate."""
        if self._realm.gate.is_open(pending):
            pending.outbox.send(Result(pending.request_id, {"progress": True}), payload, pending)

    def offer_progress(self, pending: PendingCall, payload: Payload, position: int) -> bool:
        """A progressive result of an in-process callee: queued only if there is room."""
        if pending.is_over or not self._realm.gate.is_open(pending):
            return False
        wire = pending.outbox.wire
        frame = wire.frame(Result(pending.request_id, {"progress": True}), payload)
        return pending.outbox.offer(Item(frame, wire.size(frame), pending, None, position), pending)

    def result(self, pending: PendingCall, payload: Payload) -> None:
        """The final result, after all progressive ones."""
        self._end(pending)
        pending.caller.send(Result(pending.request_id, {}), payload)

    def fail(self, pending: PendingCall, error: RequestError) -> None:
        """The call ends with ERROR; queued progressive results are taken back."""
        self._finish(pending)
        pending.caller.send_error(CALL_TYPE, pending.request_id, error)

    def revoke_call(self, pending: PendingCall) -> None:
        """The caller lost the right that the call rests on."""
        _interrupt(pending, "killnowait", NotAuthorized.uri)
        self.fail(pending, NotAuthorized(f"permission for the call of {pending.procedure!r} was revoked"))

    def session_left(self, session: "Session") -> None:
        """A callee that leaves fails its calls at once; a caller that leaves frees its callees."""
        for pending in list(session.calls.values()):
            _interrupt(pending, "killnowait", "wamp.error.canceled")
            self._finish(pending)
        for pending in list(session.invocations.values()):
            self.fail(pending, Canceled(f"the callee of {pending.procedure!r} has left"))
        for registration in list(session.registrations.values()):
            self._realm.dealer.unregister(session, registration.id)
            self._realm.gate.release(registration)

    def _finish(self, pending: PendingCall) -> None:
        pending.outbox.purge(pending)
        self._end(pending)

    def _end(self, pending: PendingCall) -> None:
        self._realm.dealer.finish(pending)
        self._realm.gate.release(pending)

    def _object_of(self, action: Action, uri: str) -> str | None:
        return self._realm.authorizer.object_of(action, uri)


def _interrupt(pending: PendingCall, mode: str, reason: str) -> None:
    """Tell the callee, if it can be told, that nobody waits for the result (spec: Advanced Profile, Call Canceling)."""
    if pending.callee.features.takes_interrupt:
        pending.callee.send(Interrupt(pending.invocation_id, {"mode": mode, "reason": reason}))


def _disclosure(session: "Session") -> dict[str, Any]:
    """Who calls (spec: Advanced Profile, Caller Identification)."""
    return {
        "caller": session.id,
        "caller_authid": session.principal.authid,
        "caller_authrole": session.principal.authrole,
    }
