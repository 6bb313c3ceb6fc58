"""The Dealer: who has registered what, which registration a call goes to, and which calls are in progress.

No I/O here, no clock and no authorization: the realm has authorized what arrives and sends what is
returned.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from fairlead_router.errors import LimitExceeded, NoSuchRegistration, ProcedureAlreadyExists
from fairlead_router.host import Host
from fairlead_router.limits import Limits
from fairlead_router.messages import RegisterOptions
from fairlead_router.prefixes import PrefixIndex
from fairlead_router.rpc.pending_call import PendingCall
from fairlead_router.rpc.registration import Callee, Registration
from fairlead_router.uris import Match, is_reserved, new_id
from fairlead_router.wildcards import WildcardIndex

if TYPE_CHECKING:
    from fairlead_router.session import Session


class RegistrationObserver(Protocol):
    """Who wants to know of registrations, as the meta API does.

    It is told in the midst of a request or of the gate's sweep: it may look, and publish in the next turn.
    """

    def on_create(self, session: "Session", registration: Registration) -> None:
        """The first callee registers; `on_register` follows."""

    def on_register(self, session: "Session", registration: Registration) -> None:
        """The session is a callee from now on; its REGISTERED follows in this turn."""

    def on_unregister(self, session: "Session", registration: Registration) -> None:
        """The session is a callee no more: unregistered, revoked, replaced, or gone."""

    def on_delete(self, session: "Session", registration: Registration) -> None:
        """It was the last callee; `on_unregister` came before."""


class Dealer:
    """The registrations and calls of one realm."""

    def __init__(self, host: Host, limits: Limits) -> None:
        self._host = host
        self._limits = limits
        self._by_id: dict[int, Registration] = {}
        self.exact: dict[str, Registration] = {}
        """By procedure. Public because each call looks here."""
        self._tables: dict[Match, dict[str, Registration]] = {"exact": self.exact, "prefix": {}, "wildcard": {}}
        self._prefixes: PrefixIndex[Registration] = PrefixIndex()
        self._wildcards: WildcardIndex[Registration] = WildcardIndex()
        self._observers: list[RegistrationObserver] = []

    # --- registrations ------------------------------------------------------------------------

    def observe(self, observer: RegistrationObserver) -> None:
        """Tell this observer of registrations from now on."""
        self._observers.append(observer)

    def register(self, session: "Session", procedure: str, options: RegisterOptions, object_id: str | None) -> Callee:
        """Make the session a callee. Raises ProcedureAlreadyExists, LimitExceeded."""
        registration = self.lookup(procedure, options.match)
        is_created = registration is None
        if registration is None:
            registration = self._add(procedure, options)
        else:
            self._check_joins(session, registration, options)
        callee = Callee(session, registration, options, object_id)
        registration.add(callee)
        session.registrations[registration.id] = callee
        for observer in self._observers:
            if is_created:
                observer.on_create(session, registration)
            observer.on_register(session, registration)
        return callee

    def remove(self, callee: Callee) -> None:
        """Take a callee out of all tables; its registration goes with its last callee. Calls in progress go on."""
        session, registration = callee.session, callee.registration
        del session.registrations[registration.id]
        registration.remove(callee)
        if not registration.callees:
            self._drop(registration)
        for observer in self._observers:
            observer.on_unregister(session, registration)
            if not registration.callees:
                observer.on_delete(session, registration)

    def _check_joins(self, session: "Session", registration: Registration, options: RegisterOptions) -> None:
        procedure = registration.procedure
        if registration.id in session.registrations:
            raise ProcedureAlreadyExists(f"the session has registered procedure {procedure!r} already")
        if registration.invoke == "single":
            raise ProcedureAlreadyExists(f"procedure {procedure!r} is registered already")
        if registration.invoke != options.invoke:
            raise ProcedureAlreadyExists(
                f"procedure {procedure!r} is registered with invoke={registration.invoke}, not {options.invoke}"
            )
        if len(registration.callees) >= self._limits.callees_per_registration:
            raise LimitExceeded(
                f"procedure {procedure!r} has {len(registration.callees)} callees already",
                limit="callees_per_registration",
            )

    def _add(self, procedure: str, options: RegisterOptions) -> Registration:
        registration = Registration(new_id(self._by_id), procedure, options, self._host.time_us(), self._limits)
        self._by_id[registration.id] = registration
        self._tables[options.match][procedure] = registration
        if options.match == "prefix":
            self._prefixes.add(procedure, registration)
        elif options.match == "wildcard":
            self._wildcards.add(procedure, registration)
        return registration

    def _drop(self, registration: Registration) -> None:
        del self._by_id[registration.id]
        del self._tables[registration.match][registration.procedure]
        if registration.match == "prefix":
            self._prefixes.remove(registration.procedure)
        elif registration.match == "wildcard":
            self._wildcards.remove(registration.procedure)

    # --- questions ----------------------------------------------------------------------------

    def lookup(self, procedure: str, match: Match) -> Registration | None:
        """The registration of exactly this procedure or pattern."""
        return self._tables[match].get(procedure)

    def get(self, registration_id: int) -> Registration | None:
        """A registration by its id."""
        return self._by_id.get(registration_id)

    def registrations(self) -> Iterable[Registration]:
        """All registrations, the oldest first."""
        return list(self._by_id.values())

    def callee(self, session: "Session", registration_id: int) -> Callee:
        """The session's part in a registration. Raises NoSuchRegistration."""
        callee = session.registrations.get(registration_id)
        if callee is None:
            raise NoSuchRegistration(f"session {session.id} has no registration {registration_id}")
        return callee

    def best_match(self, procedure: str) -> Registration | None:
        """The one registration that a call goes to: exact, else the longest prefix, else the best wildcard pattern.

        Spec: Advanced Profile, Pattern-based Registrations, Calls Matching Multiple Registrations.
        """
        exact = self.exact.get(procedure)
        return exact if exact is not None else self._best_pattern(procedure)

    def _best_pattern(self, procedure: str) -> Registration | None:
        """Nobody speaks in the name of a service: patterns of others don't match reserved procedures.

        A prefix may end amid a component. By the examples of the spec such a one alone does not come before the
        wildcard patterns: `a1.b2.c3` is no better for `a1.b2.c33.d4.e5` than `a1.b2.c33..e5`.
        """
        prefixes, wildcards = self._prefixes.matching(procedure), self._wildcards.matching(procedure)
        has_components = any(_ends_a_component(each.procedure, procedure) for each in prefixes)
        is_for_services = is_reserved(procedure)
        for registration in prefixes + wildcards if has_components else wildcards + prefixes:
            if not is_for_services or all(callee.session.is_service for callee in registration.callees):
                return registration
        return None

    # --- calls --------------------------------------------------------------------------------

    def begin(self, call: PendingCall) -> None:
        """Enter a call in the table of its caller."""
        call.caller.calls[call.request_id] = call

    def hand_over(self, call: PendingCall, callee: Callee) -> None:
        """The callee gets the call."""
        call.callee = callee
        call.invocation_id = callee.session.next_request_id()
        callee.session.invocations[call.invocation_id] = call
        callee.in_progress += 1

    def take_back(self, call: PendingCall, callee: Callee) -> None:
        """The callee has nothing to do with the call any more: whatever it still answers goes to nobody."""
        del callee.session.invocations[call.invocation_id]
        callee.in_progress -= 1
        call.callee = None

    def finish(self, call: PendingCall) -> None:
        """The call is over for both sides."""
        call.is_over = True
        del call.caller.calls[call.request_id]
        if call.callee is not None:
            self.take_back(call, call.callee)
        elif call.queue is not None:
            call.queue.remove(call)
        if call.wants_progress:
            call.outbox.forget(call)


def _ends_a_component(prefix: str, procedure: str) -> bool:
    return prefix.endswith(".") or procedure[len(prefix) : len(prefix) + 1] in ("", ".")
