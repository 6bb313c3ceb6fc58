"""The Pulse: all outboxes of a realm that have something to write are written in one go, at the end of the turn.

Where they are many, the loop is asked for more input first, a few times: a publisher who sends several events sends
them one after the other, and what comes while a thousand outboxes are written for the first would need as many writes
again. Four events in flight to 1000 subscribers cost half, a call among a few sessions waits for nothing.

What is due by the steady clock is run first: before the end of the turn the process may have been stopped for long.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from fairlead_router.deadlines import Deadlines
from fairlead_router.host import Host

if TYPE_CHECKING:
    from fairlead_router.item import Item
    from fairlead_router.outbox import Outbox


OUTBOXES_A_LOOK = 50
"""So many writes take some 250 us, a look that finds nothing 1.6."""

MOST_LOOKS = 10
"""16 us in all where nothing comes. Where something does, queueing it for everybody gives the next the time to come."""

LOOKING_US_AN_OUTBOX, LOOKING_US = 5, 10_000
"""Looking may take as long as writing will, 10 ms at most. So what is queued for a session before its bounds are judged
(R3) is what comes in such a time, or in one turn where that takes longer: a burst of all peers does."""


class Written(msgspec.Struct, frozen=True):
    """A whole queue, as it was given to a transport in one write."""

    items: "list[Item]"
    frames: list[Any]
    size: int


class Pulse:
    """The outboxes with something to write in this turn; one flush for all of them at its end.

    `written` is the latest queue of this flush: the subscribers of a topic mostly have the same, item by item, and
    share the bytes of the write.
    """

    __slots__ = ("_crowded_since_us", "_deadlines", "_dirty", "_looks", "host", "written")

    def __init__(self, host: Host, deadlines: Deadlines) -> None:
        self.host = host
        self._deadlines = deadlines
        self._dirty: list[Outbox] = []
        self._crowded_since_us = 0
        self._looks = 0
        self.written: Written | None = None

    def mark(self, outbox: "Outbox") -> None:
        """Have this outbox flushed at the end of the turn. Its `is_dirty` must be false."""
        if not self._dirty:
            self.host.call_soon(self.flush)
        outbox.is_dirty = True
        self._dirty.append(outbox)
        if len(self._dirty) == OUTBOXES_A_LOOK:
            self._crowded_since_us = self.host.steady_us()

    def flush(self) -> None:
        """Write what is queued, and may still be sent; or in the next turn, if it is worth to look for more before."""
        if len(self._dirty) >= OUTBOXES_A_LOOK and self._is_worth_a_look():
            self._looks += 1
            self.host.call_soon(self.flush)
            return
        self._looks = 0
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
        finally:
            self.written = None

    def _is_worth_a_look(self) -> bool:
        """Whether what may come next is waited for. It is judged by the many writes that it may save."""
        outboxes = len(self._dirty)
        looked_us = self.host.steady_us() - self._crowded_since_us
        may_look_us = min(outboxes * LOOKING_US_AN_OUTBOX, LOOKING_US)
        return self._looks < min(outboxes // OUTBOXES_A_LOOK, MOST_LOOKS) and looked_us < may_look_us

    def _put_off(self, rest: "list[Outbox]") -> None:
        """One outbox has failed, which is a mistake of ours: the others are written in the next turn."""
        if rest and not self._dirty:
            self.host.call_soon(self.flush)
        self._dirty = rest + self._dirty
