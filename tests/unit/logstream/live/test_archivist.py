"""Sealed streams go into the archive after a while, are read from there, go on behind it, and stay as long as told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.archive.archive import ArchiveFailed
from fairlead_logstream.archive.archived_store import ArchivedStreamStore
from fairlead_logstream.live import archivist
from fairlead_logstream.live.archivist import Archivist
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.live_stream import LiveStream, Surroundings
from fairlead_logstream.live.recent import Recent
from fairlead_logstream.live.retention import Keeper, Limits
from fairlead_logstream.model.rows import Change, Retention, Sealed, State, StreamRow
from unit.logstream.archive.archives import MemoryArchive
from unit.logstream.fakes import NOW_US, SilentAudience, batch_of

S = 1_000_000
AFTER_S = 100
LARGE = 3
SIZE = batch_of(0, "x").size
NO_LIMITS = Retention()


class Archived:
    """Some streams of batches of one record each, and who archives and keeps them."""

    def __init__(self, limits: Limits) -> None:
        self.archive = MemoryArchive()
        self.below = MemoryStreamStore()
        self.store = ArchivedStreamStore(self.below, self.archive)
        self.now_us = NOW_US
        surroundings = Surroundings(self.store, Recent(), SilentAudience(), lambda: self.now_us)
        self.counters = surroundings.counters
        self.directory = Directory(surroundings)
        self.archivist = Archivist(self.store, self.directory, AFTER_S, lambda: self.now_us, surroundings.counters)
        self.keeper = Keeper(self.store, self.directory, limits, lambda: self.now_us, surroundings.counters)

    async def fill(
        self, name: str, ages_s: list[int], *, is_sealed: bool = True, retention: Retention = NO_LIMITS
    ) -> LiveStream:
        """A stream whose batches were stored so long ago, the oldest first."""
        row = await self.below.create(StreamRow(0, name, name, 7, NOW_US, State(retention=retention)))
        for first, age_s in enumerate(ages_s):
            stored_us = NOW_US - age_s * S
            await self.below.write(Change(row.id, [batch_of(first, "x")], {}, None, first * SIZE, stored_us=stored_us))
        if is_sealed:
            state = State(sealed=Sealed(0, None, len(ages_s)), retention=retention)
            await self.below.write(Change(row.id, [], {}, state))
        await self.directory.load()
        live = self.directory.get(name)
        assert live is not None
        return live

    async def kept(self) -> list[tuple[int, int]]:
        """The segments of all streams."""
        return [
            (segment.first, segment.next)
            for live in self.directory
            for segment in await self.store.archives.from_number(live.stream.key, 0, 100)
        ]


@pytest.fixture
async def archived(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archived]:
    monkeypatch.setattr(archivist, "SEGMENT_BYTES", LARGE * SIZE)
    archived = Archived(Limits(Retention(max_age_s=500), total_bytes=2 * SIZE, archived_age_s=1_000))
    yield archived
    await archived.store.close()


async def test_a_sealed_stream_that_is_not_written_any_more_is_archived(archived: Archived) -> None:
    live = await archived.fill("old", [400, 300, 200, AFTER_S])
    await archived.archivist.round()
    assert live.stream.is_archived
    assert await archived.kept() == [(0, 3), (3, 4)]
    assert await archived.below.read(live.stream.key, 0, 4, 1 << 30) == []
    assert (archived.counters.archived_records, archived.counters.archived_bytes) == (4, 4 * SIZE)


@pytest.mark.parametrize(("age_s", "is_sealed"), [(AFTER_S - 1, True), (AFTER_S, False)])
async def test_other_streams_are_not(archived: Archived, age_s: int, is_sealed: bool) -> None:
    await archived.fill("young or open", [400, age_s], is_sealed=is_sealed)
    await archived.fill("empty", [])
    await archived.archivist.round()
    assert archived.archive.files == {}


async def test_it_is_as_it_was_after_a_restart(archived: Archived) -> None:
    live = await archived.fill("s", [400, 300, 200, 150])
    before = live.stream
    await archived.archivist.round()
    await archived.directory.load()
    after = archived.directory.get("s")
    assert after is not None
    for name in (
        "head",
        "oldest",
        "written_bytes",
        "trimmed_bytes",
        "stored_bytes",
        "oldest_us",
        "last_us",
        "archived",
    ):
        assert getattr(after.stream, name) == getattr(before, name), name


async def test_an_archive_that_is_away_is_tried_again(archived: Archived) -> None:
    live = await archived.fill("s", [200])
    archived.archive.error = OSError("away")
    with pytest.raises(ArchiveFailed):
        await archived.archivist.round()
    assert (live.stream.is_archived, archived.counters.archive_failures) == (False, 1)
    archived.archive.error = None
    await archived.archivist.round()
    assert live.stream.is_archived


async def test_a_damaged_batch_is_left_where_it_is(archived: Archived, caplog: pytest.LogCaptureFixture) -> None:
    damaged = await archived.fill("damaged", [400] * 6)
    del archived.below._by_name["damaged"].batches[4]
    for _ in range(2):
        await archived.archivist.round()
    assert damaged.stream.archived == 3
    assert [batch.first for batch in await archived.below.read(damaged.stream.key, 3, 6, 1 << 30)] == [3, 5]
    assert [record.message for record in caplog.records].count(
        "stream 'damaged' is archived up to 3: the records 4 to 5 are damaged in the store"
    ) == 1


async def test_archived_streams_stay_as_long_as_the_archive_keeps_them(archived: Archived) -> None:
    live = await archived.fill("s", [600, 500, 400, 200])
    await archived.archivist.round()
    await archived.keeper.round()  # too old, and too large in all, if it were not archived
    assert live.stream.oldest == 0
    archived.now_us += 600 * S  # the third record is as old as the archive keeps it
    await archived.keeper.round()
    assert live.stream.oldest == 0
    archived.now_us += S
    await archived.keeper.round()
    assert (live.stream.oldest, live.stream.stored_bytes) == (3, SIZE)


async def test_a_streams_own_retention_counts_in_the_archive_too(archived: Archived) -> None:
    live = await archived.fill("s", [400, 300, 200, 150], retention=Retention(max_age_s=450))
    await archived.archivist.round()
    archived.now_us += 251 * S
    await archived.keeper.round()
    assert live.stream.oldest == 3
