"""What CALL, CANCEL, YIELD and an invocation's ERROR do, and everything else that ends a call.

A CALL with the request id of a call in progress continues it, if that was announced with `progress` (spec: Advanced
Profile, Progressive Call Invocations); any other use of an id in progress breaks the protocol. Gaps do not:
clients count their requests of all types together, or draw ids at random.
"""

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from fairlead_router.errors import (
    Canceled,
    FeatureNotSupported,
    InvalidArgument,
    LimitExceeded,
    NoAvailableCallee,
    NotAuthorized,
    ProtocolViolation,
    RequestError,
    Timeout,
    Unavailable,
)
from fairlead_router.item import Item
from fairlead_router.messages import (
    CallMessage,
    CallOptions,
    Cancel,
    Error,
    Interrupt,
    ReceivedError,
    Result,
    Yield,
)
from fairlead_router.passthru import passed_on, require_taker
from fairlead_router.payload import Payload
from fairlead_router.questions import Question
from fairlead_router.rpc.dispatch import Dispatch, can_be_rerouted
from fairlead_router.rpc.own_procedures import OwnProcedure, PassedOn
from fairlead_router.rpc.pending_call import PendingCall
from fairlead_router.rpc.registration import Callee
from fairlead_router.rpc.shown_results import Shown, ShownResults
from fairlead_router.serializers import payload_of
from fairlead_router.uris import check_uri

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session

CALL_TYPE = 48
YIELD_TYPE = 70
"""ERROR names the type of the message that it answers."""

UNAVAILABLE = frozenset({Unavailable.uri, NoAvailableCallee.uri})
"""With these a callee says that it did nothing for the call (spec: Advanced Profile, Call Re-Routing)."""


