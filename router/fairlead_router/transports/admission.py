"""Admission: how many connections there are, in all and from each address, and who is too many.

One for all listeners of a router. A connection enters when it is accepted; its address is known when its
first bytes are (a proxy may name another), and is counted from then on. Who is too many is told so and
then closed; where even these refusals are too many at once, they are closed without a word.
"""

from http import HTTPStatus

from fairlead_router.counters import RouterCounters, count
from fairlead_router.limits import Limits
from fairlead_router.observer import Observers, RouterObserver
from fairlead_router.transports.forwarding import UNIX
from fairlead_router.transports.http_request import HttpRefusal

REFUSALS_AT_ONCE = 256
"""Connections beyond the limit that are open for as long as it takes to tell them."""


class Admission:
    """The connections of one router."""

    def __init__(self, limits: Limits, counters: RouterCounters) -> None:
        self._limits = limits
        self.counters = counters
        self.total = 0
        self.by_address: dict[str, int] = {}
        self._observers: Observers[RouterObserver] = Observers()

    def may_enter(self, opening: int) -> bool:
        """Whether to take another connection at all, with so many that shake hands (TLS) already."""
        if self.total + opening < self._limits.connections + REFUSALS_AT_ONCE:
            return True
        self._count("connections", None)
        return False

    def observe(self, observer: RouterObserver) -> None:
        """Tell this observer of who is refused."""
        self._observers.add(observer)

    def enter(self) -> "Entry":
        """A connection is there."""
        self.total += 1
        return Entry(self)

    def admit(self, address: str | None) -> None:
        """Count the address. Raises HttpRefusal, also for a connection that does not speak HTTP."""
        limits = self._limits
        if self.total > limits.connections:
            text = f"{limits.connections} connections are open already"
            self._count("connections", address)
            raise HttpRefusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{text} (connections)")
        if address is None or address == UNIX:
            return
        number = self.by_address.get(address, 0)
        if number >= limits.connections_per_address:
            text = f"{address} has {number} connections already"
            self._count("connections_per_address", address)
            raise HttpRefusal(HTTPStatus.TOO_MANY_REQUESTS, f"{text} (connections_per_address)")
        self.by_address[address] = number + 1

    def leave(self, address: str | None) -> None:
        """A connection is gone; `address` if it was admitted."""
        self.total -= 1
        if address in self.by_address:
            self.by_address[address] -= 1
            if not self.by_address[address]:
                del self.by_address[address]

    def _count(self, limit: str, address: str | None) -> None:
        count(self.counters.limits_exceeded, limit)
        self._observers.tell(lambda each: each.connection_refused(address, limit))


class Entry:
    """One connection's place in the count."""

    __slots__ = ("_address", "_admission", "_has_left")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._address: str | None = None
        self._has_left = False

    def admit(self, address: str | None) -> None:
        """Raises HttpRefusal if it is too many."""
        self._admission.admit(address)
        self._address = address

    def leave(self) -> None:
        """The connection is gone."""
        if not self._has_left:
            self._has_left = True
            self._admission.leave(self._address)
