"""How long to wait before the next attempt.

Exponential from 0.1 s, so that a restarted server is found at once, up to 5 s, so that a night's outage costs nothing
and its end is noticed soon. The jitter spreads a thousand clients that lost the same server at the same moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 0.1
LARGEST_S = 5.0
# Each delay is between this part of its nominal length and all of it.
JITTER = 0.5


class Backoff:
    """The delays of one series of attempts; `reset` after a success.

    >>> Backoff(random=lambda: 1.0).next_s()
    0.1
    """

    def __init__(
        self,
        first_s: float = FIRST_S,
        largest_s: float = LARGEST_S,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._first_s = first_s
        self._largest_s = largest_s
        self._random = random
        self._nominal_s = first_s

    def next_s(self) -> float:
        """The delay before the next attempt, in seconds."""
        nominal_s = self._nominal_s
        self._nominal_s = min(self._largest_s, nominal_s * 2)
        return nominal_s * (JITTER + (1 - JITTER) * self._random())

    def reset(self) -> None:
        """The last attempt succeeded: the next series begins with short delays."""
        self._nominal_s = self._first_s
