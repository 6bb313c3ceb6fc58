"""Many topics, each with a publisher and a subscriber of its own, one event in flight in each."""

from __future__ import annotations

from bench.load.dialects.base import Dialect
from bench.load.group import Group
from bench.load.tally import Tally
from bench.workloads.base import Workload


class OneToOne:
    """See the module."""

    def __init__(self, tally: Tally, topics: int) -> None:
        self._groups = [Group(tally, subscribers=1, window=1) for _ in range(topics)]

    async def connect(self, dialect: Dialect) -> None:
        for number, group in enumerate(self._groups):
            await group.connect(dialect, f"bench.pair.{number}")

    def start(self) -> None:
        for group in self._groups:
            group.start()


def one_to_one(topics: int) -> Workload:
    return Workload(
        f"one-to-one-{topics}",
        f"{topics} topics, each 1 publisher to 1 subscriber, 1 in flight",
        "event",
        lambda tally: OneToOne(tally, topics),
    )


WORKLOADS = [one_to_one(100)]
