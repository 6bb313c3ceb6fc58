"""What a soak comes to: what the figures of before, meanwhile and after say about leaks."""

from __future__ import annotations

from statistics import linear_regression, median
from typing import Any, NamedTuple

SETTLED_FROM = 0.2
"""The part of the time after which memory must have stopped growing: pools and caches are full by then."""
GROWTH_KIB = 16 << 10
"""How much resident memory may grow from then to the end: what one burst that waits in outboxes comes to, for the
allocator keeps some of it."""
OBJECTS = 3_000
"""How many more objects there may be after a soak than before: what the realms remember (retained events, history) is
bounded, and differs. A session with what it holds is some 50, and a soak opens thousands."""

GAUGES = ("subscriptions", "registrations", "calls", "queued_messages", "queued_bytes")

Figures = dict[str, Any]


class Sample(NamedTuple):
    """Resident memory at a time, in seconds since the beginning."""

    at_s: float
    rss_kib: int


class Growth(NamedTuple):
    """Of resident memory, once it had settled."""

    kib: float
    kib_a_minute: float

    @classmethod
    def of(cls, samples: list[Sample]) -> Growth:
        """From the median of the first tenth after SETTLED_FROM to that of the last tenth; the slope by regression."""
        settled = samples[int(len(samples) * SETTLED_FROM) :]
        tenth = max(1, len(settled) // 10)
        kib = median(each.rss_kib for each in settled[-tenth:]) - median(each.rss_kib for each in settled[:tenth])
        slope = linear_regression([each.at_s for each in settled], [each.rss_kib for each in settled]).slope
        return cls(kib, slope * 60)


def is_quiet(figures: Figures) -> bool:
    """Whether everybody has gone, and the router knows it."""
    stats = figures["stats"]
    realms = stats["realms"].values()
    return not stats["connections"] and len(realms) == 2 and not any(realm["sessions"] for realm in realms)


def faults(before: Figures, after: Figures) -> list[str]:
    """What stays of a soak that should not: figures of the quiet router before and after it."""
    found = [f"{name}: {before[name]} before, {after[name]} after" for name in ("tasks", "timers", "descriptors")
             if after[name] > before[name]]  # fmt: skip
    if after["objects"] - before["objects"] > OBJECTS:
        found.append(f"objects: {before['objects']} before, {after['objects']} after")
    if after["sessions_opened"] != after["sessions_closed"]:
        found.append(f"sessions: {after['sessions_opened']} opened, {after['sessions_closed']} closed")
    if after["stats"]["connections"]:
        found.append(f"connections: {after['stats']['connections']} are left")
    for name, realm in after["stats"]["realms"].items():
        if realm["sessions"]:
            found.append(f"{name}: sessions: {realm['sessions']} are left")
        found += [f"{name}: {gauge}: {realm[gauge]} are left" for gauge in GAUGES if realm[gauge]]
    return [*found, *(f"complaint: {text}" for text in after["complaints"])]
