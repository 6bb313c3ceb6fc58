"""Retained events: the last one of a topic, for who subscribes later and asks for it (spec: Event Retention).

A topic keeps its last event that everybody may have, and behind it later ones for some only; a new subscriber
gets the latest of them that it may have, between SUBSCRIBED and the first live event. What is kept is bounded:
a PUBLISH for which there is no room is refused as a whole.

Kept is not permitted. When the event is delivered its lists are judged for the new subscriber, its publisher
must still have the right to publish it (G12), and the subscriber of a pattern the right to the topic (G5, G9).
An answer that comes later keeps the session's outbox blocked; the event is taken back if it is no.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from fairlead_router.answers import Verdict
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthorizationFailed, LimitExceeded
from fairlead_router.gate import Basis
from fairlead_router.item import About, Item
from fairlead_router.messages import Event
from fairlead_router.outbox import Outbox
from fairlead_router.pubsub.publication import Publication
from fairlead_router.pubsub.recipients import NO_LISTS, eligibility
from fairlead_router.pubsub.subscription import Membership
from fairlead_router.questions import Question
from fairlead_router.session import SERVICE_ROLE
from fairlead_router.uris import Match, matches

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session

_Kept = tuple[Publication, ...]
"""What a topic retains, the latest last."""


class _Right(msgspec.Struct, frozen=True):
    """A right that a delivery rests on."""

    principal: Principal
    question: Question


class Delivery:
    """One retained event on its way to one new member."""

    __slots__ = ("_event", "_item", "_outbox", "_realm")

    def __init__(self, realm: "Realm", outbox: Outbox, event: Publication) -> None:
        self._realm = realm
        self._outbox = outbox
        self._event = event
        self._item: Item | None = None

    def may_go(self, right: _Right) -> bool:
        """Whether this right stands. True also when the answer comes later: nothing is written until it is known."""
        basis = self._basis(right)
        try:
            verdict = self._realm.may(right.principal, right.question)
        except AuthorizationFailed:
            return False
        if isinstance(verdict, bool):
            return verdict
        self._outbox.block()
        self._realm.answers.wait_for(verdict, partial(self._answered, right, basis))
        return True

    def send(self, membership: Membership) -> None:
        """Queue the event for the new member, as catch-up."""
        event, subscription = self._event, membership.subscription
        about = About(event.topic, self._realm.object_of_topic("subscribe", event.topic))
        details = {**event.details, "retained": True}
        if subscription.match != "exact":
            details["topic"] = event.topic
        wire = self._outbox.wire
        frame = wire.frame(Event(subscription.id, event.id, details), event.payload)
        self._item = Item(frame, wire.size(frame), subscription, about, position=0)
        self._outbox.append_catch_up(self._item)

    def _answered(self, right: _Right, basis: Basis, verdict: Verdict) -> None:
        """A yes is stale if a cell has moved meanwhile: it is asked again. SUBSCRIBE may have been refused."""
        is_stale = verdict is True and basis != self._basis(right)
        is_allowed = self.may_go(right) if is_stale else verdict is True
        if not is_allowed and self._item is not None:
            self._outbox.take_back(self._item)
        self._outbox.unblock()

    def _basis(self, right: _Right) -> Basis:
        return self._realm.gate.basis(right.principal.authid, right.question.object_id)


class Retention:
    """The retained events of one realm."""

    def __init__(self, realm: "Realm") -> None:
        self._realm = realm
        self._topics: dict[str, _Kept] = {}
        self._size = 0
        self._events_of: Counter[str] = Counter()

    # --- what is kept -------------------------------------------------------------------------

    def keep(self, event: Publication) -> None:
        """From now on this is its topic's latest event. Raises LimitExceeded: then nothing has changed."""
        before = self._topics.get(event.topic, ())
        after = (*_still_wanted(before, event), event)
        limits = self._realm.limits
        for name, value in self._sizes(before, after):
            limit: int = getattr(limits, name)
            if value > limit:
                text = f"topic {event.topic!r} cannot retain the event: it would be more than {limit}"
                raise LimitExceeded(text, limit=name)
        self._replace(event.topic, after)

    def forget(self, topic: str) -> None:
        """Nothing of this topic is kept any more. For programs that embed the router: WAMP has no message for it."""
        self._replace(topic, ())

    def _sizes(self, before: _Kept, after: _Kept) -> Iterator[tuple[str, int]]:
        """Each limit, and what it would have to bear. A service's events don't count as anybody's."""
        event = after[-1]
        authid = event.publisher.authid
        yield "retained_event_bytes", event.size
        yield "retained_per_topic", len(after)
        yield "retained_topics", len(self._topics) + (not before)
        yield "retained_bytes", self._size - _size_of(before) + _size_of(after)
        if event.publisher.authrole != SERVICE_ROLE:
            yield "retained_per_authid", self._events_of[authid] - _count_of(before, authid) + _count_of(after, authid)

    def _replace(self, topic: str, after: _Kept) -> None:
        before = self._topics.pop(topic, ())  # the topics stay in the order of their latest events
        if after:
            self._topics[topic] = after
        self._size += _size_of(after) - _size_of(before)
        for authid in {event.publisher.authid for event in (*before, *after)}:
            self._events_of[authid] += _count_of(after, authid) - _count_of(before, authid)
            if not self._events_of[authid]:
                del self._events_of[authid]

    # --- what a new member gets ---------------------------------------------------------------

    def select(self, session: "Session", uri: str, match: Match) -> list[Delivery]:
        """What a new subscription of this session is to get, judged as far as an answer comes at once.

        Raises LimitExceeded if it is more than the session has room for; what it may not see counts nothing (G13).
        """
        deliveries = []
        room = session.outbox.room
        for event in self._latest(session, uri, match):
            delivery = Delivery(self._realm, session.outbox, event)
            if all(map(delivery.may_go, self._rights(session, event, match))):
                room -= event.size
                deliveries.append(delivery)
            if room < 0:
                raise LimitExceeded(
                    f"{uri!r} has more retained events than the session has room for now: "
                    "subscribe to less, or without get_retained",
                    limit="catch_up_bytes",
                )
        return deliveries

    def _latest(self, session: "Session", uri: str, match: Match) -> Iterator[Publication]:
        """Of each topic that matches the latest event that the session may have by its lists."""
        topics = [uri] if match == "exact" else [topic for topic in self._topics if matches(uri, match, topic)]
        for topic in topics:
            for event in reversed(self._topics.get(topic, ())):
                is_eligible = eligibility(event.lists, event.excluded)
                if is_eligible is None or is_eligible(session):
                    yield event
                    break

    def _rights(self, session: "Session", event: Publication, match: Match) -> Iterator[_Right]:
        """Who subscribes to the very topic has been judged for it already."""
        topic = event.topic
        if match != "exact":
            object_id = self._realm.object_of_topic("subscribe", topic)
            yield _Right(session.principal, Question("subscribe", topic, "exact", object_id))
        object_id = self._realm.object_of("publish", topic)
        yield _Right(event.publisher.lasting, Question("publish", topic, "exact", object_id))


def _still_wanted(before: _Kept, event: Publication) -> Iterator[Publication]:
    """What somebody may have who may not have the later event."""
    if event.lists != NO_LISTS:
        yield from (each for each in before if each.lists != event.lists)


def _size_of(events: _Kept) -> int:
    return sum(event.size for event in events)


def _count_of(events: _Kept, authid: str) -> int:
    return sum(event.publisher.authid == authid for event in events)
