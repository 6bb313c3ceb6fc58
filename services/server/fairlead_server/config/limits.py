"""`[limits]`: the router's bounds. What each is for: `fairlead_router/limits.py` and docs/limits.md."""

from __future__ import annotations

from fairlead_router import Limits
from fairlead_server.config.values import check_at_most, check_numbers
from fairlead_server.errors import ConfigError


class LimitsTable(Limits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any of the router's limits by name."""


_AT_LEAST = {
    "uri_length": 256,  # the URIs of WAMP and of the services here
    "hello_bytes": 4096,  # Autobahn|JS announces its features in 1 500 bytes; authextra comes on top
    "http_head_bytes": 4096,  # a browser's handshake with its cookies
    "authid_length": 128,  # the ids of users
    "ping_interval_s": 0.1,  # silent peers of a server are many
}

_AT_MOST = (
    ("hello_bytes", "message_bytes"),  # a HELLO is a message
    ("message_bytes", "outbox_bytes"),  # one that could be sent to nobody
    ("write_bytes", "outbox_bytes"),
    ("catch_up_bytes", "outbox_bytes"),
    ("retained_event_bytes", "retained_bytes"),
    ("stalled_factor", "burst_factor"),  # who reads is not treated worse than who does not
)


def check_limits(limits: LimitsTable) -> None:
    """Raises ConfigError for a number that is none, and for limits that contradict each other."""
    check_numbers("limits", limits)
    for name, least in _AT_LEAST.items():
        if getattr(limits, name) < least:
            raise ConfigError(f"limits.{name}: {getattr(limits, name)} must be at least {least}")
    for name, bound in _AT_MOST:
        check_at_most("limits", limits, name, bound)
    if limits.authenticator_timeout_s >= limits.hello_timeout_s:
        text = f"must be less than hello_timeout_s, which is {limits.hello_timeout_s}: the peer hears why it is refused"
        raise ConfigError(f"limits.authenticator_timeout_s: {limits.authenticator_timeout_s} {text}")
