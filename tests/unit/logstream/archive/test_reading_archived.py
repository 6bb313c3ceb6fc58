"""An archived stream through the service's procedures: nobody who reads it can tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead_logstream import MemoryStreamStore, SqlStreamStore, StreamStore
from fairlead_logstream.live import archivist
from fairlead_logstream.live.archivist import Archivist
from fairlead_router import CallError
from unit.logstream.archive.archives import MemoryArchive
from unit.logstream.fakes import NOW_US, Peer, ServiceHarness, wire_record

LINES = [f"line {number}" for number in range(10)]
PER_SEGMENT = 4


class Archived:
    """A service with a sealed stream of ten batches, in the archive."""

    def __init__(self, open_store: Callable[[], StreamStore]) -> None:
        self._open = open_store
        self.store: StreamStore
        self.archive = MemoryArchive()
        self.harness = ServiceHarness()
        self.peer: Peer

    async def start(self) -> None:
        self.store = self._open()
        await self.harness.start(self.store, archive=self.archive)
        self.peer = self.harness.peer()

    async def restart(self) -> None:
        """Nothing is in memory any more."""
        await self.harness.close()
        self.harness = ServiceHarness()
        await self.start()

    async def write(self, *lines: str) -> None:
        for line in lines:
            await self.peer.call("append", "s", [wire_record(line, NOW_US + len(line))], producer="p")

    async def archive_all(self) -> None:
        logs = self.harness.logs
        await Archivist(logs._store, logs._directory, -1, lambda: 2**60, logs.counters).round()


@pytest.fixture(params=["memory", "sqlite"])
async def archived(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Archived]:
    monkeypatch.setattr(archivist, "SEGMENT_BATCHES", PER_SEGMENT)
    memory = MemoryStreamStore()

    def store() -> StreamStore:
        is_memory = request.param == "memory"
        return memory if is_memory else SqlStreamStore.open(f"sqlite:///{tmp_path}/logs.sqlite", "realm1")

    archived = Archived(store)
    await archived.start()
    await archived.peer.call("create", "s", producer="p")
    await archived.write(*LINES)
    await archived.peer.call("seal", "s", exit_code=3)
    await archived.archive_all()
    await archived.restart()
    yield archived
    archived.archive.error = None
    await archived.harness.close()


def texts(pages: list[Any]) -> list[str]:
    return [record[2] for page in pages for record in page.get("records", [])]


async def read_all(peer: Peer, **about: Any) -> list[Any]:
    pages = [await peer.call("read", "s", **about)]
    while pages[-1]["next"] < pages[-1]["head"]:
        pages.append(await peer.call("read", "s", start=pages[-1]["next"], epoch=pages[-1]["epoch"]))
    return pages


async def test_it_is_in_the_archive(archived: Archived) -> None:
    assert len(archived.archive.files) == 3
    (row,) = await archived.store.streams()
    assert (row.archived, row.head) == (10, 10)


@pytest.mark.parametrize(
    ("about", "first"),
    [({}, 0), ({"tail": 3}, 7), ({"since": NOW_US}, 0), ({"tail_bytes": 100}, 8)],
)
async def test_it_is_read_page_by_page_from_any_place(archived: Archived, about: dict[str, Any], first: int) -> None:
    pages = await read_all(archived.peer, **about)
    assert texts(pages) == LINES[first:]
    assert pages[-1]["sealed"] == {"exit_code": 3, "reason": None, "next": 10}


async def test_it_is_followed_to_its_end(archived: Archived) -> None:
    progress, final = archived.peer.follow("s")
    assert await final == {"sealed": {"exit_code": 3, "reason": None, "next": 10}}
    assert texts(progress) == LINES


async def test_it_is_searched_both_ways(archived: Archived) -> None:
    for backwards in (False, True):
        page = await archived.peer.call("search", "s", text="line", backwards=backwards)
        found = list(page["seqs"])
        while page["next"] != (page["oldest"] if backwards else page["head"]):
            about = {"start": page["next"], "epoch": page["epoch"], "backwards": backwards}
            page = await archived.peer.call("search", "s", text="line", **about)
            found += page["seqs"]
        assert found == sorted(range(10), reverse=backwards)


async def test_its_entry_and_cursors_are_as_before(archived: Archived) -> None:
    (entry,) = (await archived.peer.call("list"))["streams"]
    page = await archived.peer.call("read", "s")
    await archived.peer.call("commit", "s", "c", 3, page["epoch"])
    cursor = await archived.peer.call("cursor", "s", "c")
    assert (entry["next"], entry["oldest"], entry["sealed"]["exit_code"]) == (10, 0, 3)
    assert (cursor["lag_records"], cursor["lag_bytes"]) == (7, entry["bytes"] * 7 // 10)


async def test_a_next_attempt_goes_on(archived: Archived) -> None:
    stands = await archived.peer.call("create", "s", attempt=2, producer="p")
    assert (stands["next"], stands["producer_seq"]) == (11, 10)
    await archived.write("more")
    assert texts(await read_all(archived.peer)) == [*LINES, '{"attempt":2}', "more"]
    await archived.peer.call("seal", "s")
    await archived.archive_all()
    assert len(archived.archive.files) == 4
    assert texts(await read_all(archived.peer)) == [*LINES, '{"attempt":2}', "more"]


async def test_a_lost_file_is_told_in_its_place(archived: Archived) -> None:
    del archived.archive.files[sorted(archived.archive.files)[1]]
    progress, final = archived.peer.follow("s")
    await final
    assert {"lagged": {"from": 4, "to": 8, "damaged": True}} in progress
    assert texts(progress) == LINES[:4] + LINES[8:]
    assert archived.harness.logs.counters.damages == 1


async def test_an_archive_that_is_away_is_an_error_and_live_goes_on(archived: Archived) -> None:
    await archived.peer.call("create", "s", attempt=2)
    archived.archive.error = OSError("secret path")
    for name in ("read", "search"):
        about = {"text": "line"} if name == "search" else {}
        with pytest.raises(CallError) as caught:
            await archived.peer.call(name, "s", **about)
        assert caught.value.uri == "fairlead.error.store_failed"
        assert "secret" not in str(caught.value)
    progress, _ = archived.peer.follow("s", tail=1)
    await archived.write("live")
    async with asyncio.timeout(5):
        while "live" not in texts(progress):
            await asyncio.sleep(0)


async def test_a_deleted_stream_leaves_the_archive(archived: Archived) -> None:
    await archived.peer.call("delete", "s")
    async with asyncio.timeout(5):
        while archived.archive.files:
            await asyncio.sleep(0)


async def test_a_slow_archive_makes_nobody_wait_who_reads_something_else(archived: Archived) -> None:
    peer, topic = archived.peer, "fairlead.stream"
    await peer.call("create", "other")
    await peer.call("append", "other", [wire_record("here")])
    archived.archive.go.clear()
    waiting = [
        asyncio.ensure_future(peer.call("read", "s", tail_bytes=10)),
        asyncio.ensure_future(peer.call("search", "s", text="line")),
        asyncio.ensure_future(peer.member.call("fairlead.log.events", [f"{topic}.s"], {"subscription": 1})),
    ]
    async with asyncio.timeout(5):
        while not archived.archive.gets:
            await asyncio.sleep(0)
        assert texts([await peer.call("read", "other", tail_bytes=100)]) == ["here"]
        assert (await peer.call("search", "other", text="here"))["seqs"] == [0]
        await peer.member.call("fairlead.log.events", [f"{topic}.other"], {"subscription": 1})
    assert not any(asking.done() for asking in waiting)
    archived.archive.go.set()
    await asyncio.gather(*waiting)
