"""Many topics, each with a publisher and a subscriber of its own, one event in flight in each."""

from __future__ import annotations

from bench.load.dialects.base import Dialect
from bench.load.group import Group
from bench.load.tally import Tally
from bench.workloads.base import LARGE_BYTES, LINKS, MANY_TOPICS, Workload, in_another_form


class OneToOne:
    """See the module."""

    def __init__(self, tally: Tally, topics: int) -> None:
        self._groups = [Group(tally, subscribers=1, window=1) for _ in range(topics)]

    async def connect(self, dialect: Dialect) -> None:
        for number, group in enumerate(self._groups):
            await group.connect(dialect, topic(number))

    def start(self) -> None:
        for group in self._groups:
            group.start()


class Ring(OneToOne):
    """A connection subscribes to one topic and publishes to the next: half the connections, for there are many."""

    async def connect(self, dialect: Dialect) -> None:
        for number in range(len(self._groups)):
            following = (number + 1) % len(self._groups)
            publish = await self._groups[number].connect_link(dialect, topic(number), topic(following))
            self._groups[following].publish_by(publish)


def topic(number: int) -> str:
    """Of one length, so that none is the begin of another: the router is tried with subscriptions by prefix too."""
    return f"bench.pair.{number:05}"


def one_to_one(topics: int) -> Workload:
    return Workload(
        f"one-to-one-{topics}",
        f"{topics} topics, each 1 publisher to 1 subscriber, 1 in flight",
        "event",
        lambda tally: OneToOne(tally, topics),
        frozenset({MANY_TOPICS}),
    )


RING = Workload(
    "one-to-one-10000",
    "10000 topics, each connection publishes to one and subscribes to another, 1 in flight",
    "event",
    lambda tally: Ring(tally, 10_000),
    needs=frozenset({LINKS, MANY_TOPICS}),
)

WORKLOADS = [
    one_to_one(100),
    in_another_form(one_to_one(100), messagepack=True),
    in_another_form(one_to_one(100), payload_bytes=LARGE_BYTES),
    RING,
]
