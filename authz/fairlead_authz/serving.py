"""Serving: a realm is served while it is certain that its permissions in memory are those of the store.

On PostgreSQL another process may take the store over from one that is cut off, stopped or suspended, and revoke what
this one would go on allowing. So the realm is served within the lease of the store only (fairlead_store.lease). Its end
is a deadline of the realm, by a steady clock: no message is accepted after it, however late the process wakes up.

When the lease has run out every session but those of services ends, and joins are refused, with
`fairlead.close.suspended`. When it is renewed after all, nobody else had the store, and the realm is served again. When
another process had it, what is in memory is old for good: then this Authz serves nobody any more, and the program ends
or opens another one.
"""

from collections.abc import Callable
from typing import Protocol

from fairlead_router.realm import Realm

LOOK_US = 200_000
"""Between two looks whether the lease was renewed."""

CUT_OFF = "this server cannot reach the database of the permissions: come back later"
TAKEN_OVER = "another server has taken over the permissions of this realm: come back later"
CLOSED = "the permissions of this realm are closed: come back later"


class Lease(Protocol):
    """As `fairlead_store.Lease`."""

    until_us: int
    is_lost: bool


class Serving:
    """Whether one realm is served. Without a lease nobody can take the store, and it always is."""

    def __init__(self, lease: Lease | None) -> None:
        self.is_serving = True
        self.on_change: Callable[[], object] = lambda: None
        """Called when `is_serving` has changed, and when the store is lost for good."""
        self._lease = lease
        self._realm: Realm | None = None

    @property
    def is_taken_over(self) -> bool:
        """Whether another process has had the store since."""
        return self._lease is not None and self._lease.is_lost

    def bind(self, realm: Realm) -> None:
        """From now on this realm is served within the lease only."""
        if self._lease is not None:
            self._realm = realm
            self._look()

    def close(self) -> None:
        """The lease is about to be given back: what is served by it ends first."""
        if self._realm is not None:
            self._realm.deadlines.set_steady(self._look, None)
            self._realm.suspend(CLOSED)
            self._realm = None

    def _look(self) -> None:
        """The lease has run out, unless it was renewed meanwhile."""
        assert self._realm is not None, "bound"
        assert self._lease is not None, "bound"
        now_us, until_us = self._realm.host.steady_us(), self._lease.until_us
        if self._lease.is_lost:
            self.is_serving = False
            self._realm.suspend(TAKEN_OVER)
            self.on_change()
        elif now_us < until_us:
            self._realm.deadlines.set_steady(self._look, until_us)
            self._resume()
        else:
            self._realm.deadlines.set_steady(self._look, now_us + LOOK_US)
            self._suspend(CUT_OFF)

    def _suspend(self, text: str) -> None:
        assert self._realm is not None, "bound"
        if self.is_serving:
            self.is_serving = False
            self._realm.suspend(text)
            self.on_change()

    def _resume(self) -> None:
        assert self._realm is not None, "bound"
        if not self.is_serving:
            self.is_serving = True
            self._realm.resume()
            self.on_change()
