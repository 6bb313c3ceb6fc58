"""The dispatch of calls: which callee gets a call, and when.

A call goes to a callee at once if one can take it. It waits in the queue of its registration while all callees
are at their limit of `concurrency`, or, if its caller said so (`_fairlead_wait_ms`), until there is a
registration at all. What waits is taken up in order when a callee has room, a registration appears or ends. A
callee that says it is unavailable is passed over (spec: Advanced Profile, Call Re-Routing).
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from fairlead_router.disclosure import identity, is_disclosed
from fairlead_router.errors import (
    FeatureNotSupported,
    LimitExceeded,
    NoAvailableCallee,
    NoSuchProcedure,
    RequestError,
)
from fairlead_router.messages import Invocation
from fairlead_router.passthru import passed_on, require_taker
from fairlead_router.payload import Payload
from fairlead_router.rpc.call_queue import CallQueue
from fairlead_router.rpc.pending_call import PendingCall
from fairlead_router.rpc.registration import Callee, Registration
from fairlead_router.uris import matches

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session


class Dispatch:
    """The calls of one realm on their way to callees. `fail` ends a call that has begun with an error."""

    def __init__(self, realm: "Realm", fail: Callable[[PendingCall, RequestError], None]) -> None:
        self._realm = realm
        self._dealer = realm.dealer
        self._fail = fail
        self._may_disclose_unasked = realm.options.disclosure == "always"
        self._without_callee = CallQueue("calls_without_callee", realm.limits.calls_without_callee)

    # --- calls --------------------------------------------------------------------------------

    def start(self, call: PendingCall, payload: Payload) -> None:
        """Invoke a callee, or have the call wait for one.

        Raises NoSuchProcedure, FeatureNotSupported, LimitExceeded, InvalidArgument; then nothing has been done.
        """
        callee = self._find(call)
        if callee is None:
            self._keep_waiting(call, payload)
            return
        self._invoke(call, callee, payload, call.expects_more)
        if callee.registration.invoke != "single" and not call.options.progress and call.can_keep(payload):
            call.keep(payload)

    def go_on(self, call: PendingCall, payload: Payload) -> None:
        """Another CALL of the same request goes to the same callee, or waits behind the first.

        Spec: Advanced Profile, Progressive Call Invocations. Raises InvalidArgument, LimitExceeded.
        """
        payload.check()
        if call.callee is None:
            call.keep(payload)
        else:
            self._send(call, call.callee, payload, call.expects_more)

    def reroute(self, call: PendingCall) -> None:
        """The callee did nothing for the call, so that another one may: each is asked at most once."""
        callee = call.callee
        assert callee is not None
        if not can_be_rerouted(call):
            self._fail(call, _no_available_callee(call))
            return
        self._realm.counters.calls_rerouted += 1
        call.refused = call.refused | {callee}
        call.on_writable = None
        call.untie()
        self._dealer.take_back(call, callee)
        self._start_anew(call)
        self.move_on(callee.registration)

    # --- what waits ---------------------------------------------------------------------------

    def has_room(self, callee: Callee | None) -> None:
        """A call of this callee has ended; None if it had none yet."""
        if callee is not None and callee.registration.queue.calls:
            self.move_on(callee.registration)

    def move_on(self, registration: Registration) -> None:
        """A callee has room, or there is another, or none any more: take up what waits."""
        while (call := registration.queue.head) is not None and self._takes_up(registration, call):
            pass

    def registration_appeared(self, registration: Registration) -> None:
        """Calls may have waited for it. Whether it matches is asked first, for that is quick."""
        uri, match = registration.procedure, registration.match
        for call in [call for call in self._without_callee.calls if matches(uri, match, call.procedure)]:
            if self._dealer.best_match(call.procedure) is not None:
                self._without_callee.remove(call)
                if call.wait_timer is not None:
                    call.wait_timer.cancel()
                self._start_anew(call)

    def _takes_up(self, registration: Registration, call: PendingCall) -> bool:
        """Take the first call out of the queue, if that is possible now."""
        if not registration.callees:
            registration.queue.remove(call)
            self._start_anew(call)
            return True
        callee = registration.pick(call.refused)
        if callee is None:
            if not _is_refused_by_all(call, registration):
                return False
            self._fail(call, _no_available_callee(call))
        elif self._realm.gate.is_open(callee) and call.may_go_on:
            registration.queue.remove(call)
            self._resume(call, callee)
        return True

    def _start_anew(self, call: PendingCall) -> None:
        """A call that waited or was refused finds a callee, waits in another queue, or fails."""
        try:
            callee = self._find(call)
            if callee is None:
                self._wait(call)
            elif call.may_go_on:
                self._resume(call, callee)
        except RequestError as error:
            self._fail(call, error)

    def _resume(self, call: PendingCall, callee: Callee) -> None:
        """Hand over what was kept; it is kept on only if another callee could take it over."""
        first, *others = call.kept
        try:
            self._invoke(call, callee, first, bool(others) or call.expects_more)
            for number, payload in enumerate(others, 1):
                self._send(call, callee, payload, number < len(others) or call.expects_more)
        except RequestError as error:
            self._fail(call, error)
        else:
            if call.options.progress or callee.registration.invoke == "single":
                call.drop_kept()

    def _find(self, call: PendingCall) -> Callee | None:
        """The callee that gets the call; None if it has to wait, behind others or for a registration."""
        while (registration := self._dealer.best_match(call.procedure)) is not None:
            callee = None if registration.queue.calls else registration.pick(call.refused)
            if callee is None or self._realm.gate.is_open(callee):
                return callee
        return None

    def _keep_waiting(self, call: PendingCall, payload: Payload) -> None:
        payload.check()
        call.keep(payload)
        try:
            self._wait(call)
        except RequestError:
            call.drop_kept()
            raise

    def _wait(self, call: PendingCall) -> None:
        registration = self._dealer.best_match(call.procedure)
        if registration is None:
            self._wait_for_registration(call)
        elif _is_refused_by_all(call, registration):
            raise _no_available_callee(call)
        else:
            registration.queue.add(call)

    def _wait_for_registration(self, call: PendingCall) -> None:
        wait_s, limit_s = call.options.fairlead_wait_ms / 1000, self._realm.limits.callee_wait_s
        if call.refused:
            raise _no_available_callee(call)
        if not wait_s or call.wait_timer is not None:
            raise _no_such_procedure(call)
        if wait_s > limit_s:
            text = f"_fairlead_wait_ms={call.options.fairlead_wait_ms} is more than {limit_s:g} s"
            raise LimitExceeded(text, limit="callee_wait_s")
        self._without_callee.add(call)
        call.wait_timer = self._realm.host.call_later(wait_s, partial(self._gave_up, call))

    def _gave_up(self, call: PendingCall) -> None:
        self._fail(call, _no_such_procedure(call))

    # --- INVOCATION ---------------------------------------------------------------------------

    def _invoke(self, call: PendingCall, callee: Callee, payload: Payload, has_more: bool) -> None:
        """The first INVOCATION of a call. Raises before anything has been done."""
        session = callee.session
        in_progress = len(session.invocations)
        if in_progress >= self._realm.limits.invocations_per_session:
            text = f"the callee of {call.procedure!r} has {in_progress} calls in progress"
            raise LimitExceeded(text, limit="invocations_per_session")
        if not session.is_service:
            payload.check()
        call.details = self._details(call, callee)
        if callee.forwards_timeout:
            self._forward_timeout(call)
        self._dealer.hand_over(call, callee)
        self._send(call, callee, payload, has_more)

    def _send(self, call: PendingCall, callee: Callee, payload: Payload, has_more: bool) -> None:
        """One INVOCATION. Its owner in the outbox is its id: so it is known which were not written."""
        details = {**call.details, "progress": True} if has_more else call.details
        invocation = Invocation(call.invocation_id, callee.registration.id, details)
        callee.outbox.send(invocation, payload, call.invocation_id)

    def _details(self, call: PendingCall, callee: Callee) -> dict[str, Any]:
        """What the callee is told beside the payload. Raises FeatureNotSupported, OptionDisallowedDiscloseMe."""
        caller, options, features = call.caller, call.options, callee.session.features
        if options.progress and not features.takes_progressive_calls:
            raise FeatureNotSupported(f"the callee of {call.procedure!r} takes no progressive call invocations")
        details: dict[str, Any] = {}
        if options.disclose_me or callee.discloses_caller or self._may_disclose_unasked:
            details = _disclosure(caller, options.disclose_me or callee.discloses_caller)
        if options.receive_progress:
            details["receive_progress"] = True
        if callee.registration.match != "exact":
            details["procedure"] = call.procedure
        if caller.principal.trustlevel is not None:
            details["trustlevel"] = caller.principal.trustlevel
        if options.ppt_scheme:
            require_taker(callee.session, "callee")
            details |= passed_on(options, caller, "caller")
        return details

    def _forward_timeout(self, call: PendingCall) -> None:
        """The callee minds the time, and we only if it doesn't (spec: Advanced Profile, Call Timeouts).

        A call that has waited keeps our timer: the callee could not know how much time is left.
        """
        if call.options.timeout and call.timeout_s is not None and call.timer is None:
            call.details["timeout"] = round(call.timeout_s * 1000)
            call.timeout_s += self._realm.limits.timeout_grace_s


def can_be_rerouted(call: PendingCall) -> bool:
    """Whether another callee could take the call over: nothing of it has been seen yet, on either side."""
    return len(call.kept) == 1 and not (call.options.progress or call.has_progressed or call.is_interrupted)


def _disclosure(caller: "Session", is_asked: bool) -> dict[str, Any]:
    return identity(caller, "caller") if is_disclosed(caller, is_asked) else {}


def _is_refused_by_all(call: PendingCall, registration: Registration) -> bool:
    return all(callee in call.refused for callee in registration.callees)


def _no_available_callee(call: PendingCall) -> NoAvailableCallee:
    return NoAvailableCallee(f"no callee of procedure {call.procedure!r} is available")


def _no_such_procedure(call: PendingCall) -> NoSuchProcedure:
    return NoSuchProcedure(f"no callee has registered procedure {call.procedure!r}")
