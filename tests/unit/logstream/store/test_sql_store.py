"""What only the SQL store has: realms, checksums, the group of many streams, trouble of the database."""

from __future__ import annotations

import asyncio
import base64
import random
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from fairlead_logstream import SqlStreamStore
from fairlead_logstream.model.rows import Change, StreamKey, StreamRow
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_store import DatabaseClosed, DiskFull
from unit.logstream.fakes import NOW_US, batch_of, texts_of

ALL = 1 << 30


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStreamStore]:
    store = SqlStreamStore.open(f"sqlite:///{tmp_path}/logs.sqlite", "realm1")
    yield store
    await store.close()


async def create(store: SqlStreamStore, name: str) -> StreamRow:
    return await store.create(StreamRow(0, name, name, 7, NOW_US))


async def test_realms_of_one_database_do_not_see_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/logs.sqlite"
    first = SqlStreamStore.open(url, "realm1")
    await create(first, "a")
    await first.close()
    second = SqlStreamStore.open(url, "realm2")
    assert await second.streams() == []
    await create(second, "a")
    assert len(await second.streams()) == 1
    await second.close()


async def test_changes_that_wait_are_one_transaction(store: SqlStreamStore) -> None:
    streams = [await create(store, f"s{index}") for index in range(100)]
    commits = 0

    def on_commit(_connection: sa.Connection) -> None:
        nonlocal commits
        commits += 1

    sa.event.listen(store._database._engine, "commit", on_commit)
    await asyncio.gather(*[store.write(Change(stream.id, [batch_of(0, "x")], {}, None)) for stream in streams])
    assert commits <= 3


async def test_damage_is_reported_with_its_range_and_the_rest_is_read(store: SqlStreamStore, tmp_path: Path) -> None:
    stream = await create(store, "a")
    key = StreamKey(stream.id, 7)
    batches = [batch_of(0, *"ab"), batch_of(2, *"cd"), batch_of(4, *"ef")]
    await store.write(Change(stream.id, batches, {}, None))
    with sqlite3.connect(tmp_path / "logs.sqlite") as connection:
        connection.execute("UPDATE chunks SET data = CAST(replace(data, 'c', 'x') AS BLOB) WHERE first = 2")
    connection.close()

    assert texts_of(await store.read(key, 0, 6, ALL)) == ["a", "b"]
    with pytest.raises(CorruptBatch) as caught:
        await store.read(key, 2, 6, ALL)
    assert (caught.value.first, caught.value.next) == (2, 4)
    assert texts_of(await store.read(key, 4, 6, ALL)) == ["e", "f"]


async def test_a_full_disk_fails_what_waits_and_passes(store: SqlStreamStore) -> None:
    async def set_pages(count: int) -> None:
        def job(connection: sa.Connection) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {count}")

        await store._database.write(job)

    streams = [await create(store, f"s{index}") for index in range(3)]
    await set_pages(40)
    text = base64.b64encode(random.randbytes(45_000)).decode()
    changes = [Change(stream.id, [batch_of(0, text)], {}, None) for stream in streams]
    results = await asyncio.gather(*[store.write(change) for change in changes], return_exceptions=True)
    assert any(isinstance(result, DiskFull) for result in results)
    await set_pages(10_000)
    again = [change for change, result in zip(changes, results, strict=True) if result is not None]
    await asyncio.gather(*[store.write(change) for change in again])
    assert [row.head for row in await store.streams()] == [1, 1, 1]


async def test_a_write_after_close_is_refused(tmp_path: Path) -> None:
    store = SqlStreamStore.open(f"sqlite:///{tmp_path}/logs.sqlite", "realm1")
    stream = await create(store, "a")
    await store.close()
    for _ in range(2):
        with pytest.raises(DatabaseClosed):
            await store.write(Change(stream.id, [batch_of(0, "x")], {}, None))


async def test_a_database_that_cannot_begin_fails_what_waits_and_the_next_works(
    store: SqlStreamStore, tmp_path: Path
) -> None:
    stream = await create(store, "a")

    def set_timeout(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")

    await store._database.write(set_timeout)
    other = sqlite3.connect(tmp_path / "logs.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Exception, match="locked by another program"):
        await store.write(Change(stream.id, [batch_of(0, "x")], {}, None))
    other.execute("ROLLBACK")
    other.close()
    await store.write(Change(stream.id, [batch_of(0, "x")], {}, None))
