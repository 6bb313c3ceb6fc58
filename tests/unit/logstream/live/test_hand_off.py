"""The cursor hand-off in a crowd: a slow reader costs neither memory nor delay, whatever happens to the stream (L6).

Counted are queued bytes and turns of the loop, so that a slow machine changes nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import StreamKey
from fairlead_logstream.model.scan import Found, Scan
from support.waiting import eventually
from unit.logstream.fakes import LogPeer, Peer, ServiceHarness, records_of, wire_record

WIDTH = 10_000
LIVE_BYTES = 1 << 20
"""More than enough: the router's bound for a session's live events."""


def numbers(dicts: list[Any]) -> list[int]:
    return [int(record[2]) for record in records_of(dicts)]


async def append(peer: Peer, number: int) -> None:
    await peer.call("append", "s", [wire_record(str(number).ljust(WIDTH))])


async def trim(harness: ServiceHarness, oldest: int) -> None:
    """What retention does."""
    live: Any = harness.logs._directory.get("s")
    live.stream.oldest = oldest
    await harness.logs._store.trim(live.stream.key, oldest)


def attach(harness: ServiceHarness, name: str, way: str) -> LogPeer:
    """A reader of the topic, of `follow`, or of `follow` through a filter."""
    reader = harness.slow_peer(name)
    if way == "topic":
        reader.subscribe("s", get_retained=True)
    else:
        reader.follow("s", **({"sources": ["stdout"]} if way == "filter" else {}))
    return reader


@pytest.mark.parametrize("way", ["topic", "follow", "filter"])
async def test_stopped_readers_cost_no_memory_and_delay_nobody(service: ServiceHarness, alice: Peer, way: str) -> None:
    await alice.call("create", "s")
    quick = [attach(service, f"quick{index}", way) for index in range(5)]
    slow = [attach(service, f"slow{index}", way) for index in range(5)]
    for _ in range(10):
        await asyncio.sleep(0)
    for reader in slow:
        reader.pause()
    for number in range(300):
        await append(alice, number)
        # The acknowledgement comes in the turn of the delivery: nobody waited for anybody.
        assert all(numbers([reader.received[-1][1].args[0]]) == [number] for reader in quick)
    assert all(reader.queued_bytes <= LIVE_BYTES for reader in slow)
    for reader in slow:
        reader.resume()
    await eventually(lambda: all(len(numbers(reader.dicts)) == 300 for reader in slow))
    assert all(numbers(reader.dicts) == list(range(300)) for reader in (*slow, *quick))


@pytest.mark.parametrize("way", ["topic", "follow", "filter"])
async def test_a_reader_that_stops_at_every_turn_gets_each_record_once(
    service: ServiceHarness, alice: Peer, way: str
) -> None:
    await alice.call("create", "s")
    reader = attach(service, "reader", way)
    for number in range(200):
        (reader.pause, reader.resume)[number % 2]()
        await append(alice, number)
    reader.resume()
    await eventually(lambda: len(numbers(reader.dicts)) == 200)
    assert numbers(reader.dicts) == list(range(200))


@pytest.mark.parametrize("way", ["topic", "follow", "filter"])
async def test_the_stream_is_trimmed_and_sealed_under_a_stopped_reader(
    service: ServiceHarness, alice: Peer, way: str
) -> None:
    await alice.call("create", "s")
    reader = attach(service, "reader", way)
    await append(alice, 0)
    await eventually(lambda: numbers(reader.dicts) == [0])
    reader.pause()
    for number in range(1, 300):
        await append(alice, number)
    await trim(service, 250)
    await alice.call("seal", "s", exit_code=3)
    reader.resume()
    await eventually(lambda: reader.dicts[-1].get("sealed"))
    assert reader.dicts[-1]["sealed"]["exit_code"] == 3
    (lagged,) = [value["lagged"] for value in reader.dicts if "lagged" in value]
    assert numbers(reader.dicts) == [*range(lagged["from"]), *range(250, 300)]
    assert lagged["to"] == 250


@pytest.mark.parametrize("way", ["follow", "filter"])
async def test_damage_under_a_stopped_reader_is_told_and_the_rest_comes(
    service: ServiceHarness, alice: Peer, way: str
) -> None:
    await alice.call("create", "s")
    reader = attach(service, "reader", way)
    reader.pause()
    for number in range(2000):
        await append(alice, number)  # more than is kept in memory
    kept: Any = service.logs._store._store
    del kept._by_name["s"].batches[100]
    reader.resume()
    await eventually(lambda: len(numbers(reader.dicts)) == 1999)
    assert {"lagged": {"from": 100, "to": 101, "damaged": True}} in reader.dicts
    assert numbers(reader.dicts) == [*range(100), *range(101, 2000)]


class Trimming(MemoryStreamStore):
    """Retention comes between the look at the oldest number and the look into the store."""

    def __init__(self) -> None:
        super().__init__()
        self.harness: ServiceHarness | None = None

    async def read(self, key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        await self._trim()
        return await super().read(key, start, end, limit_bytes)

    async def scan(self, key: StreamKey, asked: Scan) -> Found:
        await self._trim()
        return await super().scan(key, asked)

    async def _trim(self) -> None:
        if self.harness is not None:
            harness, self.harness = self.harness, None
            await trim(harness, 3)


@pytest.mark.parametrize("name", ["read", "search", "follow"])
async def test_what_retention_removes_during_a_read_is_no_damage(name: str) -> None:
    store = Trimming()
    before = ServiceHarness()
    await before.start(store)
    await before.peer().call("create", "s")
    for number in range(5):
        await append(before.peer(), number)
    await before.close()
    harness = ServiceHarness()
    await harness.start(store)  # with nothing in memory
    store.harness = harness
    if name == "follow":
        progress, _final = harness.peer().follow("s")
        await eventually(lambda: numbers(progress) == [3, 4])
        assert progress[0] == {"lagged": {"from": 0, "to": 3}}
    else:
        page = await harness.peer().call(name, "s")
        assert page["lagged"] == {"from": 0, "to": 3}
    await harness.close()
