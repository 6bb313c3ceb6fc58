"""A filtered `follow`: what it is told, and what passing over costs."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.live import sinks
from fairlead_logstream.live.follower import SEND_BYTES, TURN_BYTES
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.selection import Filter, Selection
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, wire_record


async def append(peer: Peer, *records: tuple[str, str]) -> None:
    """Records as (source, text)."""
    await peer.call("append", "s", [wire_record(text, source=source) for source, text in records])


def covered(dicts: list[Any], start: int) -> int:
    """Checks that the dicts cover the stream without a hole, and that numbers and records agree; returns the end."""
    for value in dicts:
        if "records" in value:
            assert value["first"] == start, dicts
            assert len(value["seqs"]) == len(value["records"])
            assert all(start <= seq < value["next"] for seq in value["seqs"])
            start = value["next"]
        elif "lagged" in value:
            assert value["lagged"]["from"] == start, dicts
            start = value["lagged"]["to"]
    return start


def texts(dicts: list[Any]) -> list[str]:
    return [record[2] for value in dicts for record in value.get("records", ())]


def seqs(dicts: list[Any]) -> list[int]:
    return [seq for value in dicts for seq in value.get("seqs", ())]


async def test_only_the_sources_asked_for_come_with_their_numbers(alice: Peer) -> None:
    await alice.call("create", "s")
    await append(alice, ("out", "a"), ("err", "b"), ("out", "c"))
    progress, _final = alice.follow("s", sources=["out"])
    await eventually(lambda: texts(progress) == ["a", "c"])
    await append(alice, ("err", "d"))
    await append(alice, ("err", "e"), ("out", "f"))
    await eventually(lambda: texts(progress) == ["a", "c", "f"])
    assert seqs(progress) == [0, 2, 5]
    assert covered(progress, 0) == 6


async def test_the_seal_comes_behind_what_was_left_out(alice: Peer) -> None:
    await alice.call("create", "s")
    await append(alice, ("err", "a"))
    progress, final = alice.follow("s", sources=["out"])
    await append(alice, ("err", "b"))
    await alice.call("seal", "s", exit_code=3)
    assert (await final)["sealed"]["exit_code"] == 3
    assert (texts(progress), covered(progress, 0)) == ([], 2)


async def test_a_filtered_follower_that_is_told_nothing_hears_the_head(alice: Peer) -> None:
    await alice.call("create", "s")
    progress, _final = alice.follow("s", sources=["out"], heartbeat_s=1)
    await append(alice, ("err", "a"))
    await eventually(lambda: {"head": 1} in progress)
    assert covered(progress, 0) == 1


async def test_damage_behind_what_was_left_out_is_told_in_its_place(store: MemoryStreamStore) -> None:
    harness = ServiceHarness()
    await harness.start(store)
    alice = harness.peer()
    await alice.call("create", "s")
    for source in ("err", "err", "out"):
        await append(alice, (source, source))
    await harness.logs.close()
    del store._by_name["s"].batches[1]
    again = ServiceHarness()
    await again.start(store)
    progress, _final = again.peer().follow("s", sources=["out"])
    await eventually(lambda: texts(progress) == ["out"])
    assert {"lagged": {"from": 1, "to": 2, "damaged": True}} in progress
    assert covered(progress, 0) == 3
    await again.close()


async def test_a_filter_that_matches_nothing_takes_turns(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is in memory, and nothing stops the follower but its own manners."""
    await alice.call("create", "s")
    for _ in range(30):
        await append(alice, *[("err", "x" * 1000)] * 60)
    looked_at: Counter[int] = Counter()
    turn = 0
    select = Filter.select

    def next_turn() -> None:
        nonlocal turn
        turn += 1
        loop.call_soon(next_turn)

    def counted(wanted: Filter, batch: Batch) -> Selection | None:
        looked_at[turn] += batch.size
        return select(wanted, batch)

    loop = asyncio.get_running_loop()
    await append(alice, ("out", "a"))
    monkeypatch.setattr(Filter, "select", counted)
    loop.call_soon(next_turn)
    progress, _final = alice.follow("s", sources=["out"])
    await eventually(lambda: texts(progress) == ["a"])
    assert sum(looked_at.values()) > 30 * 60_000
    assert max(looked_at.values()) <= TURN_BYTES + SEND_BYTES


async def test_who_is_told_nothing_for_long_is_told_how_far_it_has_come(alice: Peer) -> None:
    await alice.call("create", "s")
    for _ in range(2 * sinks.COVER_BYTES // 60_000 + 10):
        await append(alice, *[("err", "x" * 1000)] * 60)
    progress, _final = alice.follow("s", sources=["out"])
    await append(alice, ("out", "a"))
    await eventually(lambda: texts(progress) == ["a"])
    assert len(progress) == 3
    assert covered(progress, 0) == progress[-1]["next"]


async def test_a_slow_filtered_follower_keeps_its_place(service: ServiceHarness, alice: Peer) -> None:
    await alice.call("create", "s")
    reader = service.slow_peer()
    reader.follow("s", sources=["out"])
    reader.pause()
    for number in range(40):
        await append(alice, ("err", "x" * 60_000), ("out", str(number)), ("out", "y" * 10_000))
    assert reader.queued_bytes < 300_000
    reader.resume()
    await eventually(lambda: len(texts(reader.dicts)) == 80)
    assert [text for text in texts(reader.dicts) if len(text) < 9] == [str(number) for number in range(40)]
    assert covered(reader.dicts, 0) == 120


@given(st.data())
async def test_whatever_the_room_a_filter_brings_each_of_its_records_once(data: st.DataObject) -> None:
    async with ServiceHarness.over(MemoryStreamStore()) as harness:
        alice, reader = harness.peer(), harness.slow_peer("reader")
        await alice.call("create", "s")
        wanted: list[int] = []
        head = 0
        reader.follow("s", sources=["a", "b"])
        for _ in range(data.draw(st.integers(1, 15), label="steps")):
            step = data.draw(st.sampled_from(["append", "append", "pause", "resume", "turn"]))
            if step == "append":
                sources = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3))
                width = data.draw(st.sampled_from([1, 60_000]))
                wanted += [head + index for index, source in enumerate(sources) if source in "ab"]
                head += len(sources)
                await append(alice, *[(source, "x" * width) for source in sources])
            elif step == "turn":
                await asyncio.sleep(0)
            else:
                getattr(reader, step)()
        await alice.call("seal", "s")
        reader.resume()
        await eventually(lambda: reader.dicts and "sealed" in reader.dicts[-1])
        assert seqs(reader.dicts) == wanted
        assert covered(reader.dicts, 0) == head
