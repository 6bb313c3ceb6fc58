"""Whatever of a chunk is damaged, its range is told as lost and the rest is served, whichever way it is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from fairlead_logstream import SqlStreamStore
from fairlead_logstream.model.rows import Change, StreamRow
from fairlead_logstream.store.tables import SCHEMA
from fairlead_store import Database
from unit.logstream.fakes import NOW_US, Peer, ServiceHarness, batch_of, records_of

BATCHES = [batch_of(0, "a" * 2_000, "b"), batch_of(2, "c", "d" * 2_000), batch_of(4, "e" * 2_000, "f")]
TEXTS = [text * count for text, count in [("a", 2_000), ("b", 1), ("c", 1), ("d", 2_000), ("e", 2_000), ("f", 1)]]


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]


def damage(what: str, first: int, connection: sa.Connection) -> None:
    """Damage the chunk that begins at `first`, beside the program."""
    where = "WHERE first = :first"
    if what == "missing":
        connection.execute(sa.text(f"DELETE FROM chunks {where}"), {"first": first})
    elif what.startswith("data"):
        data = connection.execute(sa.text(f"SELECT data FROM chunks {where}"), {"first": first}).scalar_one()
        changed = {"data": flipped(data, len(data) // 2), "data-short": data[:-5], "data-empty": b""}[what]
        connection.execute(sa.text(f"UPDATE chunks SET data = :data {where}"), {"first": first, "data": changed})
    else:
        column, value = what.split("=")
        connection.execute(sa.text(f"UPDATE chunks SET {column} = {value} {where}"), {"first": first})


DAMAGES = ["missing", "data", "data-short", "data-empty", "crc=crc + 1", "codec=0", "codec=9"]
DAMAGES += [
    "count=count + 1",
    "count=count - 1",
    "count=0",
    "count=1000000",
    "size=size + 1",
    "max_time_us=max_time_us - 1",
]


@pytest.fixture
async def url(database_url: str) -> str:
    """A store with a stream of three batches."""
    store = SqlStreamStore.open(database_url, "realm1")
    stream = await store.create(StreamRow(0, "s", "s", 7, NOW_US))
    await store.write(Change(stream.id, BATCHES, {}, None))
    await store.close()
    return database_url


@pytest.fixture
async def harness() -> AsyncIterator[ServiceHarness]:
    harness = ServiceHarness()
    yield harness
    await harness.close()


async def start(harness: ServiceHarness, url: str, what: str, *firsts: int) -> Peer:
    """The service over the damaged store, with nothing in memory."""
    database = Database.open(url, SCHEMA, "realm1")
    for first in firsts:
        await database.write(partial(damage, what, first))
    await database.close()
    await harness.start(SqlStreamStore.open(url, "realm1"))
    return harness.peer()


def found(dicts: list[Any]) -> tuple[list[str], list[Any]]:
    """The texts, and what was told to be lost."""
    return [record[2] for record in records_of(dicts)], [value["lagged"] for value in dicts if "lagged" in value]


def lost(first: int, following: int) -> dict[str, Any]:
    return {"from": first, "to": following, "damaged": True}


async def read_all(peer: Peer, **about: Any) -> list[Any]:
    pages: list[Any] = []
    page: dict[str, Any] = {"next": 0, "head": 6, "epoch": 7}
    while page["next"] < page["head"]:
        page = await peer.call("read", "s", start=page["next"], epoch=7, **about)
        pages.append(page)
    return pages


@pytest.mark.parametrize("what", DAMAGES)
async def test_read_tells_what_is_lost_and_goes_on(harness: ServiceHarness, url: str, what: str) -> None:
    peer = await start(harness, url, what, 2)
    assert found(await read_all(peer)) == (TEXTS[:2] + TEXTS[4:], [lost(2, 4)])


@pytest.mark.parametrize("what", DAMAGES)
async def test_follow_tells_what_is_lost_and_goes_on(harness: ServiceHarness, url: str, what: str) -> None:
    peer = await start(harness, url, what, 2)
    progress, final = peer.follow("s")
    await peer.call("append", "s", [[NOW_US, "o", "new", 0]])
    await peer.call("seal", "s", exit_code=0)
    await final
    assert found(progress) == (TEXTS[:2] + TEXTS[4:] + ["new"], [lost(2, 4)])


@pytest.mark.parametrize("what", DAMAGES)
async def test_a_search_tells_what_is_lost_and_goes_on(harness: ServiceHarness, url: str, what: str) -> None:
    peer = await start(harness, url, what, 2)
    pages: list[Any] = []
    position = 0
    while position < 6:
        pages.append(await peer.call("search", "s", sources=["stdout"], start=position, epoch=7))
        position = pages[-1]["next"]
    texts = [record[2] for page in pages for record in page["records"]]
    told = [page["lagged"] for page in pages if "lagged" in page]
    assert (texts, told) == (TEXTS[:2] + TEXTS[4:], [lost(2, 4)])


@pytest.mark.parametrize("what", ["missing", "data", "count=1000000"])
async def test_the_topic_tells_what_is_lost_and_goes_on(harness: ServiceHarness, url: str, what: str) -> None:
    await start(harness, url, what, 2)
    peer = harness.slow_peer()
    peer.subscribe("s", get_retained=True)
    async with asyncio.timeout(10):
        while not any(value.get("next") == 6 for value in peer.dicts):
            await asyncio.sleep(0)
    assert found(peer.dicts) == (TEXTS[:2] + TEXTS[4:], [lost(2, 4)])


@pytest.mark.parametrize("what", ["data", "crc=crc + 1", "codec=9"])
@pytest.mark.parametrize(
    ("firsts", "texts", "told"),
    [
        ([0], TEXTS[2:], [lost(0, 2)]),
        ([0, 2], TEXTS[4:], [lost(0, 4)]),
        ([2, 4], TEXTS[:2], [lost(2, 6)]),
        ([0, 2, 4], [], [lost(0, 6)]),
    ],
)
async def test_several_damaged_batches(
    harness: ServiceHarness, url: str, what: str, firsts: list[int], texts: list[str], told: list[Any]
) -> None:
    peer = await start(harness, url, what, *firsts)
    assert found(await read_all(peer)) == (texts, told)


async def test_a_batch_that_says_to_be_another_one_is_lost(harness: ServiceHarness, url: str) -> None:
    """Its numbers would be given to other records."""
    peer = await start(harness, url, "first=3", 2)
    assert found(await read_all(peer)) == (TEXTS[:2] + TEXTS[4:], [lost(2, 4)])


async def test_damage_is_counted_and_logged_once(
    harness: ServiceHarness, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    peer = await start(harness, url, "data", 2, 4)
    for _ in range(2):
        await read_all(peer)
    assert [each.getMessage() for each in caplog.records] == [
        "stream 's': the records 2 to 4 are damaged in the store",
        "stream 's': the records 4 to 6 are damaged in the store",
    ]
    assert harness.logs.counters.damages == 2
