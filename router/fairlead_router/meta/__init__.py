"""The meta API of the spec: what a realm tells of itself, in answers and in events.

The procedures are answered by the router itself (own_procedures.py), in the turn of the CALL, after the call was
authorized like any other. What an answer or an event shows is judged once more, for what it shows (shown.py):
a subscription, registration or definition that the peer may not use itself does not exist for it, in lists and counts
neither (G5, G9, G13). Sessions are seen by whoever may call or subscribe to these URIs.
"""

from typing import TYPE_CHECKING

from fairlead_router.meta.events import MetaEvents
from fairlead_router.meta.history import HistoryMeta
from fairlead_router.meta.reflection import Reflection
from fairlead_router.meta.registrations import RegistrationMeta
from fairlead_router.meta.sessions import SessionMeta
from fairlead_router.meta.subscriptions import SubscriptionMeta

if TYPE_CHECKING:
    from fairlead_router.realm import Realm


class Meta:
    """The meta API of one realm."""

    def __init__(self, realm: "Realm") -> None:
        self.events = MetaEvents(realm)
        self.sessions = SessionMeta(realm, self.events)
        self.subscriptions = SubscriptionMeta(realm, self.events)
        self.registrations = RegistrationMeta(realm, self.events)
        self.reflection = Reflection(realm, self.events)
        realm.broker.observe(self.subscriptions)
        realm.dealer.observe(self.registrations)
        for part in (self.sessions, self.subscriptions, self.registrations, self.reflection, HistoryMeta(realm)):
            realm.procedures.update(part.procedures)
