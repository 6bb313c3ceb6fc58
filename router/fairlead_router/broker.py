"""The Broker: who is subscribed to what, and which subscriptions a publication matches.

No I/O here, no clock and no authorization: the realm has authorized what arrives and delivers what
is returned. Prefix patterns are found by their lengths: one dictionary lookup for each distinct
length in use, however many patterns there are.
"""

from collections import Counter
from typing import TYPE_CHECKING

from fairlead_router.errors import NoSuchSubscription
from fairlead_router.messages import SubscribeOptions
from fairlead_router.subscription import Membership, PatternMembership, Subscription
from fairlead_router.topic_source import TopicReader, TopicSource

if TYPE_CHECKING:
    from fairlead_router.session import Session


class Broker:
    """The subscriptions of one realm."""

    def __init__(self) -> None:
        self._exact: dict[str, Subscription] = {}
        self._prefix: dict[str, Subscription] = {}
        self._prefix_lengths: Counter[int] = Counter()
        self._sources: dict[str, TopicSource] = {}

    # --- topics with a source -----------------------------------------------------------------

    def add_source(self, prefix: str, source: TopicSource) -> None:
        """All topics under `prefix` are fed by this source from now on."""
        self._sources[prefix] = source

    def remove_source(self, source: TopicSource) -> None:
        """The service has gone: its topics have no source any more."""
        self._sources = {prefix: known for prefix, known in self._sources.items() if known is not source}

    def source_of(self, topic: str) -> TopicSource | None:
        """The source of a concrete topic."""
        for prefix, source in self._sources.items():
            if topic.startswith(prefix):
                return source
        return None

    # --- subscriptions ------------------------------------------------------------------------

    def subscribe(
        self, session: "Session", topic: str, options: SubscribeOptions, object_id: str | None
    ) -> tuple[Membership, bool]:
        """The session's membership, and whether it is new: a second SUBSCRIBE finds the first one's."""
        subscription = self._find_or_add(topic, options)
        known = session.memberships.get(subscription.id)
        if known is not None:
            return known, False
        membership = _membership(session, subscription, object_id, options)
        session.memberships[subscription.id] = membership
        if isinstance(membership, TopicReader):
            subscription.readers[session] = membership
        else:
            subscription.add_live(membership)
        return membership, True

    def unsubscribe(self, session: "Session", subscription_id: int) -> Membership:
        """End a membership. Raises NoSuchSubscription."""
        membership = session.memberships.get(subscription_id)
        if membership is None:
            raise NoSuchSubscription(f"the session has no subscription {subscription_id}")
        self.remove(membership)
        return membership

    def remove(self, membership: Membership) -> None:
        """Take a membership out of all tables; its subscription goes with its last member."""
        subscription = membership.subscription
        membership.session.memberships.pop(subscription.id, None)
        subscription.remove(membership.session)
        if subscription.is_empty:
            self._drop(subscription)

    def has_members(self, topic: str) -> bool:
        """Whether any subscription, exact or pattern, has this topic."""
        return bool(self.matching(topic))

    def exact(self, topic: str) -> Subscription | None:
        """The exact subscription of a topic."""
        return self._exact.get(topic)

    def matching(self, topic: str) -> list[Subscription]:
        """The subscriptions that an event on `topic` goes to, the exact one first."""
        exact = self._exact.get(topic)
        found = [] if exact is None else [exact]
        for length in self._prefix_lengths:
            subscription = self._prefix.get(topic[:length])
            if subscription is not None and len(topic) >= length:
                found.append(subscription)
        return found

    def _find_or_add(self, topic: str, options: SubscribeOptions) -> Subscription:
        table = self._exact if options.match == "exact" else self._prefix
        subscription = table.get(topic)
        if subscription is None:
            source = self.source_of(topic) if options.match == "exact" else None
            subscription = table[topic] = Subscription(topic, options.match, source)
            if options.match == "prefix":
                self._prefix_lengths[len(topic)] += 1
        return subscription

    def _drop(self, subscription: Subscription) -> None:
        if subscription.match == "exact":
            del self._exact[subscription.topic]
            return
        del self._prefix[subscription.topic]
        length = len(subscription.topic)
        self._prefix_lengths[length] -= 1
        if not self._prefix_lengths[length]:
            del self._prefix_lengths[length]


def _membership(
    session: "Session", subscription: Subscription, object_id: str | None, options: SubscribeOptions
) -> Membership:
    if subscription.match != "exact":
        return PatternMembership(session, subscription, None)
    if subscription.source is not None:
        return TopicReader(session, subscription, object_id, subscription.source, options)
    return Membership(session, subscription, object_id)
