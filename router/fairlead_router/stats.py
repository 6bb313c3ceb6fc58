"""Figures of a router, made when they are asked for: nothing is kept up to date for them but the counters.

Making them looks at every session once: some microseconds each.
"""

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from fairlead_router.counters import RealmCounters, RouterCounters

if TYPE_CHECKING:
    from fairlead_router.realm import Realm


class RealmStats(msgspec.Struct, frozen=True, kw_only=True):
    """A realm now, and since its start."""

    sessions: dict[str, int]
    """Open sessions by transport: `websocket`, `rawsocket`, `memory`."""

    principals: int
    """Different authids among them."""

    subscriptions: int
    """Each session's part in a topic or pattern counts."""

    registrations: int
    """Each callee of a procedure counts."""

    calls: int
    """In progress."""

    queued_messages: int
    queued_bytes: int
    """What waits in the outboxes of all sessions."""

    largest_outbox_bytes: int
    """What waits for the session for which most waits."""

    messages_received: int
    messages_sent: int
    bytes_sent: int
    """To and from all sessions since the start; framing included, TLS and TCP not."""

    counters: RealmCounters


class RouterStats(msgspec.Struct, frozen=True, kw_only=True):
    """A router now, and since its start."""

    connections: int
    """Of all listeners, those included that speak HTTP or nothing yet."""

    realms: dict[str, RealmStats]
    counters: RouterCounters


def realm_stats(realm: "Realm") -> RealmStats:
    """The figures of one realm. The counters are a copy."""
    sessions = [session for session_id, _ in realm.sessions() if (session := realm.session(session_id)) is not None]
    queues = [session.outbox.measure() for session in sessions]
    past = realm.counters.ended
    return RealmStats(
        sessions=dict(Counter(session.peer.transport for session in sessions)),
        principals=len({session.principal.authid for session in sessions}),
        subscriptions=sum(len(session.memberships) for session in sessions),
        registrations=sum(len(session.registrations) for session in sessions),
        calls=sum(len(session.calls) for session in sessions),
        queued_messages=sum(messages for messages, _ in queues),
        queued_bytes=sum(size for _, size in queues),
        largest_outbox_bytes=max((size for _, size in queues), default=0),
        messages_received=past.messages_received + sum(session.received_messages for session in sessions),
        messages_sent=past.messages_sent + sum(session.outbox.sent_messages for session in sessions),
        bytes_sent=past.bytes_sent + sum(session.outbox.sent_bytes for session in sessions),
        counters=msgspec.structs.replace(realm.counters, limits_exceeded=dict(realm.counters.limits_exceeded)),
    )
