"""Many readers get fewer, larger deliveries; who joins meanwhile, or asks for the head, gets nothing twice or early."""

from __future__ import annotations

import asyncio

from fairlead_logstream.counters import LogCounters
from fairlead_logstream.live.delivery import Delivery
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Sealed, State, StreamRow
from fairlead_logstream.model.stream import Stream
from unit.logstream.fakes import SilentAudience, batch_of

A, B, C = batch_of(0, "a"), batch_of(1, "b"), batch_of(2, "c")


class Reader:
    """A live follower."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def deliver(self, batch: Batch) -> None:
        self.told.append((batch.first, batch.next))

    def fall_behind(self) -> None:
        raise NotImplementedError("nothing is skipped here")

    def seal(self) -> None:
        self.told.append("sealed")

    def vanish(self) -> None:
        self.told.append("deleted")


def delivery_to(members: int) -> tuple[Delivery, SilentAudience, Stream]:
    audience = SilentAudience()
    audience.members = members
    stream = Stream(StreamRow(1, "s", "s", 7, 0))
    return Delivery(stream, audience, LogCounters()), audience, stream


async def test_a_few_readers_get_everything_at_once() -> None:
    delivery, audience, _ = delivery_to(members=10)
    for batch in (A, B, C):
        delivery.add([batch])
    assert audience.batches == [A, B, C]


async def test_after_a_thousand_the_next_ones_wait_and_go_together() -> None:
    delivery, audience, _ = delivery_to(members=1_000)
    reader = Reader()
    delivery.join(reader)
    for batch in (A, B, C):
        delivery.add([batch])
    assert audience.batches == [A]
    while audience.batches == [A]:
        await asyncio.sleep(0.001)
    assert audience.batches == [A, B, C]
    assert reader.told == [(0, 1), (1, 3)]


async def test_who_joins_meanwhile_gets_only_what_comes_after() -> None:
    delivery, audience, _ = delivery_to(members=1_000)
    delivery.add([A])
    delivery.add([B])
    reader = Reader()
    delivery.join(reader)
    assert (audience.batches, reader.told) == ([A, B], [])


async def test_the_end_comes_behind_what_waits() -> None:
    delivery, audience, stream = delivery_to(members=1_000)
    reader = Reader()
    delivery.join(reader)
    delivery.add([A])
    delivery.add([B])
    stream.state = State(sealed=Sealed(0, None, 2))
    delivery.seal()
    assert reader.told == [(0, 1), (1, 2), "sealed"]
    assert audience.batches == [A, B]
