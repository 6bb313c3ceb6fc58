"""`append` and `seal` as a caller sees them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.model.rows import Change
from fairlead_logstream.procedures import writing
from fairlead_router import CallError
from fairlead_store import DiskFull
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, wire_record
from unit.logstream.procedures.calling import texts
from unit.logstream.sources import source_of_wire, split_source

# ---- append


async def test_append_gives_the_numbers_of_what_it_stored(alice: Peer) -> None:
    epoch = (await alice.call("create", "s"))["epoch"]
    stored = await alice.call("append", "s", [wire_record("a"), wire_record("b")], producer="p", seq=0)
    assert stored == {"first": 0, "next": 2, "epoch": epoch}
    stored = await alice.call("append", stream="s", records=[wire_record("b"), wire_record("c")], producer="p", seq=1)
    assert stored == {"first": 2, "next": 3, "epoch": epoch}
    assert texts(await alice.call("read", "s")) == ["a", "b", "c"]


async def test_a_gap_names_the_expected_number_and_lost_skips_it(alice: Peer) -> None:
    await alice.call("create", "s")
    await alice.call("append", "s", [wire_record("a")], producer="p", seq=0)
    with pytest.raises(CallError) as caught:
        await alice.call("append", "s", [wire_record("d")], producer="p", seq=3)
    assert caught.value.uri == "fairlead.error.gap"
    assert caught.value.error_kwargs["expected"] == 1
    stored = await alice.call("append", "s", [wire_record("d")], producer="p", seq=3, lost=2)
    assert (stored["first"], stored["next"]) == (1, 3)
    marker = (await alice.call("read", "s"))["records"][1]
    assert (marker[1], json.loads(marker[2]), marker[3]) == ("fairlead", {"lost": 2, "producer": "p"}, 2)


async def test_what_programs_print_comes_out_as_it_went_in(alice: Peer) -> None:
    """NUL bytes, invalid UTF-8, a progress bar, and a line of 1 MB in its parts."""
    await alice.call("create", "s")
    await alice.call("append", "s", [wire_record(b"\0nul"), wire_record(b"\xff\xfe"), wire_record("10%\r20%")])
    line = "".join(chr(33 + index % 90) for index in range(1_000_000))
    parts = [line[start : start + 65536] for start in range(0, len(line), 65536)]
    for index, part in enumerate(parts):
        await alice.call("append", "s", [wire_record(part, flags=int(index < len(parts) - 1))])
    page = await alice.call("read", "s", limit=3)
    assert [record[2:] for record in page["records"]] == [[b"\0nul", 0], [b"\xff\xfe", 0], ["10%\r20%", 4]]
    records = []
    while page["next"] < page["head"]:
        page = await alice.call("read", "s", start=page["next"], epoch=page["epoch"])
        records += page["records"]
    assert "".join(record[2] for record in records) == line
    assert [record[3] for record in records] == [1] * (len(parts) - 1) + [0]


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        (["s"], {}, "stream and records are required"),
        ([], {"records": []}, "stream and records are required"),
        (["s", [], 3], {}, "3 positional arguments; two are taken: stream, records"),
        ([7, []], {}, "Expected `str`, got `int`"),
        (["s", "x"], {}, "records is 'x': Expected `array`, got `str`"),
        (["s", [[1, "o", 5, 0]]], {}, r"records\[0\] text is 5: Expected `str`, got `int`"),
        (["s", []], {"seq": 3}, "seq is 3 and needs the producer"),
        (["s", []], {"producer": "p", "seq": -1}, "Expected `int` >= 0"),
        (["s", []], {"producer": "p", "seq": 2**53 + 1}, "Expected `int` <= 9007199254740992"),
        (["s", []], {"producer": ""}, "Expected `str` of length >= 1"),
        (["s", []], {"lost": "many"}, "Expected `int`, got `str`"),
        (["s", [["x" * 1_100_000]]], {}, "bytes of records at once; at most 1048576"),
    ],
)
async def test_wrong_arguments_of_append_are_named(
    alice: Peer, args: list[Any], kwargs: dict[str, Any], text: str
) -> None:
    await alice.call("create", "s")
    with pytest.raises(CallError, match=text) as caught:
        await alice.call("append", *args, **kwargs)
    assert caught.value.uri == "wamp.error.invalid_argument"


async def test_a_store_that_fails_is_told_and_passes(alice: Peer, store: MemoryStreamStore) -> None:
    await alice.call("create", "s")
    store.fail_next = DiskFull("the disk is full")
    with pytest.raises(CallError, match="stream 's' was not written: the disk is full") as caught:
        await alice.call("append", "s", [wire_record("a")])
    assert caught.value.uri == "fairlead.error.store_failed"
    assert (await alice.call("append", "s", [wire_record("a")]))["first"] == 0


# ---- seal


async def test_seal_comes_behind_everything_appended_before(alice: Peer) -> None:
    await alice.call("create", "s")
    appends = [asyncio.ensure_future(alice.call("append", "s", [wire_record(str(index))])) for index in range(20)]
    await asyncio.sleep(0)
    assert await alice.call("seal", "s", exit_code=0) == {"next": 20}
    await asyncio.gather(*appends)
    assert await alice.call("seal", "s", exit_code=0) == {"next": 20}
    with pytest.raises(CallError, match="was sealed at 20"):
        await alice.call("seal", "s", exit_code=1)
    with pytest.raises(CallError, match="was sealed at 20") as caught:
        await alice.call("append", "s", [wire_record("x")])
    assert caught.value.uri == "fairlead.error.sealed"
    assert caught.value.error_kwargs == {"exit_code": 0, "reason": None, "next": 20}


# ---- back-pressure


async def test_readers_that_stand_still_hold_no_producer_back(service: ServiceHarness, alice: Peer) -> None:
    """Only the acknowledgement does: it comes when the records are durable, whoever has not read them yet."""
    await alice.call("create", "s")
    following, subscribed = service.slow_peer("bob"), service.slow_peer("carol")
    following.follow("s")
    subscribed.subscribe("s")
    following.pause()
    subscribed.pause()
    for number in range(100):
        stored = await alice.call("append", "s", [wire_record(str(number) + "x" * 60_000)], producer="p", seq=number)
        assert stored["next"] == number + 1
    assert max(following.queued_bytes, subscribed.queued_bytes) < 512 << 10
    for reader in (following, subscribed):
        reader.resume()
        await eventually(lambda: len(texts(reader.dicts)) == 100)  # noqa: B023


# ---- byte offsets


async def test_a_byte_offset_says_where_the_records_begin_in_their_source(alice: Peer) -> None:
    await alice.call("create", "s")
    await alice.call("append", "s", [wire_record("one"), wire_record("tw", flags=1)], producer="p", offset=0)
    stored = await alice.call("append", "s", [wire_record("two"), wire_record("three")], producer="p", offset=4)
    assert (stored["first"], stored["next"]) == (2, 4)
    page = await alice.call("read", "s")
    assert [(record[2], record[3]) for record in page["records"]] == [("one", 0), ("tw", 1), ("o", 0), ("three", 0)]


async def test_a_gap_in_bytes_names_the_expected_byte_and_lost_skips_it(alice: Peer) -> None:
    await alice.call("create", "s")
    await alice.call("append", "s", [wire_record("one")], producer="p", offset=0)
    with pytest.raises(CallError) as caught:
        await alice.call("append", "s", [wire_record("x")], producer="p", offset=10)
    assert (caught.value.uri, caught.value.error_kwargs) == ("fairlead.error.gap", {"expected": 4, "term": 0})
    await alice.call("append", "s", [wire_record("x")], producer="p", offset=10, lost=6)
    found = texts(await alice.call("read", "s"))
    assert [found[0], json.loads(found[1]), found[2]] == ["one", {"lost": 6, "producer": "p", "unit": "bytes"}, "x"]


async def test_a_lower_term_is_fenced_off_whatever_it_counts(alice: Peer) -> None:
    await alice.call("create", "s")
    await alice.call("append", "s", [wire_record("one")], producer="p", term=2, offset=0)
    with pytest.raises(CallError) as caught:
        await alice.call("append", "s", [wire_record("two")], producer="p", term=1, offset=4)
    assert caught.value.uri == "fairlead.error.fenced"


async def test_a_producer_counts_records_or_bytes_and_never_both(alice: Peer) -> None:
    await alice.call("create", "s")
    await alice.call("append", "s", [wire_record("one")], producer="bytes", offset=0)
    await alice.call("append", "s", [wire_record("one")], producer="records", seq=0)
    mixed: list[dict[str, Any]] = [{"producer": "bytes", "seq": 4}, {"producer": "records", "offset": 1}]
    for about in (*mixed, {"producer": "p", "seq": 0, "offset": 0}, {"offset": 0}):
        with pytest.raises(CallError, match="offset") as caught:
            await alice.call("append", "s", [wire_record("two")], **about)
        assert caught.value.uri == "wamp.error.invalid_argument"
    assert texts(await alice.call("read", "s")) == ["one", "one"]


async def test_a_part_without_a_byte_is_nothing_to_who_counts_bytes(alice: Peer) -> None:
    await alice.call("create", "s")
    for _ in range(2):
        await alice.call("append", "s", [wire_record("", flags=1)], producer="p", offset=0)
    assert texts(await alice.call("read", "s")) == []


async def test_an_append_without_records_stores_nothing(alice: Peer) -> None:
    await alice.call("create", "s")
    await alice.call("append", "s", [], producer="p")
    assert (await alice.call("append", "s", [], producer="p", offset=0))["next"] == 0
    await alice.call("append", "s", [wire_record("one")], producer="p", offset=0)
    assert texts(await alice.call("read", "s")) == ["one"]


@settings(max_examples=60, deadline=None)
@given(st.data())
async def test_an_agent_that_restarts_anywhere_stores_exactly_the_bytes_of_its_file(data: st.DataObject) -> None:
    """It reads on from anywhere it has been, splits lines and parts anew, and sends some of it again."""
    pieces = st.lists(st.sampled_from([b"a", b"\n", b"\0", b"\r", b"\xff", "ü€😀".encode()]), max_size=30)
    source = b"".join(data.draw(pieces))
    async with ServiceHarness.over(MemoryStreamStore()) as harness:
        alice = harness.peer()
        await alice.call("create", "s")
        stored = 0
        while stored < len(source):
            begin = data.draw(st.integers(0, stored), label="begin")
            end = data.draw(st.integers(begin, len(source)), label="end")
            cuts = data.draw(st.lists(st.integers(0, end - begin), max_size=4), label="cuts")
            sent = [wire_record(content, flags=flags) for content, flags in split_source(source[begin:end], cuts)]
            await alice.call("append", "s", sent, producer="agent", offset=begin)
            stored = max(stored, end)
            stands = await alice.call("create", "s", producer="agent")
            assert stands["producer_seq"] == stored
        page = await alice.call("read", "s", limit=10_000)
        assert source_of_wire(page["records"]) == source


async def test_a_session_has_so_much_waiting_to_be_stored_in_all_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    class Held(MemoryStreamStore):
        def __init__(self) -> None:
            super().__init__()
            self.held: list[tuple[Change, asyncio.Future[None]]] = []

        def write(self, change: Change) -> asyncio.Future[None]:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.held.append((change, future))
            return future

        async def let_through(self) -> None:
            held, self.held = self.held, []
            for change, future in held:
                await super().write(change)
                future.set_result(None)
            await asyncio.sleep(0)

    monkeypatch.setattr(writing, "SESSION_LIMIT_BYTES", 250)
    store, harness = Held(), ServiceHarness()
    await harness.start(store)
    mallory, alice = harness.peer("mallory"), harness.peer()
    for name in "abc":
        await alice.call("create", name)
    line = wire_record("x" * 70)
    heartbeats = [asyncio.ensure_future(mallory.call("append", "a", [], producer="p")) for _ in range(2)]
    waiting = [asyncio.ensure_future(mallory.call("append", name, [line])) for name in "ab"]
    await eventually(lambda: len(store.held) == 2)
    with pytest.raises(CallError, match=r"of this session wait to be stored already") as caught:
        await mallory.call("append", "c", [line])
    assert (caught.value.uri, caught.value.error_kwargs["limit_bytes"]) == ("fairlead.error.busy", 250)

    assert harness.logs.counters.refused == {"busy": 1}
    others = asyncio.ensure_future(alice.call("append", "c", [line]))
    await eventually(lambda: len(store.held) == 3)
    while not all(each.done() for each in (*heartbeats, *waiting, others)):
        await store.let_through()
    again = asyncio.ensure_future(mallory.call("append", "c", [line]))
    await eventually(lambda: len(store.held) == 1)
    await store.let_through()
    assert (await again)["next"] == 2
    await harness.close()
