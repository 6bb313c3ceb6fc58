"""`wamp.subscription.get_events`: the event history of a subscription (spec: Event History).

Past events pass through the same check as live ones (G5): the caller has the subscription or may subscribe to it,
each event of a pattern is judged by its own topic and object (G9), and its lists by who the caller is now. What the
caller may not see does not exist for it: not as an event, and not as one to count or to page from (G13).

What is asked of a topic with a source is passed on to the source's service, if that keeps the past of its topics.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec

from fairlead_router.errors import InvalidArgument, NoSuchSubscription, NotAuthorized
from fairlead_router.messages import Id
from fairlead_router.meta.shown import any_of
from fairlead_router.meta.table import iso_8601
from fairlead_router.payload import Payload
from fairlead_router.pubsub.event_history import PastEvent
from fairlead_router.pubsub.recipients import eligibility
from fairlead_router.pubsub.subscription import Subscription
from fairlead_router.rpc.arguments import bind
from fairlead_router.rpc.own_procedures import PassedOn
from fairlead_router.rpc.shown_results import Shown

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.rpc.own_procedures import OwnProcedure
    from fairlead_router.session import Session

GET_EVENTS = "wamp.subscription.get_events"

Time = Annotated[datetime, msgspec.Meta(tz=True)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _GetEvents(msgspec.Struct):
    """Arguments of `wamp.subscription.get_events`; those that are given must all hold."""

    positional: ClassVar[tuple[str, ...]] = ("subscription",)
    subscription: Id
    reverse: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    topic: str | None = None
    from_time: Time | None = None
    after_time: Time | None = None
    before_time: Time | None = None
    until_time: Time | None = None
    from_publication: Id | None = None
    after_publication: Id | None = None
    before_publication: Id | None = None
    until_publication: Id | None = None


class HistoryMeta:
    """The event history of one realm, as its peers see it."""

    def __init__(self, realm: "Realm") -> None:
        self._realm = realm
        self.procedures: dict[str, OwnProcedure] = {GET_EVENTS: self._get_events}

    def _get_events(self, caller: "Session", payload: Payload) -> Shown | PassedOn:
        """Raises NoSuchSubscription, NotAuthorized, InvalidArgument."""
        wanted = bind(GET_EVENTS, payload, _GetEvents)
        subscription = self._realm.broker.get(wanted.subscription)
        if subscription is None:
            raise NoSuchSubscription(f"the realm has no subscription {wanted.subscription}")
        if not self._may_read(caller, subscription):
            raise NotAuthorized(f"{caller.principal.authid!r} may not see subscription {wanted.subscription}")
        source = subscription.source
        if source is not None and source.events_procedure is not None:
            return self._passed_on(caller, subscription, wanted, source.events_procedure)
        visible = list(self._visible(caller, subscription))
        events = [event for event in _between(visible, wanted) if _fits(event, wanted)]
        shown = self._as_many_as_fit(events[::-1] if wanted.reverse else events, wanted.limit)
        result = Payload.from_values(
            [_as_shown(event, subscription) for event in shown], {"is_limit_reached": len(shown) < len(events)}
        )
        return Shown(result, partial(self._may_still_read, caller, subscription, shown))

    def _passed_on(
        self, caller: "Session", subscription: Subscription, wanted: _GetEvents, procedure: str
    ) -> Shown | PassedOn:
        """The events of a topic with a source are where that has them."""
        is_allowed = partial(self._may_read, caller, subscription)
        if wanted.topic not in (None, subscription.topic):
            return Shown(Payload.from_values([], {"is_limit_reached": False}), is_allowed)
        named = {
            "topic": subscription.topic,
            "subscription": subscription.id,
            "reverse": wanted.reverse,
            "limit": wanted.limit,
            "since_us": _latest(wanted.from_time, wanted.after_time),
            "until_us": _earliest(wanted.before_time, wanted.until_time),
            "from_publication": wanted.from_publication,
            "after_publication": wanted.after_publication,
            "before_publication": wanted.before_publication,
            "until_publication": wanted.until_publication,
        }
        given = {name: value for name, value in named.items() if value is not None}
        return PassedOn(procedure, Payload.from_values([], given), is_allowed)

    def _may_read(self, caller: "Session", subscription: Subscription) -> bool:
        """A membership that waits for its judgement is none: what is shown once cannot be taken back."""
        membership = caller.memberships.get(subscription.id)
        if membership is not None and self._realm.gate.is_open(membership) and not membership.is_in_question:
            return True
        return caller.sees(any_of(self._realm, ("subscribe",), subscription.topic, subscription.match))

    def _visible(self, caller: "Session", subscription: Subscription) -> Iterator[PastEvent]:
        """The publisher's exclusion of itself is not looked at: it meant a session, not who the publisher is."""
        seen: dict[str, bool] = {}
        for event in self._realm.history.store.events(subscription.topic, subscription.match):
            is_eligible = eligibility(event.publication.lists, None)
            if is_eligible is not None and not is_eligible(caller):
                continue
            topic = event.publication.topic
            if subscription.match != "exact" and topic not in seen:
                seen[topic] = caller.sees(any_of(self._realm, ("subscribe",), topic))
            if seen.get(topic, True):
                yield event

    def _may_still_read(self, caller: "Session", subscription: Subscription, shown: list[PastEvent]) -> bool:
        if not self._may_read(caller, subscription):
            return False
        topics = set() if subscription.match == "exact" else {event.publication.topic for event in shown}
        return all(caller.sees(any_of(self._realm, ("subscribe",), topic)) for topic in topics)

    def _as_many_as_fit(self, events: list[PastEvent], limit: int | None) -> list[PastEvent]:
        """The first of them, as many as were asked for and as one answer holds; but one however large it is."""
        limits = self._realm.limits
        fitting: list[PastEvent] = []
        size = 0
        for event in events[: min(limit or limits.history_events, limits.history_events)]:
            size += event.publication.size
            if fitting and size > limits.history_bytes:
                break
            fitting.append(event)
        return fitting


