"""The options of a realm: how it treats its peers. `fairlead serve` reads them from its file."""

from typing import Literal

import msgspec

from fairlead_router.pubsub.event_history import HistoryRule
from fairlead_router.pubsub.revocation import RevocationSignal

Disclosure = Literal["asked", "always", "never"]
SlowConsumer = Literal["close", "drop", "reset"]


class RealmOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults suit a realm of browsers, commands and services."""

    revocation_signal: RevocationSignal = RevocationSignal.AUTO
    """How a client is told that the router has ended its subscription (revocation.py)."""

    disclosure: Disclosure = "asked"
    """Who learns the session, authid and authrole of callers and publishers (disclosure.py)."""

    slow_consumer: SlowConsumer = "close"
    """What becomes of a session that does not read (slow_consumers.py).

    `close`: GOODBYE, and a reset when that cannot be written; `reset` at once; `drop` its events and tell it.
    """

    call_timeout_s: float | None = None
    """The timeout of calls that name none; None: they may take for ever."""

    call_timeout_max_s: float = 86_400.0
    """The longest timeout that a call may name; a longer one is cut to it."""

    event_history: tuple[HistoryRule, ...] = ()
    """Which events are kept for `wamp.subscription.get_events` (event_history.py); none by default."""
