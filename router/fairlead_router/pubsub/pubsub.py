"""What PUBLISH, SUBSCRIBE and UNSUBSCRIBE do: the realm's side of the broker.

Each request has two entry points: `question` validates it and says what must be authorized, `perform`
does it. Between the two an asynchronous authorizer may take its time (requests.py).
"""

from typing import TYPE_CHECKING

from fairlead_router.disclosure import identity, is_disclosed
from fairlead_router.errors import LimitExceeded, NotAuthorized
from fairlead_router.item import About
from fairlead_router.messages import (
    Event,
    Publish,
    Published,
    PublishOptions,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
)
from fairlead_router.passthru import passed_on
from fairlead_router.payload import Payload
from fairlead_router.pubsub.fan_out import fan_out
from fairlead_router.pubsub.publication import Publication
from fairlead_router.pubsub.recipients import NO_LISTS, Lists, eligibility, has_lists
from fairlead_router.pubsub.retention import Delivery
from fairlead_router.pubsub.subscription import Membership, those_who
from fairlead_router.pubsub.topic_source import TopicReader
from fairlead_router.questions import Question, Questions
from fairlead_router.serializers import payload_of
from fairlead_router.uris import check_components, check_uri, is_reserved

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session


class PubSub:
    """The publish and subscribe requests of one realm."""

    def __init__(self, realm: "Realm") -> None:
        self._realm = realm

    # --- PUBLISH ------------------------------------------------------------------------------

    def question_publish(self, session: "Session", message: Publish) -> Question:
        """Raises InvalidUri, NotAuthorized."""
        realm, topic = self._realm, message.topic
        subscription = realm.broker.exact(topic)
        if subscription is None or subscription.is_guarded:
            self._check_topic(session, topic)
        return Question("publish", topic, "exact", realm.object_of("publish", topic))

    def publish(self, session: "Session", message: Publish) -> None:
        """Raises what `publication` raises, and LimitExceeded where it cannot be retained: then nobody gets it."""
        options, realm = message.options, self._realm
        publication = self.publication(session, message)
        if options.retain:
            realm.retention.keep(publication)
        if realm.history.is_kept:
            realm.history.record(publication)
        self._distribute(publication, excluded=session if options.exclude_me else None)
        if options.acknowledge:
            session.send(Published(message.request, publication.id))

    def publication(self, session: "Session", message: Publish) -> Publication:
        """What is published. Raises InvalidArgument, OptionDisallowedDiscloseMe, LimitExceeded, ProtocolViolation."""
        options = message.options
        payload = payload_of(message, session.outbox.wire.codec)
        payload.check()
        lists = NO_LISTS
        if has_lists(options):
            lists = Lists.of(options)
            lists.check(self._realm.limits.listed_receivers)
        return Publication(
            topic=message.topic,
            payload=payload,
            details=_event_details(session, options),
            publisher=session.principal,
            lists=lists,
            excluded=session.id if options.exclude_me else None,
        )

    def deliver(self, topic: str, payload: Payload, details: dict[str, object], seen_by: Questions = ()) -> None:
        """An event of the router itself, for every subscriber or for those who have one of these rights."""
        self._realm.deadlines.run_due()
        self._distribute(Publication(topic=topic, payload=payload, details=details), seen_by)

    def _check_topic(self, session: "Session", topic: str) -> None:
        """What is subscribed to, and no topic of services, has passed this already."""
        check_uri(topic, "exact", self._realm.limits.uri_length)
        if not session.is_service and is_reserved(topic):
            raise NotAuthorized(f"topic {topic!r} is reserved for services inside the router")
        if self._realm.broker.source_of(topic) is not None:
            raise NotAuthorized(f"topic {topic!r} has a source, and only that puts events on it")

    def _distribute(self, publication: Publication, seen_by: Questions = (), excluded: "Session | None" = None) -> None:
        """Queue an accepted publication for everybody who gets it, and not for the session that excludes itself."""
        realm = self._realm
        topic, details = publication.topic, publication.details
        subscriptions = realm.broker.matching(topic)
        if not subscriptions:
            return
        about = About(topic, realm.object_for(subscriptions, topic), seen_by)
        is_eligible = eligibility(publication.lists)
        for subscription in subscriptions:
            event_details = details if subscription.match == "exact" else {**details, "topic": topic}
            event = Event(subscription.id, publication.id, event_details)
            members = subscription.open_members(about, realm.gate)
            if seen_by:
                members = those_who(lambda member: member.session.sees(seen_by), members)
            own = None if excluded is None else excluded.memberships.get(subscription.id)
            fan_out(realm.pulse, members, event, publication.payload, about, is_eligible=is_eligible, excluded=own)

    # --- SUBSCRIBE ----------------------------------------------------------------------------

    def question_subscribe(self, session: "Session", message: Subscribe) -> Question:
        """Raises InvalidUri, LimitExceeded."""
        match, limits = message.options.match, self._realm.limits
        check_uri(message.topic, match, limits.uri_length)
        if match == "wildcard":
            check_components(message.topic, limits.wildcard_components)
        if len(session.memberships) >= limits.subscriptions_per_session:
            raise LimitExceeded(
                f"the session has {len(session.memberships)} subscriptions already",
                limit="subscriptions_per_session",
            )
        object_id = self._realm.object_of_topic("subscribe", message.topic) if match == "exact" else None
        return Question("subscribe", message.topic, match, object_id)

    def subscribe(self, session: "Session", message: Subscribe) -> None:
        """SUBSCRIBED is queued in the turn in which the session becomes a member: before the first EVENT (R1).

        Raises LimitExceeded, and what the topic's source raises.
        """
        realm = self._realm
        topic, options = message.topic, message.options
        object_id = None
        if options.match == "exact":
            source = realm.broker.source_of(topic)
            if source is not None:
                source.check(topic)
            object_id = realm.object_of_topic("subscribe", topic)
        retained = self._retained_for(session, message) if options.get_retained else []
        membership, is_new = realm.broker.subscribe(session, topic, options, object_id)
        session.ended_subscriptions.pop(membership.subscription.id, None)
        session.send(Subscribed(message.request, membership.subscription.id))
        if is_new:
            realm.gate.admit(membership)
            if isinstance(membership, TopicReader):
                membership.start()
            for delivery in retained:
                delivery.send(membership)

    def _retained_for(self, session: "Session", message: Subscribe) -> list[Delivery]:
        """Nothing for a second SUBSCRIBE: a client hands what follows to its first handler. Raises LimitExceeded."""
        subscription = self._realm.broker.lookup(message.topic, message.options.match)
        if subscription is not None and subscription.id in session.memberships:
            return []
        return self._realm.retention.select(session, message.topic, message.options.match)

    # --- UNSUBSCRIBE --------------------------------------------------------------------------

    def unsubscribe(self, session: "Session", message: Unsubscribe) -> None:
        """Nothing queued for the subscription follows UNSUBSCRIBED (R1). One that the router ended is answered once."""
        realm = self._realm
        if message.subscription in session.ended_subscriptions:
            del session.ended_subscriptions[message.subscription]
        else:
            realm.drop_membership(realm.broker.unsubscribe(session, message.subscription))
        session.send(Unsubscribed(message.request))

    def remove_subscriber(self, membership: Membership, reason: str) -> None:
        """An administrator ends a membership; the client is told as of a lost right (revocation.py).

        Raises InvalidUri: clients check the reason against the URI grammar, so it is always a URI.
        """
        check_uri(reason, "exact", self._realm.limits.uri_length)
        self._realm.end_membership(membership, reason)


def _event_details(session: "Session", options: PublishOptions) -> dict[str, object]:
    """What EVENT.Details says of the publisher and its payload.

    Raises OptionDisallowedDiscloseMe, ProtocolViolation.
    """
    details = identity(session, "publisher") if is_disclosed(session, options.disclose_me) else {}
    if session.principal.trustlevel is not None:
        details["trustlevel"] = session.principal.trustlevel
    if options.ppt_scheme:
        details.update(passed_on(options, session, "publisher"))
    return details
