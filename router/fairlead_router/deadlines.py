"""Deadlines: what ends at a time of the wall clock has ended for every message that is accepted after it (G7).

A timer of the loop comes late where the loop is busy, and knows nothing of a wall clock that is set. So whatever is
accepted compares the next deadline with the time first and runs what is due; where there is none, that is one look at
`next_us`. The timer is for what must end although no message comes.
"""

import logging
from collections.abc import Callable

from fairlead_router.due_times import DueTimes
from fairlead_router.host import Host, Timer

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 5.0
"""A wall clock that was set is noticed within this time where no message comes."""


class Deadlines:
    """What is to happen at which time in one realm. A time that has passed already counts as due."""

    def __init__(self, host: Host) -> None:
        self.next_us: int | None = None
        """When something must be run: microseconds since 1970. None: nothing is waited for."""
        self._host = host
        self._due: DueTimes[Callable[[], object]] = DueTimes()
        self._timer: Timer | None = None

    def set(self, callback: Callable[[], object], at_us: int | None) -> None:
        """Call back once at this time, and not at the one that was set for it before; None: never.

        It is called before the next message is judged, or by itself, and may end sessions and revoke.
        """
        self._due.set(callback, at_us)
        if self._due.next_us != self.next_us:
            self.next_us = self._due.next_us
            self._restart_timer()

    def run_due(self) -> None:
        """Run what is due now, if anything is. Cheap: it may be called for each message."""
        if self.next_us is not None and self.next_us <= self._host.time_us():
            self._run()

    def _run(self) -> None:
        """A callback may set others, also for now, and may lead to a message that runs what is left."""
        while (due := self._due.pop(self._host.time_us())) is not None:
            self.next_us = self._due.next_us
            try:
                due.key()
            except Exception:
                log.exception("a deadline went wrong; those behind it are not affected")
        self.next_us = self._due.next_us
        self._restart_timer()

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.next_us is not None:
            wait_s = (self.next_us - self._host.time_us()) / 1_000_000
            self._timer = self._host.call_later(min(max(wait_s, 0), LONGEST_WAIT_S), self._look)

    def _look(self) -> None:
        """The timer has come: early, in time or late."""
        self._timer = None
        self.run_due()
        if self._timer is None:
            self._restart_timer()
