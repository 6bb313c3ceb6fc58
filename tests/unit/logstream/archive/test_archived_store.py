"""What is in the archive is read like anything else; what is lost there is told; a kill at any step loses nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream import MemoryStreamStore, SqlStreamStore, StreamStore
from fairlead_logstream.archive.archive import ArchiveFailed, NoArchive
from fairlead_logstream.archive.archived_store import ArchivedStreamStore
from fairlead_logstream.archive.opened import OpenSegments
from fairlead_logstream.archive.segment_file import Source
from fairlead_logstream.model.batch import Batch, cost_of
from fairlead_logstream.model.rows import Change, StreamKey, StreamRow
from fairlead_logstream.model.scan import Scan
from fairlead_logstream.model.selection import Filter
from fairlead_logstream.store.stream_store import CorruptBatch
from unit.logstream.archive.archives import MemoryArchive, archive_all
from unit.logstream.fakes import NOW_US, batch_of, texts_of

ALL = 1 << 30
BATCHES = 6


@pytest.fixture
def archive() -> MemoryArchive:
    return MemoryArchive()


@pytest.fixture
async def store(archive: MemoryArchive) -> ArchivedStreamStore:
    return ArchivedStreamStore(MemoryStreamStore(), archive)


async def fill(store: StreamStore, batches: list[Batch], name: str = "s") -> StreamKey:
    row = await store.create(StreamRow(0, name, name, 7, NOW_US))
    written = 0
    for index, batch in enumerate(batches):
        await store.write(Change(row.id, [batch], {}, None, written, stored_us=NOW_US + index))
        written += batch.size
    return StreamKey(row.id, 7)


async def archived(store: ArchivedStreamStore, segment_batches: int = 2) -> StreamKey:
    """A stream of six batches of one record, all in the archive."""
    key = await fill(store, [batch_of(number, f"line {number}") for number in range(BATCHES)])
    await archive_all(store, key, segment_batches)
    return key


async def walk(store: StreamStore, key: StreamKey, start: int, end: int, limit_bytes: int) -> list[str]:
    """As a reader goes through a stream."""
    found: list[Batch] = []
    while start < end:
        batches = await store.read(key, start, end, limit_bytes)
        found += [batch.between(start, end) for batch in batches]
        start = found[-1].next
    return texts_of(found)


async def search(store: StreamStore, key: StreamKey, asked: Scan) -> list[int]:
    """As a search goes on page by page."""
    found: list[int] = []
    begin, end = asked.start, asked.end
    while begin < end:
        page = await store.scan(key, Scan(begin, end, asked.wanted, asked.is_backwards, 2, ALL, 100))
        found += page.seqs
        begin, end = (begin, page.position) if asked.is_backwards else (page.position, end)
    return found


@given(
    sizes=st.lists(st.integers(1, 3), min_size=1, max_size=8),
    segment_batches=st.integers(1, 3),
    archived_batches=st.integers(0, 8),
    asked=st.tuples(st.integers(0, 24), st.integers(0, 24)),
    limit_bytes=st.sampled_from([1, 60, 200, ALL]),
)
async def test_every_question_has_the_same_answer_wherever_the_records_are(
    sizes: list[int], segment_batches: int, archived_batches: int, asked: tuple[int, int], limit_bytes: int
) -> None:
    plain, store = MemoryStreamStore(), ArchivedStreamStore(MemoryStreamStore(), MemoryArchive())
    batches: list[Batch] = []
    for size in sizes:
        first = batches[-1].next if batches else 0
        times_us = (10 * first % 7, 10 * first % 11)  # producers' clocks go back
        records = batch_of(first, *["ab"[number % 2] for number in range(first, first + size)]).records
        batches.append(Batch(first, size, (min(times_us), max(times_us)), 7, 100 + first, records))
    key = await fill(plain, batches)
    await fill(store, batches[:archived_batches])
    await archive_all(store, key, segment_batches)
    written = sum(batch.size for batch in batches[:archived_batches])
    for index, batch in enumerate(batches[archived_batches:], archived_batches):
        await store.write(Change(key.id, [batch], {}, None, written, stored_us=NOW_US + index))
        written += batch.size
    head = batches[-1].next
    start, end = sorted(min(number, head) for number in asked)
    assert await walk(store, key, start, end, limit_bytes) == await walk(plain, key, start, end, limit_bytes)
    assert await store.size_between(key, start, end) == await plain.size_between(key, start, end)
    for is_backwards in (False, True):
        scan = Scan(start, end, Filter(text="a"), is_backwards, 2, ALL, 100)
        assert await search(store, key, scan) == await search(plain, key, scan)
    if end == head and end > start:
        tail = (key, end, end - start, limit_bytes)
        assert await store.tail_start(*tail) == await plain.tail_start(*tail)
    for number in asked:
        with_byte, same = [await each.batch_with_byte(key, head, 10 * number) for each in (store, plain)]
        assert with_byte is not None
        assert same is not None
        assert (with_byte[0], with_byte[1].first) == (same[0], same[1].first)
        since, same_since = [await each.first_batch_since(key, number) for each in (store, plain)]
        assert (since and since.publication) == (same_since and same_since.publication)


# ---- what is lost, away or slow


@pytest.mark.parametrize("damage", ["missing", "damaged", "another's"])
async def test_a_lost_file_is_told_with_its_range_and_the_rest_is_served(
    archive: MemoryArchive, store: ArchivedStreamStore, damage: str
) -> None:
    key = await archived(store)
    names = list(archive.files)
    if damage == "missing":
        del archive.files[names[1]]
    else:
        archive.files[names[1]] = b"" if damage == "damaged" else archive.files[names[0]]
    with pytest.raises(CorruptBatch) as caught:
        await store.read(key, 3, 6, ALL)
    assert (caught.value.first, caught.value.next) == (2, 4)
    with pytest.raises(CorruptBatch):
        await store.scan(key, Scan(2, 6, Filter(text="line"), False, 10, ALL, ALL))
    assert await walk(store, key, 0, 2, ALL) == ["line 0", "line 1"]
    assert await walk(store, key, 4, 6, ALL) == ["line 4", "line 5"]


async def test_an_archive_that_is_away_is_an_error_and_what_is_not_in_it_is_served(
    archive: MemoryArchive, store: ArchivedStreamStore
) -> None:
    key = await archived(store)
    await store.write(Change(key.id, [batch_of(BATCHES, "live")], {}, None))
    archive.error = OSError("no route to host")
    with pytest.raises(ArchiveFailed):
        await store.read(key, 0, 7, ALL)
    assert texts_of(await store.read(key, BATCHES, 7, ALL)) == ["live"]
    archive.error = None
    assert texts_of(await store.read(key, 0, 7, ALL)) == ["line 0", "line 1"]


async def test_without_an_archive_what_is_there_cannot_be_read(archive: MemoryArchive) -> None:
    below = MemoryStreamStore()
    key = await archived(ArchivedStreamStore(below, archive))
    with pytest.raises(ArchiveFailed):
        await ArchivedStreamStore(below, NoArchive()).read(key, 0, 6, ALL)


async def test_a_slow_archive_delays_nobody_else(archive: MemoryArchive, store: ArchivedStreamStore) -> None:
    key = await archived(store)
    other = await fill(store, [batch_of(0, "here")], "other")
    archive.go.clear()
    asked = Scan(0, 6, Filter(text="line"), False, 10, ALL, ALL)
    waiting = [asyncio.ensure_future(store.read(key, 0, 6, ALL)), asyncio.ensure_future(store.scan(key, asked))]
    while not archive.gets:
        await asyncio.sleep(0)
    await store.write(Change(other.id, [batch_of(1, "more")], {}, None))
    assert await walk(store, other, 0, 2, ALL) == ["here", "more"]
    assert (await store.scan(other, Scan(0, 2, Filter(text="more"), False, 10, ALL, ALL))).seqs == [1]
    archive.go.set()
    await asyncio.gather(*waiting)


async def test_a_segment_is_fetched_once_for_all_who_read_it(
    archive: MemoryArchive, store: ArchivedStreamStore
) -> None:
    key = await archived(store, BATCHES)
    reads = [asyncio.ensure_future(store.read(key, number, 6, 1)) for number in range(6)]
    await asyncio.sleep(0)
    reads[0].cancel()  # one gives up
    await asyncio.gather(*reads[1:])
    await walk(store, key, 0, 6, 1)
    assert len(archive.gets) == 1


async def test_open_segments_are_bounded(archive: MemoryArchive, store: ArchivedStreamStore) -> None:
    key = await archived(store, 1)
    segments = await store.archives.from_number(key, 0, 10)
    opened = OpenSegments(archive, 2 * cost_of(batch_of(0, "line 0")))
    for index in (0, 1, 0, 2, 0, 1):
        await opened.batches(key, segments[index])
    assert [archive.gets.count(segment.location) for segment in segments[:3]] == [1, 2, 1]


# ---- what goes


async def removed(archive: MemoryArchive, count: int) -> None:
    async with asyncio.timeout(5):
        while len(archive.files) != count:
            await asyncio.sleep(0)


async def test_what_is_trimmed_leaves_the_archive(archive: MemoryArchive, store: ArchivedStreamStore) -> None:
    key = await archived(store)
    await store.trim(key, 4)
    await removed(archive, 1)
    assert [segment.first for segment in await store.archives.from_number(key, 0, 10)] == [4]
    assert await walk(store, key, 4, 6, ALL) == ["line 4", "line 5"]


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_deleted_stream_leaves_the_archive_and_then_the_store(
    archive: MemoryArchive, database_url: str, is_restarted: bool
) -> None:
    store = ArchivedStreamStore(SqlStreamStore.open(database_url, "realm1"), archive)
    key = await archived(store)
    archive.error = OSError("away") if is_restarted else None
    await store.delete(key)
    if is_restarted:
        await store.close()
        archive.error = None
        store = ArchivedStreamStore(SqlStreamStore.open(database_url, "realm1"), archive)
        assert await store.streams() == []
    await removed(archive, 0)
    await store.close()


async def test_what_was_trimmed_meanwhile_is_not_archived(archive: MemoryArchive, store: ArchivedStreamStore) -> None:
    key = await fill(store, [batch_of(number, "x") for number in range(4)])
    archive.go.clear()
    outlines = await store.outlines(key, 0, 4)
    archiving = asyncio.ensure_future(store.archive(Source("s", "o", 7), key, outlines, NOW_US))
    await asyncio.sleep(0)
    await store.trim(key, 2)
    archive.go.set()
    assert await archiving is None
    assert archive.files == {}
    assert await walk(store, key, 2, 4, ALL) == ["x", "x"]


# ---- a kill at each step


class Killed(BaseException):
    """Nothing of ours catches it."""


class KilledArchive(MemoryArchive):
    """The program ends before or after a file is put."""

    kill: str | None = None

    async def put(self, name: str, data: bytes) -> str:
        if self.kill == "before put":
            raise Killed
        location = await super().put(name, data)
        if self.kill == "after put":
            raise Killed
        return location


@pytest.mark.parametrize("kill", ["before put", "after put", "after the row"])
async def test_a_kill_at_any_step_loses_and_repeats_nothing(
    kill: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = KilledArchive()
    archive.kill = kill
    below = SqlStreamStore.open(database_url, "realm1")
    store = ArchivedStreamStore(below, archive)
    key = await fill(store, [batch_of(number, f"line {number}") for number in range(BATCHES)])
    if kill == "after the row":
        monkeypatch.setattr(below._sweeper, "sweep", lambda *_ids: None)
        await archive_all(store, key, 2)
    else:
        with pytest.raises(Killed):
            await archive_all(store, key, 2)
    await store.close()

    archive.kill = None
    store = ArchivedStreamStore(SqlStreamStore.open(database_url, "realm1"), archive)
    (row,) = await store.streams()
    lines = [f"line {number}" for number in range(BATCHES)]
    assert (row.head, row.archived, await walk(store, key, 0, BATCHES, ALL)) == (
        BATCHES,
        BATCHES if kill == "after the row" else 0,
        lines,
    )
    await archive_all(store, key, 2)
    (row,) = await store.streams()
    assert (row.head, row.archived, len(archive.files)) == (BATCHES, BATCHES, 3)
    assert await walk(store, key, 0, BATCHES, 1) == lines
    await store.close()


async def test_two_servers_archive_one_stream_once(tmp_path: Path, archive: MemoryArchive) -> None:
    store = ArchivedStreamStore(SqlStreamStore.open(f"sqlite:///{tmp_path}/logs.sqlite", "realm1"), archive)
    key = await fill(store, [batch_of(0, "a"), batch_of(1, "b")])
    outlines = await store.outlines(key, 0, 4)
    segments = await asyncio.gather(*[store.archive(Source("s", "o", 7), key, outlines, NOW_US) for _ in range(2)])
    assert sum(segment is not None for segment in segments) == 1
    assert await walk(store, key, 0, 2, ALL) == ["a", "b"]
    await store.close()


async def test_what_another_server_has_archived_is_no_damage(archive: MemoryArchive) -> None:
    below = MemoryStreamStore()
    stores = [ArchivedStreamStore(below, archive) for _ in range(2)]
    key = await fill(stores[0], [batch_of(0, "a"), batch_of(1, "b")])
    outlines = await stores[0].outlines(key, 0, 4)
    for store, is_first in zip(stores, (True, False), strict=True):
        segment = await store.archive(Source("s", "o", 7), key, outlines, NOW_US)
        assert (segment is not None) == is_first
    assert await walk(stores[1], key, 0, 2, ALL) == ["a", "b"]
    assert len(archive.files) == 1


async def test_a_segment_that_was_trimmed_while_it_was_archived_has_what_is_left(store: ArchivedStreamStore) -> None:
    batches = [batch_of(number, "x" * (number + 1)) for number in range(4)]
    key = await fill(store, batches)
    await archive_all(store, key, 3)
    await store.trim(key, 1)
    outlines = await store.outlines(key, 1, 10)
    assert [(outline.first, outline.next, outline.size) for outline in outlines] == [
        (1, 3, batches[1].size + batches[2].size),
        (3, 4, batches[3].size),
    ]
    assert await walk(store, key, 1, 4, ALL) == ["xx", "xxx", "xxxx"]
