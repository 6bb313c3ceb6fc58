"""A full disk: what is refused changes nothing, what was acknowledged stays, and it recovers by itself."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from fairlead_records import SqlRecordStore
from fairlead_router import CallError
from support.disks import DISKS, Disk, disk_at
from unit.records.fakes import Peer, ServiceHarness

STATE = {"text": base64.b64encode(random.Random(1).randbytes(30_000)).decode()}


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with disk_at(tmp_path, request.param) as disk:
        yield disk


@pytest.fixture
async def store(disk: Disk) -> SqlRecordStore:
    return SqlRecordStore.open(f"sqlite:///{disk.directory}/records.sqlite", "realm1")


@pytest.fixture
async def alice(store: SqlRecordStore) -> AsyncIterator[Peer]:
    harness = ServiceHarness()
    await harness.start(store)
    yield harness.peer()
    await harness.close()


def check_full(error: CallError) -> None:
    assert error.uri == "fairlead.error.store_failed"
    assert "its disk is full: nothing was stored" in str(error)


async def put_until_full(alice: Peer) -> list[str]:
    """The ids that were acknowledged."""
    ids: list[str] = []
    while len(ids) < 1_000:
        try:
            await alice.put(f"r{len(ids):03}", STATE, key=str(len(ids)))
        except CallError as error:
            check_full(error)
            return ids
        ids.append(f"r{len(ids):03}")
    raise AssertionError("the disk is not full")


async def ids_of(alice: Peer) -> list[str]:
    ids: list[str] = []
    page: dict[str, Any] = {"after": None}
    while not ids or page["after"] is not None:
        page = await alice.call("record.list", after=page["after"])
        ids += [record["id"] for record in page["records"]]
    return ids


async def test_what_was_acknowledged_stays_and_changes_go_on_when_there_is_room(
    alice: Peer, disk: Disk, store: SqlRecordStore
) -> None:
    await disk.fill(store)
    ids = await put_until_full(alice)
    refused = f"r{len(ids):03}"
    assert await ids_of(alice) == ids
    await disk.make_room(store)
    assert await alice.put(refused, STATE, key=str(len(ids))) == 1
    assert await alice.put(ids[0], STATE) == 2
    assert await ids_of(alice) == [*ids, refused]


async def test_nothing_is_lost_when_the_server_ends_while_the_disk_is_full(
    alice: Peer, disk: Disk, store: SqlRecordStore
) -> None:
    await disk.fill(store)
    ids = await put_until_full(alice)
    await store.close()
    again = SqlRecordStore.open(f"sqlite:///{disk.directory}/records.sqlite", "realm1")
    loaded = await again.load(1_000)
    assert [record.id for record in loaded.records] == ids
    assert [change.revision for change in loaded.history] == list(range(1, len(ids) + 1))
    assert len(loaded.answers) == len(ids)
    await again.close()


async def test_many_writers_at_once_are_each_told(alice: Peer, disk: Disk, store: SqlRecordStore) -> None:
    await disk.fill(store)
    names = [f"many{number:03}" for number in range(100)]
    results = await asyncio.gather(*[alice.put(name, STATE) for name in names], return_exceptions=True)
    failures = [result for result in results if isinstance(result, CallError)]
    assert failures
    for error in failures:
        check_full(error)
    kept = [name for name, result in zip(names, results, strict=True) if result == 1]
    assert await ids_of(alice) == kept
