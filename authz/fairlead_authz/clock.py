"""The time, as permissions follow it: the wall clock, which may be set.

A right that was lost by the clock stays lost while the wall clock is behind the time at which it was lost: whatever
rested on it has been ended, and would not be ended a second time. A clock that is corrected by some seconds catches up;
one that was set further back is reported to whoever can have it begin anew.
"""

import time
from collections.abc import Callable


def now_us() -> int:
    """The wall clock: microseconds since 1970."""
    return time.time_ns() // 1000


CORRECTION_US = 60_000_000
"""A clock that is kept by the network is set back by less: what is in the trash is not seen again because of that."""


class Clock:
    """The wall clock, never behind what has been lost by it."""

    def __init__(self, wall_us: Callable[[], int] = now_us) -> None:
        self.wall_us = wall_us
        self.lost_us = 0
        """When the last right was lost by the clock."""
        self.on_set_back: Callable[[], object] = lambda: None
        """Called by whoever asks for the time while the wall clock is far behind `lost_us`."""

    def now_us(self) -> int:
        """The time by which rights are judged: microseconds since 1970."""
        wall_us = self.wall_us()
        if wall_us >= self.lost_us:
            return wall_us
        if wall_us < self.lost_us - CORRECTION_US:
            self.on_set_back()
        return self.lost_us
