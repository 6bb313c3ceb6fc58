"""What REGISTER and UNREGISTER do, and what else makes and ends a session's part in a registration.

A callee that the router takes a procedure from keeps the calls that it has, and is told by UNREGISTERED with
request 0 where it announced `registration_revocation` (spec: Advanced Profile, Registration Revocation).
"""

from typing import TYPE_CHECKING

from fairlead_router.disclosure import is_disclosed
from fairlead_router.errors import LimitExceeded, NotAuthorized, OptionNotAllowed
from fairlead_router.messages import Register, Registered, RevokedRegistration, Unregister, Unregistered
from fairlead_router.questions import Question
from fairlead_router.rpc.invocation_policy import POLICIES
from fairlead_router.rpc.registration import Callee, Registration
from fairlead_router.uris import Match, check_components, check_uri, is_reserved

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session

REPLACED = "fairlead.revoked.replaced"
"""Why a callee lost its registration: another one registered with `force_reregister`."""


class Registering:
    """The registration requests of one realm."""

    def __init__(self, realm: "Realm") -> None:
        self._realm = realm

    def question(self, session: "Session", message: Register) -> Question:
        """Raises InvalidUri, NotAuthorized, OptionNotAllowed, OptionDisallowedDiscloseMe, LimitExceeded."""
        options, limits = message.options, self._realm.limits
        if options.invoke not in POLICIES:
            raise OptionNotAllowed(f"invoke={options.invoke[:50]!r} is none of {', '.join(POLICIES)}")
        check_uri(message.procedure, options.match, limits.uri_length)
        if options.match == "wildcard":
            check_components(message.procedure, limits.wildcard_components)
        if not session.is_service and is_reserved(message.procedure):
            raise NotAuthorized(f"procedure {message.procedure!r} is reserved for services inside the router")
        is_disclosed(session, options.disclose_caller)
        if len(session.registrations) >= limits.registrations_per_session:
            raise LimitExceeded(
                f"the session has {len(session.registrations)} registrations already",
                limit="registrations_per_session",
            )
        object_id = self.object_of(message.procedure, options.match)
        return Question("register", message.procedure, options.match, object_id)

    def object_of(self, procedure: str, match: Match) -> str | None:
        """The object that gates a concrete procedure; a pattern is judged as a whole."""
        return self._realm.object_of("register", procedure) if match == "exact" else None

    def register(self, session: "Session", message: Register) -> None:
        """Raises ProcedureAlreadyExists, NotAuthorized, LimitExceeded.

        REGISTERED comes before the calls that have waited for it.
        """
        dealer, options = self._realm.dealer, message.options
        replaced = dealer.lookup(message.procedure, options.match) if options.force_reregister else None
        if replaced is not None:
            self._replace(session, replaced)
        object_id = self.object_of(message.procedure, options.match)
        callee = dealer.register(session, message.procedure, options, object_id)
        self._realm.gate.admit(callee)
        session.send(Registered(message.request, callee.registration.id))
        dispatch = self._realm.rpc.dispatch
        if replaced is not None:
            dispatch.move_on(replaced)
        dispatch.move_on(callee.registration)
        dispatch.registration_appeared(callee.registration)

    def unregister(self, session: "Session", message: Unregister) -> None:
        """Calls in progress go on. Raises NoSuchRegistration."""
        callee = self._realm.dealer.callee(session, message.registration)
        self.remove(callee)
        session.send(Unregistered(message.request))

    def revoke(self, callee: Callee, reason: str) -> None:
        """The router takes a procedure away from a callee: the right has gone, or an administrator says so."""
        self.remove(callee)
        self._tell(callee, reason)

    def remove(self, *callees: Callee) -> None:
        """Their sessions offer these no more. The calls that wait move on, and to none of them."""
        for callee in callees:
            self._take_out(callee)
        for callee in callees:
            self._realm.rpc.dispatch.move_on(callee.registration)

    def _replace(self, session: "Session", registration: Registration) -> None:
        """All callees make room for this session: the zombie of a lost connection, mostly. Raises NotAuthorized."""
        if not session.is_service and any(callee.session.is_service for callee in registration.callees):
            raise NotAuthorized(f"procedure {registration.procedure!r} belongs to a service inside the router")
        for callee in list(registration.callees):
            self._take_out(callee)
            self._tell(callee, REPLACED)

    def _take_out(self, callee: Callee) -> None:
        self._realm.dealer.remove(callee)
        self._realm.gate.release(callee)

    def _tell(self, callee: Callee, reason: str) -> None:
        self._realm.counters.registrations_revoked += 1
        if callee.session.features.takes_revoked_registration:
            details = {"registration": callee.registration.id, "reason": reason}
            callee.session.send(RevokedRegistration(0, details))
