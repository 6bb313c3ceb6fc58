"""What has happened since the start, counted where it happens: an observer reads it, nothing is called per message."""

import msgspec


class Traffic(msgspec.Struct):
    """What sessions that have ended sent and got; those that are open count for themselves."""

    messages_received: int = 0
    messages_sent: int = 0
    bytes_sent: int = 0


class RealmCounters(msgspec.Struct):
    """What has happened in a realm since its start."""

    ended: Traffic = msgspec.field(default_factory=Traffic)
    sessions_opened: int = 0
    authentications_failed: int = 0
    sessions_too_slow: int = 0
    subscriptions_revoked: int = 0
    refused_publications: int = 0
    registrations_revoked: int = 0
    """Callees that lost a procedure: by a right, an administrator, or `force_reregister`."""

    calls_rerouted: int = 0
    """How often a callee was unavailable and another one got the call."""

    calls_timed_out: int = 0
    events_lost: int = 0
    """Events that were not delivered because their consumer was too slow or does not take so large a message."""

    events_too_large_for_history: int = 0
    """Events that are not kept because each is larger than all that its rule keeps (event_history.py)."""

    limits_exceeded: dict[str, int] = {}
    """How often which limit was run into, by its name in limits.py."""


class RouterCounters(msgspec.Struct):
    """What has happened to a router's connections since its start, in whatever realm."""

    connections_opened: int = 0
    connections_reset: int = 0
    """Peers that did not read or answer our farewell in time."""

    handshakes_failed: int = 0
    """Connections that were gone before they were open: mostly TLS handshakes that failed."""

    accept_failures: int = 0
    """How often the system had no descriptor or memory for another connection."""

    limits_exceeded: dict[str, int] = {}
    """How often which limit was run into before there was a realm to count it."""


def count(table: dict[str, int], name: str) -> None:
    """One more of this name. The names are ours, so there are never many."""
    table[name] = table.get(name, 0) + 1
