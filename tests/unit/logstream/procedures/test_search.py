"""Search, against looking at each record of a list."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead_logstream import MemoryStreamStore, SqlStreamStore, StreamStore
from fairlead_logstream.model.rows import StreamKey
from fairlead_logstream.model.scan import Found, Scan
from fairlead_logstream.procedures.search import SCAN_LIMIT_BYTES
from fairlead_router import CallError
from fairlead_store import StoreUnavailable
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, wire_record

LINES = ("start", "an ERROR here", "fine", "another error", "fine again", "error")


@pytest.fixture
async def epoch(alice: Peer) -> int:
    """A stream with LINES, three to a batch."""
    created = await alice.call("create", "s")
    for first in (0, 3):
        batch = enumerate(LINES[first : first + 3], first)
        await alice.call("append", "s", [wire_record(text, number, "eo"[number % 2]) for number, text in batch])
    return int(created["epoch"])


def texts(page: Any) -> list[str]:
    assert [record[0] for record in page["records"]] == page["seqs"]
    return [record[2] for record in page["records"]]


@pytest.mark.parametrize(
    ("about", "found"),
    [
        ({"attempt": 1, "text": "error", "since": 4}, [5]),
        ({"text": "error"}, [3, 5]),
        ({"text": "error", "ignore_case": True}, [1, 3, 5]),
        ({"text": "error", "backwards": True}, [5, 3]),
        ({"text": "fine", "sources": ["e"]}, [2, 4]),
        ({"text": "n", "since": 2, "until": 4}, [2, 3]),
        ({"since": 2, "until": 4}, [2, 3]),
        ({"sources": ["o"], "backwards": True}, [5, 3, 1]),
        ({"text": "nowhere"}, []),
        ({}, [0, 1, 2, 3, 4, 5]),
    ],
)
async def test_what_is_found(alice: Peer, epoch: int, about: dict[str, Any], found: list[int]) -> None:
    page = await alice.call("search", "s", **about)
    assert texts(page) == [LINES[number] for number in found]
    assert page["next"] == (0 if about.get("backwards") else 6)
    assert (page["head"], page["epoch"], page["sealed"]) == (6, epoch, None)


@pytest.mark.parametrize(("backwards", "expected"), [(False, [1, 3, 5]), (True, [5, 3, 1])])
async def test_pages(alice: Peer, epoch: int, backwards: bool, expected: list[int]) -> None:
    seqs: list[int] = []
    about: dict[str, Any] = {"text": "error", "ignore_case": True, "limit": 1, "backwards": backwards}
    page = await alice.call("search", "s", **about)
    seqs += page["seqs"]
    while page["next"] not in (0, 6):
        page = await alice.call("search", "s", start=page["next"], epoch=epoch, **about)
        assert len(page["seqs"]) <= 1
        seqs += page["seqs"]
    assert seqs == expected


async def test_one_call_looks_at_so_much_only(alice: Peer) -> None:
    epoch = (await alice.call("create", "big"))["epoch"]
    for _ in range(2 * SCAN_LIMIT_BYTES // 60_000):
        await alice.call("append", "big", [wire_record("x" * 60_000)])
    page = await alice.call("search", "big", text="y")
    calls = 1
    while page["next"] < page["head"]:
        assert page["records"] == []
        page = await alice.call("search", "big", text="y", start=page["next"], epoch=epoch)
        calls += 1
    assert calls == 2


async def test_an_answer_is_bounded_in_bytes(alice: Peer) -> None:
    await alice.call("create", "big")
    for _ in range(10):
        await alice.call("append", "big", [wire_record("x" * 60_000)])
    assert len((await alice.call("search", "big", text="x"))["seqs"]) == 4


@pytest.mark.parametrize(
    ("about", "error", "text"),
    [
        ({"text": ""}, "wamp.error.invalid_argument", "text"),
        ({"text": "x" * 1025}, "wamp.error.invalid_argument", "text"),
        ({"text": 5}, "wamp.error.invalid_argument", "text"),
        ({"start": 5}, "wamp.error.invalid_argument", "needs the epoch"),
        ({"start": 7, "epoch": "right"}, "fairlead.error.ahead", "ahead of the head 6"),
        ({"limit": 10_001}, "wamp.error.invalid_argument", "limit"),
    ],
)
async def test_what_is_refused(alice: Peer, epoch: int, about: dict[str, Any], error: str, text: str) -> None:
    if "epoch" in about:
        about = {**about, "epoch": epoch}
    with pytest.raises(CallError, match=text) as caught:
        await alice.call("search", "s", **about)
    assert caught.value.uri == error


@pytest.mark.parametrize(("backwards", "seqs"), [(False, [3, 5]), (True, [5, 3])])
async def test_a_cursor_of_another_epoch_begins_anew(alice: Peer, epoch: int, backwards: bool, seqs: list[int]) -> None:
    page = await alice.call("search", "s", text="error", start=4, epoch=epoch + 1, backwards=backwards)
    assert page["reset"]["epoch"] == epoch
    assert page["seqs"] == seqs


async def test_a_stream_that_may_not_be_read_is_not_there(guarded: ServiceHarness) -> None:
    guarded.rights.grant("alice", "write", "s")
    await guarded.peer("alice").call("create", "s")
    for name in ("s", "other"):
        with pytest.raises(CallError, match="or there is no such stream") as caught:
            await guarded.peer("bob").call("search", name, text="x")
        assert caught.value.uri == "wamp.error.not_authorized"


class Held(MemoryStreamStore):
    """Scans when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.scans = 0

    async def scan(self, key: StreamKey, asked: Scan) -> Found:
        self.scans += 1
        await self.go.wait()
        return await super().scan(key, asked)


