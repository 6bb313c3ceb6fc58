"""Leases: how long a lock lasts if its dispatcher is not heard. In memory: after a restart each begins anew.

No clock: the time is an argument, in seconds of a clock that nobody sets.
"""

from __future__ import annotations

import heapq
from typing import Final

SLACK: Final = 64
"""Ends that were put off stay in the heap until it has twice as many as there are leases, and these: one may renew as
often as one likes."""


class Leases:
    """By container."""

    def __init__(self) -> None:
        self._due_s: dict[str, float] = {}
        self._order: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._due_s)

    def extend(self, id_: str, due_s: float) -> None:
        """The lease of this container ends then."""
        self._due_s[id_] = due_s
        if len(self._order) < 2 * len(self._due_s) + SLACK:
            heapq.heappush(self._order, (due_s, id_))
        else:
            self._order = [(due_s, id_) for id_, due_s in self._due_s.items()]
            heapq.heapify(self._order)

    def end(self, id_: str) -> None:
        """It has none any more."""
        self._due_s.pop(id_, None)

    def next_due_s(self) -> float | None:
        """When the next one ends."""
        self._tidy()
        return self._order[0][0] if self._order else None

    def due(self, now_s: float) -> list[str]:
        """Those that have ended; each is given once, and has none any more."""
        ended: list[str] = []
        self._tidy()
        while self._order and self._order[0][0] <= now_s:
            _, id_ = heapq.heappop(self._order)
            del self._due_s[id_]
            ended.append(id_)
            self._tidy()
        return ended

    def _tidy(self) -> None:
        """Drop what was extended or ended since."""
        while self._order and self._due_s.get(self._order[0][1]) != self._order[0][0]:
            heapq.heappop(self._order)
