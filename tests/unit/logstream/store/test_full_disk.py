"""A full disk: what is refused is told so and changes nothing, what was acknowledged stays, and it recovers by itself.

The disk is one of `support.disks`, full in two ways.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fairlead_logstream import SqlStreamStore
from fairlead_logstream.model.rows import Cursor, StreamKey
from fairlead_router import CallError
from support.disks import DISKS, Disk, disk_at
from unit.logstream.fakes import Peer, ServiceHarness, wire_record

LINE = base64.b64encode(random.Random(1).randbytes(30_000)).decode()
"""40 KB that cannot be made smaller than 30."""


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with disk_at(tmp_path, request.param) as disk:
        yield disk


@pytest.fixture
async def store(disk: Disk) -> SqlStreamStore:
    return SqlStreamStore.open(f"sqlite:///{disk.directory}/logs.sqlite", "realm1")


@pytest.fixture
async def alice(store: SqlStreamStore) -> AsyncIterator[Peer]:
    harness = ServiceHarness()
    await harness.start(store)
    yield harness.peer()
    await harness.close()


def check_full(error: CallError) -> None:
    assert error.uri == "fairlead.error.store_failed"
    assert "its disk is full: nothing was stored" in str(error)


async def append_until_full(alice: Peer) -> int:
    """How many lines were acknowledged."""
    for number in range(1_000):
        try:
            await alice.call("append", "s", [wire_record(LINE)], producer="p", seq=number)
        except CallError as error:
            check_full(error)
            return number
    raise AssertionError("the disk is not full")


async def count_of(alice: Peer) -> int:
    """Lines that can be read."""
    position = 0
    while True:
        page = await alice.call("read", "s", start=position, epoch=EPOCHS[alice])
        assert "lagged" not in page
        assert {record[2] for record in page["records"]} <= {LINE}
        if not page["records"]:
            return position
        position = page["next"]


EPOCHS: dict[Peer, int] = {}


async def begin(alice: Peer, disk: Disk, store: SqlStreamStore) -> None:
    EPOCHS[alice] = (await alice.call("create", "s"))["epoch"]
    await disk.fill(store)


async def test_what_was_acknowledged_stays_and_appends_go_on_when_there_is_room(
    alice: Peer, disk: Disk, store: SqlStreamStore
) -> None:
    await begin(alice, disk, store)
    acknowledged = await append_until_full(alice)
    assert await count_of(alice) == acknowledged
    await disk.make_room(store)
    for number in range(acknowledged, acknowledged + 5):
        await alice.call("append", "s", [wire_record(LINE)], producer="p", seq=number)
    assert await count_of(alice) == acknowledged + 5


async def test_nothing_is_lost_when_the_server_ends_while_the_disk_is_full(
    alice: Peer, disk: Disk, store: SqlStreamStore
) -> None:
    await begin(alice, disk, store)
    acknowledged = await append_until_full(alice)
    await store.close()
    again = SqlStreamStore.open(f"sqlite:///{disk.directory}/logs.sqlite", "realm1")
    (row,) = await again.streams()
    batches = await again.read(StreamKey(row.id, row.epoch), 0, row.head, 1 << 30)
    assert (row.head, sum(batch.count for batch in batches)) == (acknowledged, acknowledged)
    await again.close()


async def test_what_else_is_written_fails_with_the_same_sentence_and_passes_later(
    alice: Peer, disk: Disk, store: SqlStreamStore
) -> None:
    """Small writes may still find room: each is repeated until one does not."""
    await begin(alice, disk, store)
    await append_until_full(alice)
    (row,) = await store.streams()
    key = StreamKey(row.id, row.epoch)

    async def create() -> None:
        for number in range(10_000):
            await alice.call("create", f"s{number}", metadata={"text": LINE[:4_000]})

    async def commit() -> None:
        for number in range(10_000):
            await store.commit_cursor(key, Cursor("c" * 100 + str(number), LINE[:4_000], 7, 1, 1))

    for write in (create(), commit()):
        with pytest.raises(Exception, match="its disk is full: nothing was stored"):
            await write
    await disk.make_room(store)
    await alice.call("create", "another")
    assert await alice.call("seal", "s", exit_code=0) == {"next": row.head}
    await store.commit_cursor(key, Cursor("c", "alice", 7, 1, 1))


async def test_many_writers_at_once_are_each_told(alice: Peer, disk: Disk, store: SqlStreamStore) -> None:
    await begin(alice, disk, store)
    names = [f"many{number}" for number in range(30)]
    for name in names:
        await alice.call("create", name)
    calls = [alice.call("append", name, [wire_record(LINE)]) for name in names]
    results = await asyncio.gather(*calls, return_exceptions=True)
    heads = {row.name: row.head for row in await store.streams()}
    assert any(isinstance(result, CallError) for result in results)
    for name, result in zip(names, results, strict=True):
        assert heads[name] == (0 if isinstance(result, CallError) else 1)