async def test_a_right_that_goes_while_it_searches_ends_the_search() -> None:
    store, harness = Held(), ServiceHarness()
    await harness.start(store)
    await harness.peer().call("create", "s")
    await harness.peer().call("append", "s", [wire_record("secret")])
    harness.rights.everybody = False
    harness.rights.grant("bob", "read", "s")
    searching = asyncio.ensure_future(harness.peer("bob").call("search", "s", text="secret"))
    await eventually(lambda: store.scans)
    harness.revoke("bob", "read", "s")
    with pytest.raises(CallError) as caught:
        await searching
    assert caught.value.uri == "wamp.error.not_authorized"
    store.go.set()
    await harness.close()


async def test_a_stream_that_is_deleted_while_it_is_searched_is_not_there() -> None:
    store, harness = Held(), ServiceHarness()
    await harness.start(store)
    alice = harness.peer()
    await alice.call("create", "s")
    await alice.call("append", "s", [wire_record("x")])
    searching = asyncio.ensure_future(alice.call("search", "s", text="x"))
    await eventually(lambda: store.scans)
    await alice.call("delete", "s")
    store.go.set()
    with pytest.raises(CallError) as caught:
        await searching
    assert caught.value.uri == "fairlead.error.no_such_stream"
    await harness.close()


async def test_searches_take_turns() -> None:
    store, harness = Held(), ServiceHarness()
    await harness.start(store)
    await harness.peer().call("create", "s")
    await harness.peer().call("append", "s", [wire_record("x")])
    searches = [asyncio.ensure_future(harness.peer().call("search", "s", text="x")) for _ in range(5)]
    await eventually(lambda: store.scans == 1)
    store.go.set()
    assert [page["seqs"] for page in await asyncio.gather(*searches)] == [[0]] * 5
    await harness.close()


async def test_who_searches_for_a_hundred_things_at_once_makes_others_wait_for_one() -> None:
    store, harness = Held(), ServiceHarness()
    await harness.start(store)
    mallory, alice = harness.peer("mallory"), harness.peer()
    await alice.call("create", "s")
    await alice.call("append", "s", [wire_record("x")])
    flood = [asyncio.ensure_future(mallory.call("search", "s", text="x")) for _ in range(100)]
    await eventually(lambda: store.scans == 1)
    ours = asyncio.ensure_future(alice.call("search", "s", text="x"))
    await alice.call("list")  # the search is in the queue
    store.go.set()
    await ours
    assert store.scans < 10
    await asyncio.gather(*flood)
    await harness.close()


async def test_who_has_gone_searches_nothing_any_more() -> None:
    store, harness = Held(), ServiceHarness()
    await harness.start(store)
    mallory, alice = harness.peer("mallory"), harness.peer()
    await alice.call("create", "s")
    await alice.call("append", "s", [wire_record("x")])
    flood = [asyncio.ensure_future(mallory.call("search", "s", text="x")) for _ in range(100)]
    await eventually(lambda: store.scans == 1)
    mallory.member.leave()
    store.go.set()
    await alice.call("search", "s", text="x")
    await asyncio.gather(*flood, return_exceptions=True)
    assert store.scans == 2
    await harness.close()


