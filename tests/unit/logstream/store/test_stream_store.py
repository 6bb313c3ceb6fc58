"""The behaviour suite of StreamStore: every implementation passes all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from fairlead_logstream import MemoryStreamStore, SqlStreamStore, StreamStore
from fairlead_logstream.model.attempts import Attempt
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import (
    BYTES,
    Change,
    Cursor,
    Dropped,
    Outline,
    Producer,
    Retention,
    Sealed,
    State,
    StreamKey,
    StreamRow,
)
from fairlead_logstream.model.scan import Scan
from fairlead_logstream.model.selection import Filter
from support import postgres
from unit.logstream.archive.archives import ArchivingStore, MemoryArchive
from unit.logstream.fakes import NOW_US, batch_of, texts_of

ALL = 1 << 30


class Reopening:
    """A store that can be closed and opened again, as by a restart."""

    def __init__(self, open_store: Callable[[], StreamStore], *, is_archived: bool = False) -> None:
        self._open = open_store
        self.is_archived = is_archived
        self.store = open_store()

    async def reopen(self) -> None:
        await self.store.close()
        self.store = self._open()

    async def create(self, name: str, attempt: int = 1) -> StreamRow:
        return await self.store.create(StreamRow(0, name, f"object-of-{name}", 7, NOW_US, State(attempt)))

    async def write(self, stream: StreamRow, *batches: Batch, **producers: Producer) -> None:
        await self.store.write(Change(stream.id, list(batches), producers, None))

    async def fill(self, name: str, *batches: Batch) -> StreamRow:
        """A stream with these batches, each stored a microsecond after the one before."""
        stream = await self.create(name)
        written = 0
        for index, batch in enumerate(batches):
            await self.store.write(Change(stream.id, [batch], {}, None, written, stored_us=NOW_US + index))
            written += batch.size
        return stream

    async def row(self, name: str) -> StreamRow:
        (row,) = [row for row in await self.store.streams() if row.name == name]
        return row

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

    async def trim(self, key: StreamKey, oldest: int) -> None:
        await self._store.trim(key, oldest)
        self._versions.clear()

    async def write(self, change: Change) -> None:
        if not self._versions:
            assert self._store.sharing is not None
            versions = await self._store.sharing.versions()
            self._versions = self._versions or versions  # several writes may ask at once
        version = self._versions.get(change.stream_id, 0)
        await self._store.write(msgspec.structs.replace(change, version=version))
        self._versions[change.stream_id] = version + 1


def key_of(stream: StreamRow) -> StreamKey:
    return StreamKey(stream.id, stream.epoch)


def outline_of(batch: Batch, stored_us: int) -> Outline:
    return Outline(batch.first, batch.count, batch.size, stored_us)


ARCHIVED = ["memory-archived", "sqlite-archived", "postgresql-archived"]


@pytest.fixture(params=["memory", "memory-shared", "sqlite", "postgresql", "postgresql-shared", *ARCHIVED])
async def reopening(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reopening]:
    store: StreamStore
    archive = MemoryArchive()
    if request.param == "memory":
        store = MemoryStreamStore()
        reopening = Reopening(lambda: store)
    elif request.param == "memory-archived":
        store = MemoryStreamStore()
        reopening = Reopening(lambda: ArchivingStore(store, archive), is_archived=True)
    elif request.param == "memory-shared":
        store = MemoryStreamStore(is_shared=True)
        reopening = Reopening(lambda: cast(StreamStore, Knowing(store)))
    elif request.param == "postgresql-shared":
        url = postgres.new_database()
        reopening = Reopening(lambda: cast(StreamStore, Knowing(SqlStreamStore.open(url, "realm1", is_shared=True))))
    else:
        is_file = request.param.startswith("sqlite")
        url = f"sqlite:///{tmp_path}/logs.sqlite" if is_file else postgres.new_database()
        if request.param in ARCHIVED:
            reopening = Reopening(lambda: ArchivingStore(SqlStreamStore.open(url, "realm1"), archive), is_archived=True)
        else:
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
    begun = Attempt(1, 0, NOW_US)
    attempts = (Attempt(1, 0, NOW_US, 9, "wörse"), Attempt(2, 2**52, NOW_US + 1))
    dropped = Dropped(5, 2**52, "rate", "p")
    state = State(2, None, metadata, Retention(3600, max_records=10), 30, dropped, attempts)
    set_first = State(1, None, metadata, Retention(max_bytes=2**52), 15, attempts=(begun,))
    new = StreamRow(0, "a", "a", 7, NOW_US, set_first)
    made = await reopening.store.create(new)
    assert made.state == new.state
    await reopening.store.write(Change(made.id, [], {}, state))
    await reopening.reopen()
    (row,) = await reopening.store.streams()
    assert row.state == state


async def test_a_stream_knows_the_size_and_the_times_of_what_it_holds(reopening: Reopening) -> None:
    batches = [batch_of(0, "x" * 100, "w"), batch_of(2, "y" * 1_000), batch_of(3, "z")]
    await reopening.fill("a", *batches)
    await reopening.reopen()
    row = await reopening.row("a")
    assert (row.written_bytes, row.trimmed_bytes) == (sum(batch.size for batch in batches), 0)
    oldest_us = NOW_US + 2 if reopening.is_archived else NOW_US  # a segment is as old as its last batch
    assert (row.oldest_us, row.last_us, row.written_us) == (oldest_us, NOW_US, NOW_US + 2)


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
    await reopening.write(stream, batch_of(0, "x"), p=Producer(0, 1), q=Producer(4, 99, BYTES, 3, 98))
    await reopening.write(stream, batch_of(1, "y"), p=Producer(1, 2))
    await reopening.reopen()
    assert await reopening.store.producers(stream.id) == {"p": Producer(1, 2), "q": Producer(4, 99, BYTES, 3, 98)}
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


@pytest.mark.parametrize(
    ("end", "offset", "found"),
    [(9, 0, 0), (9, 15, 0), (9, 16, 1), (9, 31, 1), (9, 32, 2), (9, 48, 2), (1, 40, 0), (9, -1, None)],
)
async def test_a_byte_of_the_stream_is_in_one_batch(
    reopening: Reopening, end: int, offset: int, found: int | None
) -> None:
    """Three batches of one record, each of 16 bytes."""
    stream = await reopening.create("a")
    batches = [Batch(number, 1, (1, 1), 7, number, b'[[1,"o","xy",0]]') for number in range(3)]
    await reopening.write(stream, *batches)
    answer = await reopening.store.batch_with_byte(key_of(stream), end, offset)
    assert (answer and (answer[0], answer[1].first)) == (None if found is None else (16 * found, found))


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


@pytest.mark.parametrize(
    ("between", "is_backwards", "scan_bytes", "seqs", "position"),
    [
        ((0, 6), False, ALL, [0, 2, 4], 6),
        ((0, 6), True, ALL, [4, 2, 0], 0),
        ((1, 5), False, ALL, [2, 4], 5),
        ((1, 5), True, ALL, [4, 2], 1),
        ((0, 6), False, 1, [0], 2),
        ((0, 6), True, 1, [4], 4),
        ((1, 6), True, 100, [4, 2], 2),
    ],
)
async def test_a_scan_brings_what_passes(
    reopening: Reopening, between: tuple[int, int], is_backwards: bool, scan_bytes: int, seqs: list[int], position: int
) -> None:
    """Three batches of two records each, 69 bytes; the first of each passes."""
    stream = await reopening.create("a")
    await reopening.write(stream, *[batch_of(first, "x", "y") for first in range(0, 6, 2)])
    asked = Scan(*between, Filter(text="x"), is_backwards, 10, ALL, scan_bytes)
    found = await reopening.store.scan(key_of(stream), asked)
    assert (found.seqs, found.position) == (seqs, position)
    assert all(b'"x"' in raw for raw in found.raws)


async def test_an_empty_stream_has_nothing(reopening: Reopening) -> None:
    stream = await reopening.create("a")
    assert await reopening.store.read(key_of(stream), 0, 0, ALL) == []
    assert await reopening.store.first_batch_since(key_of(stream), 0) is None


# ---- sizes


async def test_batches_are_outlined_from_a_number_on(reopening: Reopening) -> None:
    batches = [batch_of(0, *"abc"), batch_of(3, "x" * 100), batch_of(4, *"fg")]
    key = key_of(await reopening.fill("a", *batches))
    await reopening.fill("b", batch_of(0, "other"))
    outlines = [outline_of(batch, NOW_US + index) for index, batch in enumerate(batches)]
    assert await reopening.store.outlines(key, 0, 10) == outlines
    assert await reopening.store.outlines(key, 0, 2) == outlines[:2]
    assert await reopening.store.outlines(key, 1, 10) == outlines[1:]
    assert await reopening.store.outlines(key, 6, 10) == []


async def test_the_size_of_a_range_is_exact_between_batches_and_even_within_one(reopening: Reopening) -> None:
    batches = [batch_of(0, *"abcd"), batch_of(4, "x" * 1_000), batch_of(5, *"fg")]
    key = key_of(await reopening.fill("a", *batches))
    sizes = [batch.size for batch in batches]

    async def size(start: int, end: int) -> int:
        return await reopening.store.size_between(key, start, end)

    assert await size(0, 7) == sum(sizes)
    assert await size(4, 5) == sizes[1]
    assert await size(4, 7) == sizes[1] + sizes[2]
    assert await size(2, 4) == sizes[0] - sizes[0] // 2
    assert await size(3, 3) == 0


async def test_an_empty_stream_has_no_size(reopening: Reopening) -> None:
    stream = await reopening.create("a")
    assert await reopening.store.size_between(key_of(stream), 0, 0) == 0
    assert await reopening.store.outlines(key_of(stream), 0, 10) == []


# ---- what goes


async def test_what_is_trimmed_is_gone_and_the_rest_is_as_it_was(reopening: Reopening) -> None:
    batches = [batch_of(0, *"ab"), batch_of(2, *"cd"), batch_of(4, "e")]
    stream, other = await reopening.fill("a", *batches), await reopening.fill("b", batch_of(0, "x"))
    await reopening.store.trim(key_of(stream), 2)
    await reopening.reopen()
    row = await reopening.row("a")
    assert (row.oldest, row.head, row.oldest_us) == (2, 5, NOW_US + (2 if reopening.is_archived else 1))
    assert (row.written_bytes, row.trimmed_bytes) == (sum(batch.size for batch in batches), batches[0].size)
    assert await reopening.texts(row, 2, 5) == ["c", "d", "e"]
    assert (await reopening.row("b")).oldest == 0
    assert await reopening.texts(other, 0, 1) == ["x"]


async def test_a_trimmed_stream_goes_on_at_its_head(reopening: Reopening) -> None:
    batches = [batch_of(0, *"ab"), batch_of(2, *"cd")]
    stream = await reopening.fill("a", *batches)
    await reopening.store.trim(key_of(stream), 4)
    await reopening.reopen()
    row = await reopening.row("a")
    assert (row.oldest, row.head, row.written_bytes - row.trimmed_bytes) == (4, 4, 0)
    await reopening.store.write(Change(row.id, [batch_of(4, "e")], {}, None, row.written_bytes))
    assert await reopening.texts(row, 4, 5) == ["e"]
    assert (await reopening.row("a")).head == 5


async def test_what_is_gone_does_not_come_back(reopening: Reopening) -> None:
    stream = await reopening.fill("a", batch_of(0, "a"), batch_of(1, "b"), batch_of(2, "c"))
    await reopening.store.trim(key_of(stream), 2)
    await reopening.store.trim(key_of(stream), 1)
    assert (await reopening.row("a")).oldest == 2


async def test_a_deleted_stream_is_gone_with_all_that_is_its(reopening: Reopening) -> None:
    stream = await reopening.fill("a", batch_of(0, "old"))
    await reopening.write(stream, p=Producer(3, 99))
    await reopening.store.commit_cursor(key_of(stream), cursor_at(1))
    await reopening.fill("b", batch_of(0, "other"))
    await reopening.store.delete(key_of(stream))
    await reopening.reopen()
    assert [row.name for row in await reopening.store.streams()] == ["b"]


async def test_the_name_of_a_deleted_stream_is_free_at_once(reopening: Reopening) -> None:
    stream = await reopening.fill("a", batch_of(0, "old"))
    await reopening.write(stream, p=Producer(3, 99))
    await reopening.store.delete(key_of(stream))
    new = await reopening.fill("a", batch_of(0, "new"))
    assert new.id != stream.id
    assert (new.head, new.state) == (0, State(1))
    assert await reopening.texts(new, 0, 1) == ["new"]
    assert await reopening.store.producers(new.id) == {}
    assert await reopening.store.cursors(key_of(new)) == []


async def test_a_trim_that_fails_fails_alone(reopening: Reopening) -> None:
    stream, other = await reopening.fill("a", batch_of(0, "a"), batch_of(1, "b")), await reopening.create("b")
    failing = reopening.store.write(Change(stream.id, [batch_of(1, "taken")], {}, None))
    trimmed = reopening.store.trim(key_of(stream), 1)
    written = reopening.store.write(Change(other.id, [batch_of(0, "x")], {}, None))
    results = await asyncio.gather(failing, trimmed, written, return_exceptions=True)
    assert [result is None for result in results] == [False, True, True]
    assert (await reopening.row("a")).oldest == 1
    assert await reopening.texts(other, 0, 1) == ["x"]


# ---- cursors


def cursor_at(position: int, name: str = "c", owner: str = "alice", epoch: int = 7) -> Cursor:
    return Cursor(name, owner, epoch, position, NOW_US + position)


async def test_cursors_are_kept_by_stream_and_name(reopening: Reopening) -> None:
    stream, other = await reopening.create("a"), await reopening.create("b")
    for cursor in (cursor_at(5, "z"), cursor_at(2**53 - NOW_US, "c")):
        assert await reopening.store.commit_cursor(key_of(stream), cursor) == cursor
    await reopening.store.commit_cursor(key_of(other), cursor_at(1, "c"))
    await reopening.reopen()
    assert await reopening.store.cursors(key_of(stream)) == [cursor_at(2**53 - NOW_US, "c"), cursor_at(5, "z")]
    assert await reopening.store.cursors(key_of(other)) == [cursor_at(1, "c")]


async def test_a_cursor_goes_back_only_if_it_is_told_to(reopening: Reopening) -> None:
    key = key_of(await reopening.create("a"))
    await reopening.store.commit_cursor(key, cursor_at(5))
    assert await reopening.store.commit_cursor(key, cursor_at(3)) == cursor_at(5)
    assert await reopening.store.cursors(key) == [cursor_at(5)]
    assert await reopening.store.commit_cursor(key, cursor_at(3), back=True) == cursor_at(3)
    assert await reopening.store.cursors(key) == [cursor_at(3)]


async def test_a_cursor_begins_anew_in_another_epoch(reopening: Reopening) -> None:
    key = key_of(await reopening.create("a"))
    await reopening.store.commit_cursor(key, cursor_at(5, epoch=6))
    assert await reopening.store.commit_cursor(key, cursor_at(3)) == cursor_at(3)


async def test_a_cursor_stays_its_owners(reopening: Reopening) -> None:
    key = key_of(await reopening.create("a"))
    await reopening.store.commit_cursor(key, cursor_at(5))
    assert await reopening.store.commit_cursor(key, cursor_at(6, owner="bob")) == cursor_at(6)


async def test_a_cursor_can_be_forgotten(reopening: Reopening) -> None:
    key = key_of(await reopening.create("a"))
    await reopening.store.commit_cursor(key, cursor_at(5))
    await reopening.store.commit_cursor(key, cursor_at(5, "other"))
    for _ in range(2):
        await reopening.store.delete_cursor(key, "c")
        assert await reopening.store.cursors(key) == [cursor_at(5, "other")]
