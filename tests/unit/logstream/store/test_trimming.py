"""What is left of trimmed and deleted streams goes some at a time, also after a restart, and appends come between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from fairlead_logstream import SqlStreamStore
from fairlead_logstream.model.rows import Change, StreamKey, StreamRow
from fairlead_logstream.store.trimming import SWEEP_CHUNKS
from unit.logstream.fakes import NOW_US, batch_of

TABLES = ("streams", "chunks", "producers", "cursors", "archives")


@pytest.fixture
async def open_store(database_url: str) -> AsyncIterator[Callable[[], SqlStreamStore]]:
    opened: list[SqlStreamStore] = []

    def open_one() -> SqlStreamStore:
        opened.append(SqlStreamStore.open(database_url, "realm1"))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()


async def fill(store: SqlStreamStore, name: str, count: int) -> StreamRow:
    stream = await store.create(StreamRow(0, name, name, 7, NOW_US))
    await store.write(Change(stream.id, [batch_of(first, "x") for first in range(count)], {}, None))
    return stream


def key_of(stream: StreamRow) -> StreamKey:
    return StreamKey(stream.id, stream.epoch)


async def counts(store: SqlStreamStore) -> dict[str, int]:
    def count(connection: sa.Connection) -> dict[str, int]:
        return {name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one() for name in TABLES}

    return await store._database.read(count)


async def until_chunks(store: SqlStreamStore, count: int) -> None:
    async with asyncio.timeout(10):
        while (await counts(store))["chunks"] != count:
            await asyncio.sleep(0)


async def test_the_chunks_of_a_trimmed_stream_go(open_store: Callable[[], SqlStreamStore]) -> None:
    store = open_store()
    stream, _other = await fill(store, "a", 3 * SWEEP_CHUNKS), await fill(store, "b", 1)
    await store.trim(key_of(stream), 3 * SWEEP_CHUNKS - 1)
    await until_chunks(store, 2)


async def test_nothing_of_a_deleted_stream_stays(open_store: Callable[[], SqlStreamStore]) -> None:
    store = open_store()
    stream = await fill(store, "a", 2 * SWEEP_CHUNKS)
    await store.delete(key_of(stream))
    await until_chunks(store, 0)
    async with asyncio.timeout(10):
        while any((await counts(store)).values()):
            await asyncio.sleep(0)


async def test_an_append_waits_for_one_transaction_of_the_sweep_at_most(
    open_store: Callable[[], SqlStreamStore],
) -> None:
    """Counted in statements, not in time: one may be running, and one may be in the append's own transaction.

    Only up to its commit: the next one may well run before we hear of it.
    """
    store = open_store()
    stream, other = await fill(store, "a", 20 * SWEEP_CHUNKS), await fill(store, "b", 0)
    happened: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        happened.extend(name for name in ("DELETE FROM chunks", "INSERT INTO chunks") if name in statement)

    sa.event.listen(store._database._engine, "before_cursor_execute", note)
    sa.event.listen(store._database._engine, "commit", lambda _connection: happened.append("COMMIT"))
    await store.trim(key_of(stream), 20 * SWEEP_CHUNKS)
    waited: list[int] = []
    while happened.count("DELETE FROM chunks") < 20:
        asked = len(happened)
        await store.write(Change(other.id, [batch_of(len(waited), "x")], {}, None))
        committed = happened.index("COMMIT", happened.index("INSERT INTO chunks", asked))
        waited.append(happened[asked:committed].count("DELETE FROM chunks"))
    assert max(waited) <= 2
    assert len(waited) > 5


async def test_what_a_killed_server_left_goes_after_the_next_start(open_store: Callable[[], SqlStreamStore]) -> None:
    store = open_store()
    trimmed, deleted = await fill(store, "a", 5), await fill(store, "b", 5)

    def only_tell(connection: sa.Connection) -> None:
        """As far as a server comes that is killed after the first of the steps."""
        connection.execute(sa.text("UPDATE streams SET oldest = 4 WHERE name = 'a'"))
        connection.execute(sa.text("UPDATE streams SET name = '/' || id, oldest = 9007199254740992 WHERE name = 'b'"))

    await store._database.write(only_tell)
    await store.close()
    store = open_store()
    (row,) = await store.streams()
    assert (row.id, row.oldest, row.head) == (trimmed.id, 4, 5)
    await until_chunks(store, 1)
    assert await store.producers(deleted.id) == {}


async def test_what_is_stored_later_takes_the_room_of_what_went(tmp_path: Path) -> None:
    store = SqlStreamStore.open(f"sqlite:///{tmp_path}/logs.sqlite", "realm1")
    stream = await store.create(StreamRow(0, "a", "a", 7, NOW_US))
    batches = [batch_of(first, random.Random(first).randbytes(10_000).hex()) for first in range(200)]
    pages: list[int] = []
    for begin in range(0, 200, 50):
        await store.write(Change(stream.id, batches[begin : begin + 50], {}, None))
        pages.append(await store._database.read(lambda each: each.exec_driver_sql("PRAGMA page_count").scalar_one()))
        await store.trim(key_of(stream), begin + 50)
        await until_chunks(store, 0)
    await store.close()
    assert max(pages) <= pages[0] + 10