async def test_a_store_that_fails_is_told(alice: Peer, epoch: int, store: MemoryStreamStore) -> None:
    async def fail(*_: object) -> Found:
        raise StoreUnavailable("the disk has gone")

    store.scan = fail  # type: ignore[method-assign,assignment]
    with pytest.raises(CallError, match="the disk has gone") as caught:
        await alice.call("search", "s", text="x")
    assert caught.value.uri == "fairlead.error.store_failed"


@pytest.mark.parametrize(("backwards", "pages"), [(False, [[0], [2]]), (True, [[2], [0]])])
async def test_a_missing_batch_is_told_in_its_place(
    alice: Peer, store: MemoryStreamStore, backwards: bool, pages: list[list[int]]
) -> None:
    epoch = (await alice.call("create", "holed"))["epoch"]
    for number in range(3):
        await alice.call("append", "holed", [wire_record("x", number)])
    del store._by_name["holed"].batches[1]
    about: dict[str, Any] = {"text": "x", "backwards": backwards}
    first = await alice.call("search", "holed", **about)
    hole = await alice.call("search", "holed", start=first["next"], epoch=epoch, **about)
    last = await alice.call("search", "holed", start=hole["next"], epoch=epoch, **about)
    assert hole["lagged"] == {"from": 1, "to": 2, "damaged": True}
    assert [first["seqs"], hole["seqs"], last["seqs"]] == [pages[0], [], pages[1]]


# ---- against a list

letters = st.text(alphabet='aAß"\\\n\x1b', min_size=1, max_size=4)
contents = letters | letters.map(lambda text: b"\xff" + text.encode())
records = st.tuples(contents, st.sampled_from("oe"), st.integers(0, 6))
questions = st.fixed_dictionaries(
    {"limit": st.integers(1, 4), "backwards": st.booleans()},
    optional={
        "text": st.text(alphabet='aAsSß"\\\n', min_size=1, max_size=2),
        "ignore_case": st.booleans(),
        "sources": st.lists(st.sampled_from("oe"), min_size=1, max_size=2),
        "since": st.integers(0, 7),
        "until": st.integers(0, 7),
    },
)


def matches(record: tuple[str | bytes, str, int], about: dict[str, Any]) -> bool:
    text, source, time_us = record
    shown = text if isinstance(text, str) else text.decode(errors="surrogateescape")
    needle: str = about.get("text", "")
    return (
        source in about.get("sources", "oe")
        and about.get("since", 0) <= time_us < about.get("until", 100)
        and (needle.casefold() in shown.casefold() if about.get("ignore_case") else needle in shown)
    )


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(records, min_size=1, max_size=4), min_size=1, max_size=5), about=questions)
async def test_pages_are_what_a_look_at_each_record_finds(
    kind: str, batches: list[list[tuple[str | bytes, str, int]]], about: dict[str, Any]
) -> None:
    with TemporaryDirectory() as directory:
        store: StreamStore = MemoryStreamStore()
        if kind == "sqlite":
            store = SqlStreamStore.open(f"sqlite:///{Path(directory) / 'logs.sqlite'}", "realm1")
        harness = ServiceHarness()
        await harness.start(store)
        alice = harness.peer()
        epoch = (await alice.call("create", "s"))["epoch"]
        for batch in batches:
            await alice.call("append", "s", [wire_record(text, time, source) for text, source, time in batch])
        flat = [record for batch in batches for record in batch]
        expected = [number for number, record in enumerate(flat) if matches(record, about)]
        search = partial(alice.call, "search", "s", **about)
        page = await search()
        seqs = list(page["seqs"])
        while page["next"] != (0 if about["backwards"] else len(flat)):
            page = await search(start=page["next"], epoch=epoch)
            seqs += page["seqs"]
        assert seqs == (expected[::-1] if about["backwards"] else expected)
        await harness.close()


async def test_an_attempt_is_searched_from_its_begin_on(alice: Peer, epoch: int) -> None:
    await alice.call("create", "s", attempt=2)
    await alice.call("append", "s", [wire_record("error again", 7)])
    assert (await alice.call("search", "s", text="error", attempt=2))["seqs"] == [7]
    assert (await alice.call("search", "s", text="error", attempt=1))["seqs"] == [3, 5, 7]


async def test_an_attempt_and_backwards_exclude_each_other(alice: Peer, epoch: int) -> None:
    with pytest.raises(CallError, match="attempt and backwards exclude each other"):
        await alice.call("search", "s", attempt=1, backwards=True)
