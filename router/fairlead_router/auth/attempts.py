"""Attempts to authenticate, of all realms of a router: how many may wait at once, how often one address may fail.

Guessing secrets is bounded by address, not by user: who fails as somebody else must not lock them out. Peers without
an address of their own are not bounded: in-process, on a Unix socket, and on loopback, where also everybody is whom a
proxy does not name.
"""

from collections import Counter
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from fairlead_router.errors import LimitReached
from fairlead_router.host import Host
from fairlead_router.limits import Limits
from fairlead_router.peer import PeerDetails

ADDRESSES_REMEMBERED = 1_024
"""Those of who connects often: reading one takes 1 to 3 us."""


class Attempts:
    """The counts. Failures are forgotten together, a window after the first."""

    def __init__(self, host: Host, limits: Limits) -> None:
        self._host = host
        self._limits = limits
        self._failures: Counter[str] = Counter()
        self._waiting = 0

    def check(self, peer: PeerDetails) -> None:
        """Raises LimitReached if there were too many failures where the peer comes from."""
        origin = _origin(peer.address)
        if origin is not None and self._failures[origin] >= self._limits.failed_attempts_per_address:
            window_s = self._limits.failed_attempts_window_s
            text = f"too many failed attempts from this address in {window_s:g} s"
            raise LimitReached(text, limit="failed_attempts_per_address")

    def failed(self, peer: PeerDetails) -> None:
        """A proof of this peer was wrong."""
        origin = _origin(peer.address)
        if origin is None:
            return
        if not self._failures:
            self._host.call_later(self._limits.failed_attempts_window_s, self._failures.clear)
        elif origin not in self._failures and len(self._failures) >= self._limits.addresses_with_failures:
            del self._failures[next(iter(self._failures))]
        self._failures[origin] += 1

    def begin_waiting(self) -> None:
        """One more waits for its authenticator. Raises LimitReached if too many do."""
        if self._waiting >= self._limits.authentications_waiting:
            text = f"{self._waiting} peers wait for an authenticator already"
            raise LimitReached(text, limit="authentications_waiting")
        self._waiting += 1

    def end_waiting(self) -> None:
        """It waits no more."""
        self._waiting -= 1


@lru_cache(ADDRESSES_REMEMBERED)
def _origin(peer_address: str | None) -> str | None:
    """An IPv4 address, or the 64 bits that one subscriber has of IPv6; None where it may be anybody."""
    try:
        address = ip_address(peer_address or "")
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return None
    return str(address) if isinstance(address, IPv4Address) else address.exploded[:_NETWORK_CHARACTERS]


_NETWORK_CHARACTERS = 19
"""The first four groups of an IPv6 address."""
