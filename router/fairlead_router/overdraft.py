"""An Overdraft: the time during which one outbox holds more than its bounds, and when that ends its session.

A burst must not close a healthy, reading peer, and memory must be bounded all the same (R3). In a single turn of
the loop an outbox can be given what all publishers to it have sent ahead, each at most `unread_bytes`; its reader
has had no chance yet. So the turn in which the bounds are exceeded ends nothing. From the next turn on a session
is too slow

- when it holds more than in that turn, and more than `burst_factor` times its bounds, or, while its transport accepts
  nothing, more than `stalled_factor` times;
- when its transport has accepted nothing for `slow_consumer_grace_s`;
- when it is not back within its bounds after `overdraft_s`, though it reads.

What this costs at worst: a frame that waits for many sessions is in memory once, so all outboxes together grow no
faster than the router's input, for as long as the grace of those who stopped reading; and who reads a little, just
enough to be kept, holds `burst_factor` times its bounds for `overdraft_s`.
"""

from collections.abc import Callable

from fairlead_router.host import Host, Timer
from fairlead_router.limits import Limits


class Overdraft:
    """Made in the turn in which an outbox exceeds its bounds."""

    __slots__ = ("_at_first", "_give_up", "_has_accepted", "_host", "_limits", "_periods_left", "_timer", "is_spent")

    def __init__(self, host: Host, limits: Limits, give_up: Callable[[], None], excess: float) -> None:
        """`give_up` is called when time is up; `excess`: how many times the bounds are queued in this turn."""
        self._host = host
        self._at_first = excess
        self._limits = limits
        self._give_up = give_up
        self._has_accepted = False
        self._periods_left = max(1, round(limits.overdraft_s / limits.slow_consumer_grace_s))
        self._timer: Timer = host.call_later(limits.slow_consumer_grace_s, self._period_ended)
        self.is_spent = False
        """Whether the session was too slow and has been relieved: it gets no grace until it has read everything."""

    def note(self, is_writable: bool) -> None:
        """One more attempt to write; a transport that is writable has accepted something."""
        self._has_accepted |= is_writable

    def is_exceeded_by(self, excess: float) -> bool:
        """Whether so many times the bounds are too much now."""
        if self.is_spent:
            return True
        factor = self._limits.burst_factor if self._has_accepted else self._limits.stalled_factor
        return excess > max(factor, self._at_first)

    def spend(self) -> None:
        """The session was too slow; what it holds has been brought within its bounds."""
        self.settle()
        self.is_spent = True

    def settle(self) -> None:
        """It is over."""
        self._timer.cancel()

    def _period_ended(self) -> None:
        self._periods_left -= 1
        if self._has_accepted and self._periods_left:
            self._has_accepted = False
            self._timer = self._host.call_later(self._limits.slow_consumer_grace_s, self._period_ended)
        else:
            self._give_up()
