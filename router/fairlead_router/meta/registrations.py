"""The registration meta API: who has registered what (spec: Advanced Profile, Registration Meta API).

A registration is seen by who may call its procedure, or register it itself; one of a pattern by who may do so with the
pattern. The procedures that the router answers itself (own_procedures.py) are no registrations.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fairlead_router.errors import NoSuchRegistration
from fairlead_router.meta.shown import any_of
from fairlead_router.meta.table import TableMeta, iso_8601
from fairlead_router.questions import Questions
from fairlead_router.rpc.registration import Registration
from fairlead_router.uris import Match

if TYPE_CHECKING:
    from fairlead_router.session import Session


class RegistrationMeta(TableMeta[Registration]):
    """The registrations of one realm, as its peers see them. An observer of the dealer."""

    noun = "registration"
    member = "callee"
    no_such_entry = NoSuchRegistration

    def on_register(self, session: "Session", registration: Registration) -> None:
        """The session is a callee from now on."""
        self.tell("on_register", session, registration)

    def on_unregister(self, session: "Session", registration: Registration) -> None:
        """The session is a callee no more."""
        self.tell("on_unregister", session, registration)

    def entries(self) -> Iterable[Registration]:
        """All of them."""
        return self.realm.dealer.registrations()

    def get(self, entry_id: int) -> Registration | None:
        """The registration of this id."""
        return self.realm.dealer.get(entry_id)

    def lookup(self, uri: str, match: Match) -> Registration | None:
        """The registration of exactly this procedure or pattern."""
        return self.realm.dealer.lookup(uri, match)

    def match(self, uri: str) -> list[Registration]:
        """The one that a call of this procedure goes to."""
        registration = self.realm.dealer.best_match(uri)
        return [] if registration is None else [registration]

    def matched(self, entries: list[Registration]) -> int:
        """Its id."""
        return entries[0].id

    def seen_by(self, entry: Registration) -> Questions:
        """Who may call it, or register it."""
        return any_of(self.realm, ("call", "register"), entry.procedure, entry.match)

    def details(self, entry: Registration) -> dict[str, Any]:
        """RegistrationDetails of the spec."""
        return {
            "id": entry.id,
            "created": iso_8601(entry.created_us),
            "uri": entry.procedure,
            "match": entry.match,
            "invoke": entry.invoke,
        }

    def members(self, entry: Registration) -> "list[Session]":
        """Its callees, in the order in which they registered."""
        return [callee.session for callee in entry.callees]

    def remove(self, entry: Registration, session: "Session", reason: str) -> None:
        """Take the procedure away from the session, as of a lost right. Calls in progress go on."""
        self.realm.registering.revoke(self.realm.dealer.callee(session, entry.id), reason)