def _between(events: list[PastEvent], wanted: _GetEvents) -> list[PastEvent]:
    """Those between the publications that were named. Raises InvalidArgument for one that is not there."""
    positions = {event.publication.id: position for position, event in enumerate(events)}

    def position_of(publication: int | None, otherwise: int) -> int:
        if publication is None:
            return otherwise
        position = positions.get(publication)
        if position is None:
            raise InvalidArgument(f"{GET_EVENTS}: publication {publication} is not in the history, or not any more")
        return position

    first = max(position_of(wanted.from_publication, 0), position_of(wanted.after_publication, -1) + 1)
    last = len(events) - 1
    last = min(position_of(wanted.until_publication, last), position_of(wanted.before_publication, last + 1) - 1)
    return events[first : last + 1]


def _fits(event: PastEvent, wanted: _GetEvents) -> bool:
    """Whether the event is of the topic and the time that were named."""
    time_us = event.time_us
    return (
        (wanted.topic is None or event.publication.topic == wanted.topic)
        and (wanted.from_time is None or time_us >= _time_us(wanted.from_time))
        and (wanted.after_time is None or time_us > _time_us(wanted.after_time))
        and (wanted.before_time is None or time_us < _time_us(wanted.before_time))
        and (wanted.until_time is None or time_us <= _time_us(wanted.until_time))
    )


def _latest(from_time: datetime | None, after_time: datetime | None) -> int | None:
    """The first microsecond that both allow."""
    firsts = [_time_us(from_time)] if from_time is not None else []
    firsts += [_time_us(after_time) + 1] if after_time is not None else []
    return max(0, *firsts) if firsts else None


def _earliest(before_time: datetime | None, until_time: datetime | None) -> int | None:
    """The first microsecond that one of them does not allow."""
    ends = [_time_us(before_time)] if before_time is not None else []
    ends += [_time_us(until_time) + 1] if until_time is not None else []
    return max(0, min(ends)) if ends else None


def _time_us(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _as_shown(event: PastEvent, subscription: Subscription) -> dict[str, Any]:
    """An EVENT of this subscription as the spec's dict, with the time at which it was accepted."""
    publication = event.publication
    details = (
        publication.details if subscription.match == "exact" else {**publication.details, "topic": publication.topic}
    )
    shown: dict[str, Any] = {
        "timestamp": iso_8601(event.time_us),
        "subscription": subscription.id,
        "publication": publication.id,
        "details": details,
    }
    if publication.payload.args_bytes:
        shown["args"] = publication.payload.args
    if publication.payload.kwargs_bytes:
        shown["kwargs"] = publication.payload.kwargs
    return shown
