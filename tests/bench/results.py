"""What the parts of the harness tell each other: a job for the load generator, and what it measured.

A unit is one delivered event, one answered call, or one connection that came and went. Times carry their unit in the
name.
"""

from __future__ import annotations

import msgspec


class Job(msgspec.Struct, frozen=True):
    """One measurement, as it is handed to a load generator process."""

    workload: str
    dialect: str
    url: str
    router_pid: int
    payload_bytes: int = 100
    warmup_s: float = 0.5
    measured_s: float = 3.0
    stall_s: float = 5.0
    """Without any progress for so long, what is missing counts as lost."""
    holds: int = 0
    """How many connections or subscriptions that do nothing the workload has."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What one load generator process measured on one router. `units` to `load_cpu_s` are of the measured part
    only; `expected` and `received` are of the whole run, drained to its end.
    """

    units: int
    wall_s: float
    router_cpu_s: float
    load_cpu_s: float
    p50_us: float
    p99_us: float
    latency_samples: int
    rss_bytes: int
    rss_before_bytes: int = 0
    """Before the first connection."""
    holds: int = 0
    """What the growth from then on is divided by; 0 where nothing is held."""
    expected: int
    received: int
    refused: int
    closed: int

    @property
    def cpu_us(self) -> float:
        """Router CPU per unit."""
        return self.router_cpu_s * 1e6 / max(self.units, 1)

    @property
    def per_s(self) -> float:
        return self.units / self.wall_s

    @property
    def held_bytes(self) -> float:
        """Memory for each of what is held; 0 where nothing is."""
        return (self.rss_bytes - self.rss_before_bytes) / self.holds if self.holds else 0.0

    @property
    def router_share(self) -> float:
        """How much of one core the router used (a router with several threads may exceed 1)."""
        return self.router_cpu_s / self.wall_s

    @property
    def load_share(self) -> float:
        """How much of one core the load generator used; it has one thread, so 1 means that it set the pace."""
        return self.load_cpu_s / self.wall_s

    @property
    def lost(self) -> int:
        return max(self.expected - self.received - self.refused, 0)

    @property
    def is_complete(self) -> bool:
        """Whether everything arrived, exactly once, and nobody was disconnected."""
        return self.units > 0 and self.expected == self.received and not self.refused and not self.closed


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to measure: one workload on one peer in one round."""

    round: int
    workload: str
    peer: str
    measurement: Measurement | None = None
    failure: str = ""
