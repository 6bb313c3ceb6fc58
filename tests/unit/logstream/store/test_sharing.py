"""The wake-up between servers on a PostgreSQL database: what is told, and to whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from fairlead_logstream import SqlStreamStore
from fairlead_logstream.model.rows import Change, StreamKey, StreamRow
from fairlead_logstream.store import sharing
from support import postgres
from support.waiting import eventually
from unit.logstream.fakes import NOW_US, batch_of


class Ears:
    """A server and what it has heard."""

    def __init__(self, url: str) -> None:
        self.store = SqlStreamStore.open(url, "realm1", is_shared=True)
        self.heard: list[int] = []
        assert self.store.sharing is not None
        self.store.sharing.listen(self.heard.extend)


@pytest.fixture
async def two() -> AsyncIterator[list[Ears]]:
    url = postgres.new_database()
    two = [Ears(url) for _ in range(2)]
    while not two[1].heard:  # until it listens
        await create(two[0].store, f"first{len(two[0].heard)}")
        await asyncio.sleep(0)
    yield two
    for each in two:
        await each.store.close()


async def create(store: SqlStreamStore, name: str) -> StreamRow:
    return await store.create(StreamRow(0, name, name, 7, NOW_US))


async def test_the_other_server_hears_what_was_made_written_trimmed_and_deleted(two: list[Ears]) -> None:
    here, there = two
    stream = await create(here.store, "s")
    key = StreamKey(stream.id, 7)
    await eventually(lambda: stream.id in there.heard)
    for change in (
        here.store.write(Change(stream.id, [batch_of(0, "x")], {}, None)),
        here.store.trim(key, 1),
        here.store.delete(key),
    ):
        there.heard.clear()
        await change
        await eventually(lambda: there.heard == [stream.id])
    assert here.heard == []


async def test_many_changes_go_in_few_notifications(two: list[Ears], monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = two
    monkeypatch.setattr(sharing, "NOTIFIED_LIMIT", 2)
    streams = [await create(here.store, f"s{index}") for index in range(5)]
    await eventually(lambda: {stream.id for stream in streams} <= set(there.heard))
    there.heard.clear()
    writes = [here.store.write(Change(stream.id, [batch_of(0, "x")], {}, None)) for stream in streams]
    await asyncio.gather(*writes)
    await eventually(lambda: sorted(there.heard) == sorted(stream.id for stream in streams))


async def test_a_change_that_was_not_stored_is_not_told(two: list[Ears]) -> None:
    here, there = two
    stream, other = await create(here.store, "s"), await create(here.store, "t")
    await eventually(lambda: other.id in there.heard)
    there.heard.clear()
    old = Change(stream.id, [batch_of(0, "x")], {}, None, version=7)
    await asyncio.gather(here.store.write(old), return_exceptions=True)
    await here.store.write(Change(other.id, [batch_of(0, "x")], {}, None))
    await eventually(lambda: bool(there.heard))
    assert there.heard == [other.id]


async def test_what_others_notify_on_the_channel_harms_nobody(two: list[Ears]) -> None:
    here, there = two
    for payload in ("", " ", "x y z", "x 1e9 -5x " + "9" * 5_000, "x " + "\u0664"):
        await here.store._database.read(partial(sharing._notify, [payload]))
    stream = await create(here.store, "s")
    await eventually(lambda: stream.id in there.heard)
