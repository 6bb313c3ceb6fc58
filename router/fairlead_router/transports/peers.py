"""What the peers of all transports have in common: how they come in, and how a silent one is noticed."""

from enum import Enum, auto
from math import ceil
from typing import Any, Protocol

import msgspec

from fairlead_router.gatekeeper import Gatekeeper
from fairlead_router.limits import Limits
from fairlead_router.peer import PeerDetails
from fairlead_router.transports.admission import Entry


class OpenPeer(Protocol):
    """A connection that speaks WAMP, as its listener sees it."""

    def shut_down(self) -> None:
        """The router closes."""

    def keep_alive(self) -> None:
        """Called every `look_interval_s`: ping a silent peer, give up one that stays silent."""

    def abort(self) -> None:
        """Reset the connection."""


class Arrival(msgspec.Struct, frozen=True):
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


_LOOKS = 4
"""In the shorter of `ping_interval_s` and `ping_timeout_s`: a silent peer is found out within the sum of the two."""


def look_interval_s(limits: Limits) -> float:
    """How often to look at a peer."""
    return min(limits.ping_interval_s, limits.ping_timeout_s) / _LOOKS


class Silence:
    """How long a peer has said nothing. Judged from time to time, so it costs nothing per message and no task.

    Looks are counted, not seconds: while this process was stopped (SIGSTOP, a debugger, a suspended machine) nobody
    could be heard, and nobody is given up for that.
    """

    __slots__ = ("_looks", "_looks_until_lost", "_looks_until_ping")

    def __init__(self, limits: Limits) -> None:
        interval_s = look_interval_s(limits)
        self._looks = 0
        self._looks_until_ping = int(limits.ping_interval_s / interval_s) - 1
        self._looks_until_lost = self._looks_until_ping + ceil(limits.ping_timeout_s / interval_s)

    def judge(self, was_heard: bool) -> Verdict:
        """One look. `was_heard`: whether anything came since the last one."""
        self._looks = 0 if was_heard else self._looks + 1
        if self._looks == self._looks_until_ping:
            return Verdict.PING
        return Verdict.GIVE_UP if self._looks >= self._looks_until_lost else Verdict.NOTHING
