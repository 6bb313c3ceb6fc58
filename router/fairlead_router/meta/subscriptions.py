"""The subscription meta API: who is subscribed to what (spec: Advanced Profile, Subscription Meta API).

A subscription is seen by who may itself subscribe to its topic or pattern.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fairlead_router.errors import NoSuchSubscription
from fairlead_router.meta.shown import any_of
from fairlead_router.meta.table import TableMeta, iso_8601
from fairlead_router.pubsub.broker import Broker
from fairlead_router.pubsub.subscription import Subscription
from fairlead_router.questions import Questions
from fairlead_router.uris import Match

if TYPE_CHECKING:
    from fairlead_router.session import Session


class SubscriptionMeta(TableMeta[Subscription]):
    """The subscriptions of one realm, as its peers see them. An observer of the broker."""

    noun = "subscription"
    member = "subscriber"
    no_such_entry = NoSuchSubscription

    def on_subscribe(self, session: "Session", subscription: Subscription) -> None:
        """The session has a membership from now on."""
        self.tell("on_subscribe", session, subscription)

    def on_unsubscribe(self, session: "Session", subscription: Subscription) -> None:
        """The session's membership has ended."""
        self.tell("on_unsubscribe", session, subscription)

    def entries(self) -> Iterable[Subscription]:
        """All of them."""
        return self._broker.subscriptions()

    def get(self, entry_id: int) -> Subscription | None:
        """The subscription of this id."""
        return self._broker.get(entry_id)

    def lookup(self, uri: str, match: Match) -> Subscription | None:
        """The subscription of exactly this topic or pattern."""
        return self._broker.lookup(uri, match)

    def match(self, uri: str) -> list[Subscription]:
        """All that an event on this topic goes to."""
        return self._broker.matching(uri)

    def matched(self, entries: list[Subscription]) -> list[int]:
        """Their ids."""
        return [subscription.id for subscription in entries]

    @property
    def _broker(self) -> Broker:
        """The tables, with nobody in them who has lost the right."""
        self.realm.gate.settle()
        return self.realm.broker

    def seen_by(self, entry: Subscription) -> Questions:
        """Who may subscribe to it."""
        return any_of(self.realm, ("subscribe",), entry.topic, entry.match)

    def details(self, entry: Subscription) -> dict[str, Any]:
        """SubscriptionDetails of the spec."""
        return {"id": entry.id, "created": iso_8601(entry.created_us), "uri": entry.topic, "match": entry.match}

    def members(self, entry: Subscription) -> "list[Session]":
        """Its subscribers."""
        return [membership.session for membership in entry.members]

    def remove(self, entry: Subscription, session: "Session", reason: str) -> None:
        """End the session's membership and tell it, as of a lost right."""
        membership = session.memberships.get(entry.id)
        if membership is None:
            raise NoSuchSubscription(f"session {session.id} has no subscription {entry.id}")
        self.realm.pubsub.remove_subscriber(membership, reason)