class Rpc:
    """The calls of one realm."""

    def __init__(self, realm: "Realm") -> None:
        self._realm = realm
        self.dispatch = Dispatch(realm, self.fail)
        self._shown: dict[Session, ShownResults] = {}

    # --- CALL ---------------------------------------------------------------------------------

    def question_call(self, session: "Session", message: CallMessage) -> Question | None:
        """None: the call has been authorized already, and this continues it.

        Raises InvalidUri, OptionDisallowedDiscloseMe, LimitExceeded, ProtocolViolation.
        """
        if message.request in session.calls:
            _check_continues(session.calls[message.request], message)
            return None
        if message.request in session.ended_calls:
            return None
        if message.procedure not in self._realm.dealer.exact:  # what is registered has been checked
            check_uri(message.procedure, "exact", self._realm.limits.uri_length)
        if message.options.progress or message.options.ppt_scheme:
            _check_announced(session, message.options)
        if len(session.calls) >= self._realm.limits.calls_per_session:
            raise LimitExceeded(
                f"the session has {len(session.calls)} calls in progress",
                limit="calls_per_session",
            )
        object_id = self._realm.object_of("call", message.procedure)
        return Question("call", message.procedure, "exact", object_id)

    def call(self, session: "Session", message: CallMessage) -> None:
        """Raises NoSuchProcedure, FeatureNotSupported, InvalidArgument, LimitExceeded."""
        if message.request in session.calls:
            self._go_on(session.calls[message.request], message)
            return
        if message.request in session.ended_calls:
            _drop_late(session, message)
            return
        realm = self._realm
        payload = payload_of(message, session.outbox.wire.codec)
        own = realm.procedures.get(message.procedure)
        if own is not None:
            self._answer(session, message, own, payload)
            return
        call = PendingCall(session, message)
        if message.options.timeout:
            call.timeout_s = min(message.options.timeout / 1000, realm.options.call_timeout_max_s)
        else:
            call.timeout_s = realm.options.call_timeout_s
        self.dispatch.start(call, payload)
        realm.dealer.begin(call)
        realm.gate.admit(call)
        if call.timeout_s is not None:
            self._restart_timer(call)

    def refuse(self, session: "Session", message: CallMessage, error: RequestError) -> None:
        """ERROR ends the call, whichever CALL of it could not be taken; its caller may still be sending more."""
        call = session.calls.get(message.request)
        if call is not None:
            call.expects_more = message.options.progress
            self._give_up(call, error)
            return
        if message.request in session.ended_calls:
            _drop_late(session, message)
            return
        if message.options.progress:
            session.progressive_call_ended(message.request)
        self._realm.limit_exceeded(error, session.id)
        session.send_error(CALL_TYPE, message.request, error)

    def _answer(self, session: "Session", message: CallMessage, own: OwnProcedure, payload: Payload) -> None:
        """A procedure of the router's own. Raises what that raises."""
        if message.options.progress or message.options.ppt_scheme:
            raise FeatureNotSupported(f"procedure {message.procedure!r} takes its arguments at once and as they are")
        result = own(session, payload)
        if not session.is_open:
            return  # it has ended itself, and GOODBYE is the last that it hears
        if isinstance(result, PassedOn):
            self._pass_on(session, message, result)
        elif isinstance(result, Shown):
            self._shown_to(session).send(Result(message.request, {}), result)
        else:
            session.send(Result(message.request, {}), result)

    def _pass_on(self, session: "Session", message: CallMessage, passed: PassedOn) -> None:
        """A service's procedure answers, which the caller must be allowed to call too."""
        procedure = passed.procedure
        if not session.sees((Question("call", procedure, "exact", self._realm.object_of("call", procedure)),)):
            raise NotAuthorized(f"{session.principal.authid!r} may not call {procedure!r}")
        payload = passed.payload.to(session.outbox.wire.codec)
        raws = msgspec.Raw(payload.args_bytes), msgspec.Raw(payload.kwargs_bytes)
        self.call(session, CallMessage(message.request, message.options, procedure, *raws))
        call = session.calls.get(message.request)
        if call is not None:
            call.shown_while = (*call.shown_while, passed.is_allowed)

    def _shown_to(self, session: "Session") -> ShownResults:
        shown = self._shown.get(session)
        if shown is None:
            shown = self._shown[session] = ShownResults(session)
            self._realm.gate.admit(shown)
        return shown

    def _go_on(self, call: PendingCall, message: CallMessage) -> None:
        """Options other than `progress` are those of the first CALL. Raises InvalidArgument, LimitExceeded."""
        payload = payload_of(message, call.outbox.wire.codec)
        call.expects_more = message.options.progress
        if call.may_go_on:
            self.dispatch.go_on(call, payload)

    # --- the time that a call may take --------------------------------------------------------

    def _restart_timer(self, call: PendingCall) -> None:
        """From CALL to the first result, and from result to result (spec: Progressive Call Results, Timeouts)."""
        if call.timer is not None:
            call.timer.cancel()
        if call.timeout_s is not None:
            call.timer = self._realm.host.call_later(call.timeout_s, partial(self._timed_out, call))

    def _timed_out(self, call: PendingCall) -> None:
        self._realm.counters.calls_timed_out += 1
        self._give_up(call, Timeout(f"procedure {call.procedure!r} gave no result within {call.timeout_s:g} s"))

    # --- CANCEL -------------------------------------------------------------------------------

    def cancel(self, session: "Session", message: Cancel) -> None:
        """A call that is over already is no error: CANCEL and the result may cross.

        A service is interrupted in every mode: what it still does for nobody is our own expense.
        """
        call = session.calls.get(message.request)
        if call is None:
            return
        mode, callee = message.options.mode, call.callee
        if callee is not None and (mode != "skip" or callee.session.is_service):
            _interrupt(call, mode, Canceled.uri)
        if mode != "kill" or callee is None or not callee.session.features.takes_interrupt:
            self.fail(call, Canceled("the caller canceled the call"))

    # --- YIELD and ERROR of an invocation -----------------------------------------------------

    def yield_(self, callee: "Session", message: Yield) -> None:
        """A result of a call that is over already goes nowhere (spec: Basic Profile, Call ordering)."""
        call = callee.invocations.get(message.request)
        if call is None:
            return
        payload, options = payload_of(message, callee.outbox.wire.codec), message.options
        attributes = passed_on(options, callee, "callee") if options.ppt_scheme else {}
        try:
            payload.check()
            if attributes:
                require_taker(call.caller, "caller")
        except FeatureNotSupported as error:
            callee.send_error(YIELD_TYPE, message.request, error)
            self._give_up(call, error)
        except InvalidArgument as error:
            self._give_up(call, error)
        else:
            if not options.progress:
                self.result(call, payload, attributes)
            elif call.wants_progress:
                self._progress(call, payload, attributes)

    def _progress(self, call: PendingCall, payload: Payload, attributes: dict[str, str]) -> None:
        """A progressive result passes the gate."""
        if call.may_go_on:
            self._has_progressed(call)
            call.outbox.send(Result(call.request_id, {"progress": True, **attributes}), payload, call)

    def error(self, callee: "Session", message: ReceivedError) -> None:
        """The callee's error goes to the caller as it is, unless it says that another callee may do."""
        call = callee.invocations.get(message.request)
        if call is None:
            return
        attributes = passed_on(message.details, callee, "callee")
        try:
            check_uri(message.error, "exact", self._realm.limits.uri_length)
            payload = payload_of(message, callee.outbox.wire.codec)
            payload.check()
            if attributes:
                require_taker(call.caller, "caller")
        except RequestError as error:
            self.fail(call, error)
            return
        if message.error in UNAVAILABLE:
            self.dispatch.reroute(call)
            return
        freed = self._finish(call)
        call.caller.send(Error(CALL_TYPE, call.request_id, attributes, message.error), payload)
        self.dispatch.has_room(freed)

    # --- the results of an in-process callee --------------------------------------------------

    def offer_progress(self, call: PendingCall, payload: Payload, position: int) -> bool:
        """A progressive result: queued only if there is room."""
        self._realm.deadlines.run_due()
        if call.is_over or not call.may_go_on:
            return False
        wire = call.outbox.wire
        frame = wire.frame(Result(call.request_id, {"progress": True}), payload)
        is_queued = call.outbox.offer(Item(frame, wire.size(frame), call, None, position), call)
        if is_queued:
            self._has_progressed(call)
        return is_queued

    def result(self, call: PendingCall, payload: Payload, attributes: dict[str, str] | None = None) -> None:
        """The final result, after all progressive ones; with them it rests on the rights that the call rested on."""
        result = Result(call.request_id, attributes or {})
        conditions = call.conditions if call.ties or call.shown_while else ()
        freed = self._end(call)
        if conditions or call.has_progressed:
            self._shown_to(call.caller).send(result, Shown(payload, partial(call.may_be_shown, conditions)), call)
        else:
            call.caller.outbox.send(result, payload)
        self.dispatch.has_room(freed)

    def abort(self, call: PendingCall, error: RequestError) -> None:
        """The callee's error."""
        if error.uri in UNAVAILABLE:
            self.dispatch.reroute(call)
        else:
            self.fail(call, error)

    def _has_progressed(self, call: PendingCall) -> None:
        call.has_progressed = True
        if call.timer is not None:
            self._restart_timer(call)

    # --- the end of a call --------------------------------------------------------------------

    def fail(self, call: PendingCall, error: RequestError) -> None:
        """The call ends with ERROR; queued progressive results are taken back."""
        freed = self._finish(call)
        self._realm.limit_exceeded(error, call.caller.id)
        call.caller.send_error(CALL_TYPE, call.request_id, error)
        self.dispatch.has_room(freed)

    def revoke_call(self, call: PendingCall) -> None:
        """The caller lost the right that the call rests on."""
        self._give_up(call, NotAuthorized(f"permission for the call of {call.procedure!r} was revoked"))

    def session_left(self, session: "Session", unwritten: set[object]) -> None:
        """A callee that leaves fails its calls at once; a caller that leaves frees its callees.

        What waits ends first, so that it is not taken up when something makes room. `unwritten` are the owners of what
        was not written to the session and never will be.
        """
        for call in [call for call in session.calls.values() if call.queue is not None]:
            self._finish(call)
        self._realm.registering.remove(*session.registrations.values())
        for call in list(session.calls.values()):
            _interrupt(call, "killnowait", Canceled.uri)
            self.dispatch.has_room(self._finish(call))
        for call in list(session.invocations.values()):
            self._callee_left(call, is_unwritten=call.invocation_id in unwritten)
        shown = self._shown.pop(session, None)
        if shown is not None:
            self._realm.gate.release(shown)

    def callee_revoked(self, callee: Callee) -> None:
        """The right to offer the procedure has gone: a call that was not even written to the callee is not (G12)."""
        unwritten = callee.outbox.queued_owners()
        for call in [call for call in callee.session.invocations.values() if call.callee is callee]:
            if call.invocation_id in unwritten and not call.options.progress:
                callee.outbox.purge(call.invocation_id)
                self._callee_left(call, is_unwritten=True)

    def _callee_left(self, call: PendingCall, *, is_unwritten: bool) -> None:
        """What it may have begun fails; what was not even written to it goes to another callee where there is one."""
        if is_unwritten and can_be_rerouted(call):
            self.dispatch.reroute(call)
        else:
            self.fail(call, Canceled(f"the callee of {call.procedure!r} has left"))

    def _give_up(self, call: PendingCall, error: RequestError) -> None:
        """The call fails, and not by its callee's doing."""
        _interrupt(call, "killnowait", error.uri)
        self.fail(call, error)

    def _finish(self, call: PendingCall) -> Callee | None:
        """The call ends otherwise than by its final result: what is queued of it is taken back."""
        if call.has_progressed:
            call.outbox.purge(call)
        return self._end(call)

    def _end(self, call: PendingCall) -> Callee | None:
        """Nothing of the call stays anywhere. Returns the callee that has room now, for when the caller is told."""
        callee = call.callee
        self._realm.dealer.finish(call)
        self._realm.gate.release(call)
        if call.ties or call.rights_watch is not None:
            call.untie()
        if call.timer is not None:
            call.timer.cancel()
        if call.wait_timer is not None:
            call.wait_timer.cancel()
        if call.kept:
            call.drop_kept()
        if call.expects_more:
            call.caller.progressive_call_ended(call.request_id)
        return callee


def _drop_late(session: "Session", message: CallMessage) -> None:
    """It continues a call that has ended meanwhile; the last one ends the matter."""
    if not message.options.progress:
        del session.ended_calls[message.request]


def _check_announced(session: "Session", options: CallOptions) -> None:
    if options.progress and not session.features.calls_progressively:
        raise ProtocolViolation("CALL with progress from a caller without progressive_call_invocations")
    passed_on(options, session, "caller")


def _check_continues(call: PendingCall, message: CallMessage) -> None:
    if not call.expects_more:
        raise ProtocolViolation(f"CALL request {message.request} is in progress already")
    if call.procedure != message.procedure:
        raise ProtocolViolation(f"CALL request {message.request} is a call of {call.procedure!r} already")


def _interrupt(call: PendingCall, mode: str, reason: str) -> None:
    """Tell the callee, once and if it can be told, that nobody waits (spec: Advanced Profile, Call Canceling)."""
    callee = call.callee
    if callee is not None and not call.is_interrupted and callee.session.features.takes_interrupt:
        call.is_interrupted = True
        callee.session.send(Interrupt(call.invocation_id, {"mode": mode, "reason": reason}))
