"""The Broker: who is subscribed to what, and which subscriptions a publication matches.

No I/O here, no clock and no authorization: the realm has authorized what arrives and delivers what
is returned. Exact topics are one dictionary; patterns are found by an index for each match policy
(prefixes.py, wildcards.py), which is not asked where there are none.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from fairlead_router.errors import NoSuchSubscription
from fairlead_router.host import Host
from fairlead_router.messages import SubscribeOptions
from fairlead_router.prefixes import PrefixIndex
from fairlead_router.pubsub.subscription import Membership, MetaMembership, PatternMembership, Subscription
from fairlead_router.pubsub.topic_source import TopicReader, TopicSource
from fairlead_router.uris import META_PREFIX, Match, is_reserved, new_id
from fairlead_router.wildcards import WildcardIndex

if TYPE_CHECKING:
    from fairlead_router.session import Session


class SubscriptionObserver(Protocol):
    """Who wants to know of subscriptions, as the meta API does.

    It is told in the midst of a request or of the gate's sweep: it may look, and publish in the next turn.
    """

    def on_create(self, session: "Session", subscription: Subscription) -> None:
        """The first session subscribes; `on_subscribe` follows."""

    def on_subscribe(self, session: "Session", subscription: Subscription) -> None:
        """A session has a membership from now on; its SUBSCRIBED follows in this turn."""

    def on_unsubscribe(self, session: "Session", subscription: Subscription) -> None:
        """The session's membership has ended: unsubscribed, revoked, or gone with its session."""

    def on_delete(self, session: "Session", subscription: Subscription) -> None:
        """It was the last session; `on_unsubscribe` came before."""


class Broker:
    """The subscriptions of one realm."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._exact: dict[str, Subscription] = {}
        self._patterns: dict[tuple[Match, str], Subscription] = {}
        self._indexes: dict[Match, PrefixIndex[Subscription] | WildcardIndex[Subscription]] = {
            "prefix": PrefixIndex(),
            "wildcard": WildcardIndex(),
        }
        self._by_id: dict[int, Subscription] = {}
        self._sources: dict[str, TopicSource] = {}
        self._source_prefixes: tuple[str, ...] = ()
        self._observers: list[SubscriptionObserver] = []

    # --- topics with a source -----------------------------------------------------------------

    def add_source(self, prefix: str, source: TopicSource) -> None:
        """All topics under `prefix` are fed by this source from now on."""
        self._have_sources({**self._sources, prefix: source})

    def remove_source(self, source: TopicSource) -> None:
        """The service has gone: its topics have no source any more."""
        self._have_sources({prefix: known for prefix, known in self._sources.items() if known is not source})

    def _have_sources(self, sources: dict[str, TopicSource]) -> None:
        self._sources = sources
        self._source_prefixes = tuple(sources)
        for subscription in self._exact.values():
            subscription.is_guarded = self._is_guarded(subscription.topic)

    def _is_guarded(self, topic: str) -> bool:
        return is_reserved(topic) or topic.startswith(self._source_prefixes)

    def source_of(self, topic: str) -> TopicSource | None:
        """The source of a concrete topic."""
        if not topic.startswith(self._source_prefixes):
            return None
        return next(source for prefix, source in self._sources.items() if topic.startswith(prefix))

    # --- changes ------------------------------------------------------------------------------

    def observe(self, observer: SubscriptionObserver) -> None:
        """Tell this observer of subscriptions from now on."""
        self._observers.append(observer)

    def subscribe(
        self, session: "Session", topic: str, options: SubscribeOptions, object_id: str | None
    ) -> tuple[Membership, bool]:
        """The session's membership, and whether it is new: a second SUBSCRIBE finds the first one's."""
        subscription = self.lookup(topic, options.match)
        is_created = subscription is None
        if subscription is None:
            subscription = self._add(topic, options.match)
        known = session.memberships.get(subscription.id)
        if known is not None:
            return known, False
        membership = _membership(session, subscription, object_id, options)
        session.memberships[subscription.id] = membership
        if isinstance(membership, TopicReader):
            subscription.readers[session] = membership
        else:
            subscription.add_live(membership)
        for observer in self._observers:
            if is_created:
                observer.on_create(session, subscription)
            observer.on_subscribe(session, subscription)
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
        session, subscription = membership.session, membership.subscription
        session.memberships.pop(subscription.id, None)
        subscription.remove(session)
        is_deleted = subscription.is_empty
        if is_deleted:
            self._drop(subscription)
        for observer in self._observers:
            observer.on_unsubscribe(session, subscription)
            if is_deleted:
                observer.on_delete(session, subscription)

    # --- questions ----------------------------------------------------------------------------

    def has_members(self, topic: str) -> bool:
        """Whether any subscription, exact or pattern, has this topic."""
        return bool(self.matching(topic))

    def exact(self, topic: str) -> Subscription | None:
        """The exact subscription of a topic."""
        return self._exact.get(topic)

    def lookup(self, uri: str, match: Match) -> Subscription | None:
        """The subscription of exactly this URI and match policy."""
        return self._exact.get(uri) if match == "exact" else self._patterns.get((match, uri))

    def get(self, subscription_id: int) -> Subscription | None:
        """A subscription by its id."""
        return self._by_id.get(subscription_id)

    def subscriptions(self) -> Iterable[Subscription]:
        """All subscriptions, the oldest first."""
        return self._by_id.values()

    def matching(self, topic: str) -> list[Subscription]:
        """The subscriptions that an event on `topic` goes to, the exact one first."""
        exact = self._exact.get(topic)
        found = [] if exact is None else [exact]
        if self._patterns:
            for index in self._indexes.values():
                found += index.matching(topic)
        return found

    # --- tables -------------------------------------------------------------------------------

    def _add(self, topic: str, match: Match) -> Subscription:
        source = self.source_of(topic) if match == "exact" else None
        subscription = Subscription(new_id(self._by_id), topic, match, source, self._host.time_us())
        self._by_id[subscription.id] = subscription
        if match == "exact":
            subscription.is_guarded = self._is_guarded(topic)
            self._exact[topic] = subscription
        else:
            self._patterns[match, topic] = subscription
            self._indexes[match].add(topic, subscription)
        return subscription

    def _drop(self, subscription: Subscription) -> None:
        del self._by_id[subscription.id]
        if subscription.match == "exact":
            del self._exact[subscription.topic]
        else:
            del self._patterns[subscription.match, subscription.topic]
            self._indexes[subscription.match].remove(subscription.topic)


def _membership(
    session: "Session", subscription: Subscription, object_id: str | None, options: SubscribeOptions
) -> Membership:
    if subscription.match != "exact":
        return PatternMembership(session, subscription, None)
    if subscription.source is not None:
        return TopicReader(session, subscription, object_id, subscription.source, options)
    if subscription.topic.startswith(META_PREFIX):
        return MetaMembership(session, subscription, object_id)
    return Membership(session, subscription, object_id)
