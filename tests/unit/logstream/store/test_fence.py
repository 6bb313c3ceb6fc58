"""Two servers write the streams of one store: what is stored was made of the newest state, in one order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import msgspec
import pytest
from sqlalchemy import make_url

from fairlead_logstream import MemoryStreamStore, SqlStreamStore, StreamStore
from fairlead_logstream.model.rows import Change, Producer, StreamKey, StreamRow
from fairlead_logstream.store.stream_store import MovedOn, Sharing
from support import postgres
from unit.logstream.fakes import NOW_US, batch_of, texts_of

ALL = 1 << 30


class Pair:
    """The same streams, as two servers see them."""

    def __init__(self, first: StreamStore, second: StreamStore, url: str | None) -> None:
        self.first = first
        self.second = second
        self.url = url

    @property
    def sharing(self) -> Sharing:
        assert self.second.sharing is not None
        return self.second.sharing

    async def create(self, name: str) -> StreamRow:
        return await self.first.create(StreamRow(0, name, name, 7, NOW_US))

    async def row(self, stream: StreamRow) -> StreamRow:
        (row,) = await self.sharing.rows([stream.id])
        return row


def change_of(stream: StreamRow, first: int, *texts: str, version: int) -> Change:
    return Change(stream.id, [batch_of(first, *texts)], {"p": Producer(0, first + len(texts))}, None, version=version)


DEADLOCK_ONCE = """
CREATE SEQUENCE inserted;
CREATE FUNCTION deadlock_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('inserted') = 1 THEN RAISE deadlock_detected; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deadlock_once BEFORE INSERT ON chunks FOR EACH ROW EXECUTE FUNCTION deadlock_once();
"""


@pytest.fixture(params=["memory", "postgresql"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    if request.param == "memory":
        memory = MemoryStreamStore(is_shared=True)
        pair = Pair(memory, memory, None)
    else:
        url = postgres.new_database()
        first, second = [SqlStreamStore.open(url, "realm1", is_shared=True) for _ in range(2)]
        pair = Pair(first, second, url)
    yield pair
    await pair.first.close()
    await pair.second.close()


async def test_a_change_made_of_an_old_state_stores_nothing(pair: Pair) -> None:
    stream = await pair.create("a")
    await pair.first.write(change_of(stream, 0, "x", version=0))
    with pytest.raises(MovedOn):
        await pair.second.write(change_of(stream, 0, "y", version=0))
    await pair.second.write(change_of(stream, 1, "y", version=1))
    row = await pair.row(stream)
    assert (row.version, row.head) == (2, 2)
    assert texts_of(await pair.first.read(StreamKey(stream.id, 7), 0, 2, ALL)) == ["x", "y"]


async def test_an_empty_change_asks_and_counts_nothing(pair: Pair) -> None:
    stream = await pair.create("a")
    await pair.first.write(change_of(stream, 0, "x", version=0))
    await pair.second.write(Change(stream.id, [], {}, None, version=1))
    with pytest.raises(MovedOn):
        await pair.second.write(Change(stream.id, [], {}, None, version=0))
    assert (await pair.row(stream)).version == 1


async def test_what_moved_on_fails_alone(pair: Pair) -> None:
    streams = [await pair.create(name) for name in "abc"]
    await pair.first.write(change_of(streams[1], 0, "old", version=0))
    writes = [pair.second.write(change_of(stream, 0, "new", version=0)) for stream in reversed(streams)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), MovedOn, type(None)]
    assert [(await pair.row(stream)).head for stream in streams] == [1, 1, 1]


async def test_of_two_at_once_one_is_stored(pair: Pair) -> None:
    stream = await pair.create("a")
    for version in range(10):
        writes = [
            store.write(change_of(stream, version, text, version=version))
            for store, text in ((pair.first, "x"), (pair.second, "y"))
        ]
        results = await asyncio.gather(*writes, return_exceptions=True)
        assert {type(result) for result in results} == {type(None), MovedOn}
    assert (await pair.row(stream)).head == 10


async def test_a_stream_that_is_gone_has_moved_on(pair: Pair) -> None:
    stream = await pair.create("a")
    gone = msgspec.structs.replace(change_of(stream, 0, "x", version=0), stream_id=stream.id + 1000)
    with pytest.raises(MovedOn):
        await pair.second.write(gone)


async def test_the_other_server_finds_what_is_new_and_what_has_changed(pair: Pair) -> None:
    assert await pair.sharing.versions() == {}
    stream, other = await pair.create("a"), await pair.create("b")
    await pair.first.write(change_of(other, 0, "x", version=0))
    assert await pair.sharing.versions() == {stream.id: 0, other.id: 1}
    assert await pair.sharing.named("b") == await pair.row(other)
    assert await pair.sharing.named("c") is None
    assert [row.name for row in await pair.sharing.rows([stream.id, stream.id + 1000])] == ["a"]


@pytest.mark.parametrize("seed", range(3))
async def test_two_servers_that_write_the_same_streams_in_any_order_never_wait_for_each_other(
    pair: Pair, seed: int
) -> None:
    """A deadlock would cost a second and fail one of them; the locks are taken in one order."""
    chance = random.Random(seed)
    streams = [await pair.create(f"s{index}") for index in range(12)]

    async def write_all(store: StreamStore) -> int:
        stored = 0
        for _ in range(15):
            rows = await pair.sharing.rows([stream.id for stream in streams])
            chance.shuffle(rows)
            changes = [change_of(row, row.head, "x", version=row.version) for row in rows]
            results = await asyncio.gather(*[store.write(change) for change in changes], return_exceptions=True)
            assert {type(result) for result in results} <= {type(None), MovedOn}
            stored += sum(result is None for result in results)
        return stored

    stored = sum(await asyncio.gather(write_all(pair.first), write_all(pair.second)))
    assert sum([(await pair.row(stream)).head for stream in streams]) == stored


async def test_a_change_whose_transaction_the_database_ended_is_tried_once_more(pair: Pair) -> None:
    """As where another program locks rows in another order: the server ends one of the two that wait for each other."""
    if pair.url is None:
        return
    streams = [await pair.create(name) for name in "ab"]
    postgres.server().execute(DEADLOCK_ONCE, make_url(pair.url).database or "")
    await asyncio.gather(*[pair.first.write(change_of(stream, 0, "x", version=0)) for stream in streams])
    assert [(await pair.row(stream)).head for stream in streams] == [1, 1]
