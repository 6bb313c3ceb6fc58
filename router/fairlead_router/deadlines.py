"""Deadlines: what ends at a time of the wall clock has ended for every message that is accepted after it (G7).

A timer of the loop comes late where the loop is busy, and knows nothing of a wall clock that is set. So whatever is
accepted compares the next deadline with the time first and runs what is due; where there is none, that is one look at
`next_us` and one at `next_steady_us`. The timer is for what must end although no message comes.

What must not wait for a clock that was set back is kept by the steady one (`set_steady`).
"""

import logging
from collections.abc import Callable

from fairlead_router.due_times import DueTimes
from fairlead_router.host import Host, Timer

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 5.0
"""A wall clock that was set is noticed within this time where no message comes."""


class _Line:
    """What is due by one clock."""

    __slots__ = ("due", "now_us")

    def __init__(self, now_us: Callable[[], int]) -> None:
        self.now_us = now_us
        self.due: DueTimes[Callable[[], object]] = DueTimes()

    @property
    def is_due(self) -> bool:
        return self.due.next_us is not None and self.due.next_us <= self.now_us()


class Deadlines:
    """What is to happen at which time in one realm. A time that has passed already counts as due."""

    def __init__(self, host: Host) -> None:
        self.next_us: int | None = None
        """When something must be run: microseconds since 1970. None: nothing is waited for."""
        self.next_steady_us: int | None = None
        """Likewise, by the host's steady clock."""
        self._host = host
        self._wall = _Line(host.time_us)
        self._steady = _Line(host.steady_us)
        self._timer: Timer | None = None

    def set(self, callback: Callable[[], object], at_us: int | None) -> None:
        """Call back once at this time, and not at the one that was set for it before; None: never.

        It is called before the next message is judged, or by itself, and may end sessions and revoke.
        """
        self._set(self._wall, callback, at_us)

    def set_steady(self, callback: Callable[[], object], at_us: int | None) -> None:
        """Likewise, at a time of the host's steady clock."""
        self._set(self._steady, callback, at_us)

    def run_due(self) -> None:
        """Run what is due now, if anything is. Cheap: it may be called for each message."""
        if self._wall.is_due:
            self._run(self._wall)
        if self._steady.is_due:
            self._run(self._steady)

    def _set(self, line: _Line, callback: Callable[[], object], at_us: int | None) -> None:
        before_us = line.due.next_us
        line.due.set(callback, at_us)
        if line.due.next_us != before_us:
            self._restart_timer()

    def _run(self, line: _Line) -> None:
        """A callback may set others, also for now, and may lead to a message that runs what is left."""
        while (due := line.due.pop(line.now_us())) is not None:
            self._show_next()
            try:
                due.key()
            except Exception:
                log.exception("a deadline went wrong; those behind it are not affected")
        self._restart_timer()

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._show_next()
        lines = (self._wall, self._steady)
        waits_us = [line.due.next_us - line.now_us() for line in lines if line.due.next_us is not None]
        if waits_us:
            wait_s = min(waits_us) / 1_000_000
            self._timer = self._host.call_later(min(max(wait_s, 0), LONGEST_WAIT_S), self._look)

    def _show_next(self) -> None:
        self.next_us = self._wall.due.next_us
        self.next_steady_us = self._steady.due.next_us

    def _look(self) -> None:
        """The timer has come: early, in time or late."""
        self._timer = None
        self.run_due()
        if self._timer is None:
            self._restart_timer()
