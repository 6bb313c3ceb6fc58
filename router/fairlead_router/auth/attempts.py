"""Attempts to authenticate, of all realms of a router: how many may wait at once, how often one address may fail.

Guessing secrets is bounded by address, not by user: who fails as somebody else must not lock them out. Peers without
an address of their own are not bounded: in-process, on a Unix socket, and on loopback, where also everybody is whom a
proxy does not name.
"""

from collections import Counter

from fairlead_router.errors import LimitReached
from fairlead_router.host import Host
from fairlead_router.limits import Limits
from fairlead_router.peer import PeerDetails

_SHARED_ADDRESSES = ("unix", "127.", "::ffff:127.")


class Attempts:
    """The counts. Failures are forgotten together, a window after the first."""

    def __init__(self, host: Host, limits: Limits) -> None:
        self._host = host
        self._limits = limits
        self._failures: Counter[str] = Counter()
        self._waiting = 0

    def check(self, peer: PeerDetails) -> None:
        """Raises LimitReached if the peer's address has failed too often."""
        if peer.address is not None and self._failures[peer.address] >= self._limits.failed_attempts_per_address:
            window_s = self._limits.failed_attempts_window_s
            text = f"too many failed attempts from this address (failed_attempts_per_address in {window_s:g} s)"
            raise LimitReached(text, limit="failed_attempts_per_address")

    def failed(self, peer: PeerDetails) -> None:
        """A proof of this peer was wrong."""
        address = peer.address
        if address is None or address == "::1" or address.startswith(_SHARED_ADDRESSES):
            return
        if not self._failures:
            self._host.call_later(self._limits.failed_attempts_window_s, self._failures.clear)
        elif address not in self._failures and len(self._failures) >= self._limits.addresses_with_failures:
            del self._failures[next(iter(self._failures))]
        self._failures[address] += 1

    def begin_waiting(self) -> None:
        """One more waits for its authenticator. Raises LimitReached if too many do."""
        if self._waiting >= self._limits.authentications_waiting:
            text = f"{self._waiting} peers wait for an authenticator already (authentications_waiting)"
            raise LimitReached(text, limit="authentications_waiting")
        self._waiting += 1

    def end_waiting(self) -> None:
        """It waits no more."""
        self._waiting -= 1
