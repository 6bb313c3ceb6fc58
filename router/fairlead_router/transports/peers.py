"""What the peers of all transports have in common: how they come in, and how a silent one is noticed."""

from enum import Enum, auto
from typing import Any, NamedTuple, Protocol

from fairlead_router.connection import Gatekeeper
from fairlead_router.limits import Limits
from fairlead_router.peer import PeerDetails
from fairlead_router.transports.admission import Entry


class OpenPeer(Protocol):
    """A connection that speaks WAMP, as its listener sees it."""

    def shut_down(self) -> None:
        """The router closes."""

    def keep_alive(self, now: float) -> None:
        """Called from time to time: ping a silent peer, give up one that stays silent."""

    def abort(self) -> None:
        """Reset the connection."""


class Arrival(NamedTuple):
    """A connection that the door hands over. Its peer adds itself to `open_peers`, and leaves both when it is lost."""

    router: Gatekeeper
    network: Any
    details: PeerDetails
    entry: Entry
    open_peers: set[OpenPeer]

    def opened(self, peer: OpenPeer) -> None:
        """It is a peer now."""
        self.open_peers.add(peer)

    def lost(self, peer: OpenPeer) -> None:
        """The connection is gone."""
        self.open_peers.discard(peer)
        self.entry.leave()


class Verdict(Enum):
    """What to do about a peer's silence."""

    NOTHING = auto()
    PING = auto()
    GIVE_UP = auto()


class Silence:
    """How long a peer has said nothing. Judged from time to time, so it costs nothing per message and no task."""

    __slots__ = ("_heard_at", "_limits", "_pinged_at")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._heard_at = 0.0
        self._pinged_at: float | None = None

    def judge(self, now: float, was_heard: bool) -> Verdict:
        """`was_heard`: whether anything came since the last time."""
        if was_heard:
            self._heard_at = now
            self._pinged_at = None
        elif self._pinged_at is not None:
            if now - self._pinged_at > self._limits.ping_timeout_s:
                return Verdict.GIVE_UP
        elif now - self._heard_at > self._limits.ping_interval_s:
            self._pinged_at = now
            return Verdict.PING
        return Verdict.NOTHING
