"""What does nothing, beside one publisher and one subscriber that are kept busy: memory, and what it costs others."""

from __future__ import annotations

from collections.abc import Sequence

from bench.load.dialects.base import Dialect
from bench.load.group import Group
from bench.load.tally import Tally
from bench.workloads.base import SESSIONS, Workload

TOPIC = "bench.busy"
SUBSCRIPTIONS_EACH = 1_000


class Held:
    """Sessions with these subscriptions, of which each publication of the busy ones matches none."""

    def __init__(self, tally: Tally, sessions: int, topics: int = 0, patterns: int = 0) -> None:
        self._tally = tally
        self._group = Group(tally, subscribers=1, window=1)
        self._topics = _shared(sessions, [f"bench.held.{number}" for number in range(topics)])
        self._patterns = _shared(sessions, [f"bench.held.{number}." for number in range(patterns)])

    async def connect(self, dialect: Dialect) -> None:
        for topics, patterns in zip(self._topics, self._patterns, strict=True):
            await dialect.hold(topics, patterns, self._closed)
        await self._group.connect(dialect, TOPIC)

    def start(self) -> None:
        self._group.start()

    def _closed(self) -> None:
        self._tally.closed += 1


def _shared(sessions: int, topics: Sequence[str]) -> list[Sequence[str]]:
    """Each session's part."""
    return [topics[number::sessions] for number in range(sessions)]


def idle(connections: int) -> Workload:
    return Workload(
        f"idle-{connections}",
        f"{connections} idle connections beside 1 publisher and 1 subscriber, 1 in flight",
        "event",
        lambda tally: Held(tally, connections),
        frozenset({SESSIONS}),
        holds=_counted(connections),
    )


def subscriptions(count: int) -> Workload:
    sessions = max(count // SUBSCRIPTIONS_EACH, 1)
    return Workload(
        f"subscriptions-{count}",
        f"{count} {'subscription' if count == 1 else 'subscriptions'}, each of a topic of its own, beside 1 publisher"
        " and 1 subscriber, 1 in flight",
        "event",
        lambda tally: Held(tally, sessions, topics=count),
        frozenset({SESSIONS}),
        holds=_counted(count),
    )


def patterns(count: int) -> Workload:
    return Workload(
        f"patterns-{count}",
        f"{count} prefix {'subscription' if count == 1 else 'subscriptions'} that match nothing, beside 1 publisher and"
        " 1 subscriber, 1 in flight",
        "event",
        lambda tally: Held(tally, 1, patterns=count),
        frozenset({SESSIONS}),
        holds=_counted(count),
    )


def _counted(count: int) -> int:
    """What memory is divided by: the growth with a single one is not its own."""
    return count if count > 1 else 0


WORKLOADS = [idle(10_000), subscriptions(1), subscriptions(100_000)]

CONNECTIONS = (1, 100, 1_000, 10_000, 19_000)
"""The last is what 20 000 open files allow."""
TOPICS = (1, 100, 10_000, 100_000)
PATTERNS = (1, 10, 100, 1_000)

GROWTH = {
    "connections": {size: idle(size) for size in CONNECTIONS},
    "topics": {size: subscriptions(size) for size in TOPICS},
    "patterns": {size: patterns(size) for size in PATTERNS},
}
"""By what grows, by size."""
