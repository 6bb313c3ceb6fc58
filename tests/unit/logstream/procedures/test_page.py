"""Pages of `read` through a filter: what they cover, when they end, what a wait at the head waits for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.live.recent import Window
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import StreamKey
from fairlead_logstream.procedures.page import SCAN_LIMIT_BYTES
from fairlead_router import CallError
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, wire_record
from unit.logstream.procedures.calling import fill


async def append(peer: Peer, *records: tuple[str, str]) -> None:
    """Records as (source, text)."""
    await peer.call("append", "s", [wire_record(text, source=source) for source, text in records])


async def read_all(peer: Peer, epoch: int, **about: Any) -> list[Any]:
    """All pages from the beginning to the head."""
    pages = [await peer.call("read", "s", **about)]
    while pages[-1]["next"] < pages[-1]["head"]:
        pages.append(await peer.call("read", "s", start=pages[-1]["next"], epoch=epoch, **about))
        begins = pages[-1].get("lagged", {"from": pages[-1]["first"]})["from"]
        assert begins == pages[-2]["next"]
    return pages


def texts(pages: list[Any]) -> list[str]:
    return [record[2] for page in pages for record in page["records"]]


@contextmanager
def not_longer_than(limit_s: float) -> Iterator[None]:
    """Also where nothing yields to the event loop: what keeps it busy is ended by an exception."""
    late: list[int] = []

    def end(number: int, _frame: object) -> None:
        late.append(number)
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not late


@pytest.fixture
async def epoch(alice: Peer) -> int:
    return int((await alice.call("create", "s"))["epoch"])


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
async def test_pages_of_one_source(alice: Peer, epoch: int, limit: int) -> None:
    await append(alice, ("err", "0"), ("out", "1"), ("err", "2"), ("out", "3"))
    await append(alice, ("err", "4"))
    await append(alice, ("out", "5"), ("out", "6"), ("err", "7"))
    pages = await read_all(alice, epoch, sources=["out"], limit=limit)
    assert texts(pages) == ["1", "3", "5", "6"]
    assert [seq for page in pages for seq in page["seqs"]] == [1, 3, 5, 6]
    assert pages[-1]["next"] == 8
    assert len(pages) <= 4 // limit + 1


async def test_a_page_is_bounded_in_bytes(alice: Peer, epoch: int) -> None:
    for _ in range(10):
        await append(alice, ("err", "-"), ("out", "x" * 50_000))
    pages = await read_all(alice, epoch, sources=["out"])
    assert [len(page["seqs"]) for page in pages] == [4, 4, 2]


async def test_several_sources(alice: Peer, epoch: int) -> None:
    await append(alice, ("a", "0"), ("b", "1"), ("c", "2"))
    assert texts(await read_all(alice, epoch, sources=["c", "a", "nobody"])) == ["0", "2"]


@pytest.mark.parametrize("sources", [[], "out", [""], ["x" * 65], ["x"] * 65])
async def test_sources_are_some_names(alice: Peer, epoch: int, sources: Any) -> None:
    with pytest.raises(CallError, match="sources") as caught:
        await alice.call("read", "s", sources=sources)
    assert caught.value.uri == "wamp.error.invalid_argument"


async def test_a_filter_that_matches_nothing_is_bounded_work(alice: Peer, epoch: int) -> None:
    batches = 2 * SCAN_LIMIT_BYTES // 60_000
    for _ in range(batches):
        await append(alice, *[("err", "x" * 1000)] * 60)
    pages = await read_all(alice, epoch, sources=["out"])
    assert texts(pages) == []
    assert len(pages) == 3
    assert pages[-1]["next"] == 60 * batches


async def test_a_wait_is_for_a_record_that_passes(alice: Peer, epoch: int) -> None:
    reading = asyncio.ensure_future(alice.call("read", "s", sources=["out"], wait_s=50))
    await append(alice, ("err", "0"))
    await append(alice, ("err", "1"))
    assert not reading.done()
    await append(alice, ("out", "2"))
    page = await reading
    assert (page["first"], page["seqs"], page["next"]) == (0, [2], 3)


async def test_a_wait_in_vain_moves_the_cursor(alice: Peer, epoch: int) -> None:
    reading = asyncio.ensure_future(alice.call("read", "s", sources=["out"], wait_s=0.05))
    await append(alice, ("err", "0"))
    page = await reading
    assert (page["records"], page["seqs"], page["next"]) == ([], [], 1)


async def test_the_seal_ends_a_filtered_wait(alice: Peer, epoch: int) -> None:
    reading = asyncio.ensure_future(alice.call("read", "s", sources=["out"], wait_s=50))
    await append(alice, ("err", "0"))
    await alice.call("seal", "s")
    page = await reading
    assert (page["next"], page["sealed"]["next"]) == (1, 1)


async def test_damage_behind_what_a_page_covers_is_told_by_the_next(store: MemoryStreamStore) -> None:
    harness = ServiceHarness()
    await harness.start(store)
    alice = harness.peer()
    epoch = (await alice.call("create", "s"))["epoch"]
    for source in ("out", "err", "out", "out"):
        await append(alice, (source, source))
    await harness.logs.close()
    del store._by_name["s"].batches[2]
    again = ServiceHarness()
    await again.start(store)
    pages = await read_all(again.peer(), epoch, sources=["out"])
    assert [(page["first"], page["seqs"], page["next"], page.get("lagged")) for page in pages] == [
        (0, [0], 2, None),
        (3, [3], 4, {"from": 2, "to": 3, "damaged": True}),
    ]
    await again.close()


async def test_a_lost_right_ends_a_filtered_wait(guarded: ServiceHarness) -> None:
    for level in ("read", "write"):
        guarded.rights.grant("alice", level, "s")
    guarded.rights.grant("bob", "read", "s")
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    await alice.call("create", "s")
    reading = asyncio.ensure_future(bob.call("read", "s", sources=["out"], wait_s=50))
    await append(alice, ("err", "0"))
    guarded.revoke("bob", "read", "s")
    with pytest.raises(CallError) as caught:
        await reading
    assert caught.value.uri == "wamp.error.not_authorized"
    live: Any = guarded.logs._directory.get("s")
    await eventually(lambda: not live._waiting)


@pytest.mark.parametrize("turns", range(8))
async def test_a_reader_that_goes_while_the_stream_moves_holds_nobody_up(guarded: ServiceHarness, turns: int) -> None:
    for level in ("read", "write"):
        guarded.rights.grant("alice", level, "s")
    guarded.rights.grant("bob", "read", "s")
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    await alice.call("create", "s")
    reading = asyncio.ensure_future(bob.call("read", "s", wait_s=50))
    await asyncio.sleep(0)
    with not_longer_than(5):  # the loop's own timers would not be heard
        appending = asyncio.ensure_future(append(alice, ("out", "0")))
        for _ in range(turns):
            await asyncio.sleep(0)
        guarded.revoke("bob", "read", "s")
        await appending
        await asyncio.gather(reading, return_exceptions=True)
        await alice.call("read", "s")


async def test_a_session_asks_the_store_for_one_page_at_a_time() -> None:
    class Counting(MemoryStreamStore):
        reading = most = 0

        async def read(self, key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
            self.reading += 1
            self.most = max(self.most, self.reading)
            await asyncio.sleep(0)
            self.reading -= 1
            return await super().read(key, start, end, limit_bytes)

    store, harness = Counting(), ServiceHarness()
    await harness.start(store)
    mallory, alice = harness.peer("mallory"), harness.peer()
    await fill(alice)
    live = harness.logs._directory.get("s")
    assert live is not None
    live.window = Window()  # it has left the memory
    pages = await asyncio.gather(*[mallory.call("read", "s") for _ in range(50)])
    assert [page["next"] for page in pages] == [5] * 50
    assert store.most == 1
    await asyncio.gather(mallory.call("read", "s"), alice.call("read", "s"))
    assert store.most == 2
    await harness.close()
