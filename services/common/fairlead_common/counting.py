"""How services count what happens: how long commits took, and what was refused."""

from __future__ import annotations

from bisect import bisect_left

import msgspec

COMMIT_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""A good disk writes in one or two milliseconds; seconds are those of a full disk or a database that is away."""


class Durations(msgspec.Struct):
    """How long something took: a histogram."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(COMMIT_BOUNDS_S) + 1))
    """How often it took up to each of COMMIT_BOUNDS_S and longer than the one before; the last is longer than all."""

    total_s: float = 0.0

    def add(self, duration_s: float) -> None:
        """It took so long."""
        self.counts[bisect_left(COMMIT_BOUNDS_S, duration_s)] += 1
        self.total_s += duration_s


def count(table: dict[str, int], uri: str) -> None:
    """One more of this error. The URIs are ours, so there are never many."""
    name = uri.rpartition(".")[2]
    table[name] = table.get(name, 0) + 1
