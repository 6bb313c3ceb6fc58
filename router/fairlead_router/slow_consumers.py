"""What becomes of a session that cannot keep up: nothing is lost in silence (R2).

By the realm's option `slow_consumer` a session that is too slow (overdraft.py) is

- `close`d: what is queued is purged, GOODBYE `fairlead.close.too_slow` says why; a reset, when it cannot be written;
- `reset` at once, without a word;
- or its queued events are `drop`ped. Behind all else that waits it gets one event for each subscription that lost some,
  `{subscription, topic, lost}`, on the topic `fairlead.session.lagged`, if it has subscribed to that (exactly). Only
  plain events are dropped: never an answer, a result or an invocation; when those alone exceed the bounds, the session
  is closed. Once relieved, it has no more grace until it has read everything.
"""

from collections import Counter
from typing import TYPE_CHECKING

from fairlead_router.errors import LimitReached
from fairlead_router.item import About, Item
from fairlead_router.messages import Event
from fairlead_router.payload import Payload
from fairlead_router.pubsub.subscription import Subscription
from fairlead_router.uris import new_id

if TYPE_CHECKING:
    from fairlead_router.session import Session

TOO_SLOW = "fairlead.close.too_slow"
"""GOODBYE reason for a consumer that cannot keep up."""

LAGGED_TOPIC = "fairlead.session.lagged"


class Loss(Item, eq=False, kw_only=True):
    """The notice of lost events in the queue."""

    subscription: Subscription
    lost: int

    @classmethod
    def of(cls, session: "Session", notices: Subscription, subscription: Subscription, lost: int) -> "Loss":
        """A notice for this session, which has subscribed to `notices`."""
        notice = {"subscription": subscription.id, "topic": subscription.topic, "lost": lost}
        wire = session.outbox.wire
        frame = wire.frame(Event(notices.id, new_id(), {}), Payload.of(notice))
        about = About(LAGGED_TOPIC, None)
        return cls(frame, wire.size(frame), notices, about, subscription=subscription, lost=lost)


def relieve(session: "Session") -> None:
    """The session is too slow: do with it what the realm's option says."""
    realm = session.realm
    error = _excess(session)
    realm.counters.sessions_too_slow += 1
    realm.limit_exceeded(error, session.id)
    if realm.options.slow_consumer == "drop":
        _drop_events(session)
        if session.outbox.relieve():
            return
    if realm.options.slow_consumer == "reset":
        realm.reset_session(session, TOO_SLOW)
    else:
        session.outbox.replace([])
        realm.end_session(session, TOO_SLOW, error.text)


def _drop_events(session: "Session") -> None:
    """All plain events go. A notice that was not even written yet is taken back, and its number told by the new one.

    Notices come last: the SUBSCRIBED that lets the client understand them may be waiting too (R1).
    """
    dropped: Counter[Subscription] = Counter()
    told: Counter[Subscription] = Counter()
    kept: list[Item] = []
    for item in session.outbox.items:
        if isinstance(item, Loss):
            told[item.subscription] += item.lost
        elif isinstance(item.owner, Subscription) and not item.is_stream:
            dropped[item.owner] += 1
        else:
            kept.append(item)
    for subscription, lost in dropped.items():
        session.realm.events_lost(session.id, subscription.id, lost)
    notices = _notices(session)
    losses = [] if notices is None else [Loss.of(session, notices, *each) for each in (told + dropped).items()]
    session.outbox.replace([*kept, *losses])


def _notices(session: "Session") -> Subscription | None:
    notices = session.realm.broker.exact(LAGGED_TOPIC)
    return notices if notices is not None and session in notices.live else None


def _excess(session: "Session") -> LimitReached:
    outbox, limits = session.outbox, session.realm.limits
    is_size = outbox.size > limits.outbox_bytes
    limit = "outbox_bytes" if is_size else "outbox_messages"
    unit = "bytes" if is_size else "messages"
    number = outbox.size if is_size else outbox.number
    return LimitReached(
        f"{number} {unit} wait for the session to read; at most {getattr(limits, limit)} may", limit=limit
    )
