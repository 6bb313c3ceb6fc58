"""How long things took, as the tables show them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bench.load.tally import quantile


class Times(msgspec.Struct, frozen=True):
    """Of some samples, in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    worst_ms: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Times:
        ordered = sorted(seconds)
        worst_s = ordered[-1] if ordered else 0.0
        return cls(len(ordered), quantile(ordered, 0.5) * 1e3, quantile(ordered, 0.99) * 1e3, worst_s * 1e3)

    def __str__(self) -> str:
        return f"{self.p50_ms:.1f}, {self.p99_ms:.1f} ms (worst {self.worst_ms:.0f})"
