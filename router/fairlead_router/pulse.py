"""The Pulse: all outboxes of a realm that have something to write are written in one go, at the end of the turn.

What is due by the steady clock is run first: before the end of the turn the process may have been stopped for long.
"""

from typing import TYPE_CHECKING

from fairlead_router.deadlines import Deadlines
from fairlead_router.host import Host

if TYPE_CHECKING:
    from fairlead_router.outbox import Outbox


class Pulse:
    """The outboxes with something to write in this turn; one flush for all of them at its end."""

    __slots__ = ("_deadlines", "_dirty", "host")

    def __init__(self, host: Host, deadlines: Deadlines) -> None:
        self.host = host
        self._deadlines = deadlines
        self._dirty: list[Outbox] = []

    def mark(self, outbox: "Outbox") -> None:
        """Have this outbox flushed at the end of the turn. Its `is_dirty` must be false."""
        if not self._dirty:
            self.host.call_soon(self.flush)
        outbox.is_dirty = True
        self._dirty.append(outbox)

    def flush(self) -> None:
        """Write what is queued, and may still be sent."""
        steady_us = self._deadlines.next_steady_us
        if steady_us is not None and steady_us <= self.host.steady_us():
            self._deadlines.run_due()
        dirty, self._dirty = self._dirty, []
        rest = iter(dirty)
        try:
            for outbox in rest:
                outbox.flush()
        except Exception:
            self._put_off(list(rest))
            raise

    def _put_off(self, rest: "list[Outbox]") -> None:
        """One outbox has failed, which is a mistake of ours: the others are written in the next turn."""
        if rest and not self._dirty:
            self.host.call_soon(self.flush)
        self._dirty = rest + self._dirty
