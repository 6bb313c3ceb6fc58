"""Observers: a program that wants to hear what happens in its router subclasses these and overrides what it wants.

Nothing here is called per message. What is counted rather than told is in counters.py, read with `stats()`. An
observer is called in the turn in which the thing happens, amid the router's work: it takes note and returns. One that
fails is logged, and the router goes on.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from fairlead_router.authorization import Principal

if TYPE_CHECKING:
    from fairlead_router.realm import Realm

log = logging.getLogger(__name__)


class RealmObserver:
    """Hears of one realm. Give it to `Realm.observe`."""

    def joined(self, session_id: int, principal: Principal) -> None:
        """A session has opened."""

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        """A session has ended; `reason` is a close or error URI, or `wamp.close.transport_lost`."""

    def limit_exceeded(self, session_id: int | None, limit: str) -> None:
        """A peer ran into the limit of this name (limits.py) and was told; None: before it had a session."""

    def events_lost(self, session_id: int, subscription: int, lost: int) -> None:
        """So many events of a subscription were not delivered to a session (slow_consumers.py)."""

    def subscription_revoked(self, session_id: int, topic: str, reason: str) -> None:
        """The router ended a subscription, because the right to it has gone."""


class RouterObserver:
    """Hears of a router. Give it to `Router.observe`; of each realm it hears through an observer that it adds there."""

    def realm_added(self, realm: "Realm") -> None:
        """There is a new realm. Also called for those that are there when the observer comes."""

    def realm_removed(self, realm: "Realm") -> None:
        """The realm takes no sessions any more; those that it has are about to end."""

    def connection_refused(self, address: str | None, limit: str) -> None:
        """A connection was closed at once, because the limit of this name is reached."""


T = TypeVar("T")


class Observers(Generic[T]):
    """Those of one realm or router. One that fails is a mistake of the program's, and leaves nothing half done."""

    def __init__(self) -> None:
        self._observers: list[T] = []

    def add(self, observer: T) -> None:
        """Tell this observer from now on."""
        self._observers.append(observer)

    def tell(self, what: Callable[[T], object]) -> None:
        """Tell all of them, in the order in which they came."""
        for observer in self._observers:
            try:
                what(observer)
            except Exception:
                log.exception("an observer failed; the others and the router go on")
