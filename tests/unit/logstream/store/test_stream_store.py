"""The behaviour suite of StreamStore: every implementation passes all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from fairlead_logstream import MemoryStreamStore, SqlStreamStore, StreamStore
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import (
    BYTES,
    Change,
    Dropped,
    Producer,
    Retention,
    Sealed,
    State,
    StreamKey,
    StreamRow,
)
from support import postgres
from unit.logstream.fakes import NOW_US, batch_of, texts_of

ALL = 1 << 30


class Reopening:
    """A store that can be closed and opened again, as by a restart."""

    def __init__(self, open_store: Callable[[], StreamStore]) -> None:
        self._open = open_store
        self.store = open_store()

    async def reopen(self) -> None:
        await self.store.close()
        self.store = self._open()

    async def create(self, name: str, attempt: int = 1) -> StreamRow:
        return await self.store.create(StreamRow(0, name, f"object-of-{name}", 7, NOW_US, State(attempt)))

    async def write(self, stream: StreamRow, *batches: Batch, **producers: Producer) -> None:
        await self.store.write(Change(stream.id, list(batches), producers, None))

    async def texts(self, stream: StreamRow, start: int, end: int, limit_bytes: int = ALL) -> list[str]:
        return texts_of(await self.store.read(key_of(stream), start, end, limit_bytes))


class Knowing:
    """A shared store for a writer that is alone on it: each change is made of the newest state."""

    def __init__(self, store: StreamStore) -> None:
        self._store = store
        self._versions: dict[int, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def streams(self) -> list[StreamRow]:
        return [msgspec.structs.replace(row, version=0) for row in await self._store.streams()]

    async def write(self, change: Change) -> None:
        if not self._versions:
            assert self._store.sharing is not None
            self._versions = await self._store.sharing.versions()
        version = self._versions.get(change.stream_id, 0)
        await self._store.write(msgspec.structs.replace(change, version=version))
        self._versions[change.stream_id] = version + 1


def key_of(stream: StreamRow) -> StreamKey:
    return StreamKey(stream.id, stream.epoch)


@pytest.fixture(params=["memory", "memory-shared", "sqlite", "postgresql", "postgresql-shared"])
async def reopening(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reopening]:
    store: StreamStore
    if request.param == "memory":
        store = MemoryStreamStore()
        reopening = Reopening(lambda: store)
    elif request.param == "memory-shared":
        store = MemoryStreamStore(is_shared=True)
        reopening = Reopening(lambda: cast(StreamStore, Knowing(store)))
    elif request.param == "postgresql-shared":
        url = postgres.new_database()
        reopening = Reopening(lambda: cast(StreamStore, Knowing(SqlStreamStore.open(url, "realm1", is_shared=True))))
    else:
        is_file = request.param == "sqlite"
        url = f"sqlite:///{tmp_path}/logs.sqlite" if is_file else postgres.new_database()
        reopening = Reopening(lambda: SqlStreamStore.open(url, "realm1"))
    yield reopening
    await reopening.store.close()


async def test_a_stream_is_made_once(reopening: Reopening) -> None:
    made = await reopening.create("a")
    assert made == StreamRow(made.id, "a", "object-of-a", 7, NOW_US, State(1))
    assert (made.oldest, made.head, made.written_bytes, made.trimmed_bytes, made.last_us) == (0, 0, 0, 0, 0)
    again = await reopening.store.create(StreamRow(0, "a", "other", 8, NOW_US + 1, State(3)))
    assert again == made


async def test_streams_are_listed_as_they_stand_after_a_restart(reopening: Reopening) -> None:
    first, second = await reopening.create("a"), await reopening.create("b", attempt=2)
    await reopening.write(first, batch_of(0, "x", "y"), batch_of(2, "z"))
    await reopening.store.write(Change(second.id, [batch_of(0, "q")], {}, State(3, Sealed(9, "why", 1))))
    await reopening.reopen()
    rows = {row.name: row for row in await reopening.store.streams()}
    size = batch_of(0, "x", "y").size + batch_of(2, "z").size
    assert rows["a"] == StreamRow(
        first.id, "a", "object-of-a", 7, NOW_US, State(1), head=3, written_bytes=size, last_us=NOW_US
    )
    state = State(3, Sealed(9, "why", 1))
    assert rows["b"] == StreamRow(
        second.id, "b", "object-of-b", 7, NOW_US, state, head=1, written_bytes=batch_of(0, "q").size, last_us=NOW_US
    )


async def test_everything_of_a_state_is_kept(reopening: Reopening) -> None:
    metadata = {"workflow": "wörk", "n": [1, None, {"deep": True}]}
    state = State(2, None, metadata, Retention(3600, max_records=10), 30, Dropped(5, 2**52, "rate"))
    new = StreamRow(0, "a", "a", 7, NOW_US, State(1, None, metadata, Retention(max_bytes=2**52), 15))
    made = await reopening.store.create(new)
    assert made.state == new.state
    await reopening.store.write(Change(made.id, [], {}, state))
    await reopening.reopen()
    (row,) = await reopening.store.streams()
    assert row.state == state


async def test_a_stream_knows_the_size_of_what_was_written_to_it(reopening: Reopening) -> None:
    stream = await reopening.create("a")
    batches = [batch_of(0, "x" * 100), batch_of(1, "y" * 1_000), batch_of(2, "z")]
    written = 0
    for batch in batches:
        await reopening.store.write(Change(stream.id, [batch], {}, None, written))
        written += batch.size
    (row,) = await reopening.store.streams()
    assert (row.written_bytes, row.trimmed_bytes) == (written, 0)


async def test_a_stream_can_be_reopened(reopening: Reopening) -> None:
    stream = await reopening.create("a")
    await reopening.store.write(Change(stream.id, [], {}, State(1, Sealed(1, None, 0))))
    await reopening.store.write(Change(stream.id, [batch_of(0, "x")], {}, State(2, None)))
    (row,) = await reopening.store.streams()
    assert (row.state, row.head) == (State(2), 1)


async def test_what_is_written_is_read_at_once(reopening: Reopening) -> None:
    stream = await reopening.create("a")
    for first in range(0, 20, 2):
        await reopening.write(stream, batch_of(first, str(first), str(first + 1)))
        assert await reopening.texts(stream, first, first + 2) == [str(first), str(first + 1)]


async def test_batches_come_back_as_they_were(reopening: Reopening) -> None:
    stream = await reopening.create("a")
    written = batch_of(0, "x", "zwölf", "a\0b", "\0" + "/w==")
    await reopening.write(stream, written)
    await reopening.reopen()
    (batch,) = await reopening.store.read(key_of(stream), 0, 4, ALL)
    for name in ("first", "count", "epoch", "publication", "min_time_us", "max_time_us", "records"):
        assert getattr(batch, name) == getattr(written, name), name


@pytest.mark.parametrize(
    ("start", "end", "firsts"),
    [(0, 8, [0, 3, 5]), (2, 8, [0, 3, 5]), (3, 8, [3, 5]), (4, 5, [3]), (7, 8, [5]), (0, 3, [0]), (0, 4, [0, 3])],
)
async def test_a_read_begins_with_the_batch_that_holds_its_start(
    reopening: Reopening, start: int, end: int, firsts: list[int]
) -> None:
    stream, other = await reopening.create("a"), await reopening.create("b")
    await reopening.write(stream, batch_of(0, *"abc"), batch_of(3, *"de"), batch_of(5, *"fgh"))
    await reopening.write(other, batch_of(0, *"xyzxyzxyz"))
    batches = await reopening.store.read(key_of(stream), start, end, ALL)
    assert [batch.first for batch in batches] == firsts


async def test_a_read_is_limited_in_bytes_but_gives_at_least_one_batch(reopening: Reopening) -> None:
    stream = await reopening.create("a")
    await reopening.write(stream, *[batch_of(index, str(index) * 1000) for index in range(10)])
    assert len(await reopening.store.read(key_of(stream), 0, 10, 3500)) == 3
    assert len(await reopening.store.read(key_of(stream), 4, 10, 1)) == 1
    assert len(await reopening.store.read(key_of(stream), 8, 10, ALL)) == 2


async def test_producers_are_kept_as_long_as_the_stream(reopening: Reopening) -> None:
    stream, other = await reopening.create("a"), await reopening.create("b")
    await reopening.write(stream, batch_of(0, "x"), p=Producer(0, 1), q=Producer(4, 99, BYTES))
    await reopening.write(stream, batch_of(1, "y"), p=Producer(1, 2))
    await reopening.reopen()
    assert await reopening.store.producers(stream.id) == {"p": Producer(1, 2), "q": Producer(4, 99, BYTES)}
    assert await reopening.store.producers(other.id) == {}


async def test_numbers_reach_to_2_53(reopening: Reopening) -> None:
    stream = await reopening.create("a")
    await reopening.write(stream, p=Producer(2**53, 2**53))
    assert (await reopening.store.producers(stream.id))["p"] == Producer(2**53, 2**53)


async def test_many_streams_are_written_at_once(reopening: Reopening) -> None:
    streams = [await reopening.create(f"s{index}") for index in range(30)]
    for number in range(5):
        writes = [
            reopening.store.write(Change(stream.id, [batch_of(number, f"{stream.name}.{number}")], {}, None))
            for stream in streams
        ]
        await asyncio.gather(*writes)
    for stream in streams:
        assert await reopening.texts(stream, 0, 5) == [f"{stream.name}.{number}" for number in range(5)]


async def test_a_failing_change_fails_alone_and_whole(reopening: Reopening) -> None:
    """The number 0 of `b` is taken: the second of its two batches must not be stored either."""
    streams = [await reopening.create(name) for name in ("a", "b", "c")]
    await reopening.write(streams[1], batch_of(0, "old"))
    batches = [[batch_of(0, "x")], [batch_of(0, "new"), batch_of(1, "newer")], [batch_of(0, "x")]]
    writes = [
        reopening.store.write(Change(stream.id, new, {"p": Producer(0, 1)}, None))
        for stream, new in zip(streams, batches, strict=True)
    ]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [result is None for result in results] == [True, False, True]
    assert await reopening.texts(streams[0], 0, 1) == ["x"]
    assert await reopening.texts(streams[1], 0, 2) == ["old"]
    assert await reopening.store.producers(streams[1].id) == {}
    assert await reopening.texts(streams[2], 0, 1) == ["x"]


@pytest.mark.parametrize(
    ("limit_count", "limit_bytes", "start"),
    [(100, ALL, 0), (10, ALL, 0), (9, ALL, 1), (4, ALL, 6), (1, ALL, 9), (100, 1, 8), (100, 2300, 6), (3, 2300, 7)],
)
async def test_a_tail_is_limited_in_records_and_in_bytes(
    reopening: Reopening, limit_count: int, limit_bytes: int, start: int
) -> None:
    """Five batches of two records, each batch of 1 100 bytes."""
    stream = await reopening.create("a")
    await reopening.write(stream, *[batch_of(first, "x" * 500, "x" * 500) for first in range(0, 10, 2)])
    assert await reopening.store.tail_start(key_of(stream), 10, limit_count, limit_bytes) == start


async def test_a_tail_ends_where_it_is_told_to(reopening: Reopening) -> None:
    stream = await reopening.create("a")
    await reopening.write(stream, *[batch_of(first, "x", "y") for first in range(0, 10, 2)])
    assert await reopening.store.tail_start(key_of(stream), 6, 3, ALL) == 3


async def test_the_first_batch_of_a_time_is_found_though_clocks_jump(reopening: Reopening) -> None:
    stream, other = await reopening.create("a"), await reopening.create("b")
    times = [(10, 20), (30, 40), (15, 25), (50, 60)]
    batches = [Batch(index, 1, between, 7, index, b'[[1,"o","x",0]]') for index, between in enumerate(times)]
    await reopening.write(stream, *batches)
    await reopening.write(other, Batch(0, 1, (0, 100), 7, 1, b'[[1,"o","x",0]]'))

    async def first(time_us: int) -> int | None:
        batch = await reopening.store.first_batch_since(key_of(stream), time_us)
        return None if batch is None else batch.first

    assert [await first(time_us) for time_us in (0, 20, 21, 40, 41, 60, 61)] == [0, 0, 1, 1, 3, 3, None]


async def test_an_empty_stream_has_nothing(reopening: Reopening) -> None:
    stream = await reopening.create("a")
    assert await reopening.store.read(key_of(stream), 0, 0, ALL) == []
    assert await reopening.store.first_batch_since(key_of(stream), 0) is None
