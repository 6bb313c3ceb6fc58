"""What went wrong with etcd's watches, and the tests that it does not with followers, which do what watches do.

etcd#15220: a progress notification came before events that it counted in
    live/test_follower.py::test_no_head_overtakes_the_records_before_it
etcd#15271: after a network partition a watch went back in time
    test_etcd_15271
etcd#17247: an event came twice, from the cache and from the store
    live/test_follower.py::test_a_store_that_is_ahead_of_the_head_is_not_read_beyond_it
etcd#17529: a starved stream lost events
    live/test_topics.py::test_a_member_that_stops_again_and_again_misses_nothing
etcd#18089: an event was dropped when its delete was compacted at the same time
    test_etcd_18089
etcd#19179: a watch opened at the very revision of a compaction missed an event
    test_etcd_19179
etcd#20221: a watch on a future revision got old notifications
    test_etcd_20221

The names are of this file unless they say otherwise.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream import MemoryStreamStore
from fairlead_router import CallError
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, records_of, wire_record

HERE = Path(__file__).parent


def test_every_bug_has_a_test_that_is_there() -> None:
    assert __doc__ is not None
    rows = re.findall(r"^    (?:(\S+)::)?(test_\w+)$", __doc__, flags=re.MULTILINE)
    assert len(rows) == 7
    for file, name in rows:
        text = (HERE / (file or Path(__file__).name)).read_text(encoding="utf-8")
        assert re.search(rf"def {name}\b", text), (file, name)


async def a_stream(peer: Peer, count: int) -> int:
    """With the texts 0, 1, 2, ..., a batch each; returns its epoch."""
    epoch = int((await peer.call("create", "s"))["epoch"])
    for number in range(count):
        await peer.call("append", "s", [wire_record(str(number))])
    return epoch


async def trim(harness: ServiceHarness, oldest: int) -> None:
    """What retention does."""
    live: Any = harness.logs._directory.get("s")
    live.stream.oldest = oldest
    await harness.logs._store.trim(live.stream.key, oldest)


def numbers(dicts: list[Any]) -> list[int]:
    return [int(record[2]) for record in records_of(dicts)]


async def test_etcd_15271(service: ServiceHarness, alice: Peer) -> None:
    """A server that knows less than the reader says so: a copy of before, or another log under the name."""
    epoch = await a_stream(alice, 5)
    older = ServiceHarness()
    await older.start(MemoryStreamStore())
    bob = older.peer("bob")
    await a_stream(bob, 2)
    for name in ("read", "search"):
        page = await bob.call(name, "s", start=4, epoch=epoch)
        assert page["reset"]["next"] == 0
    live: Any = older.logs._directory.get("s")
    live.stream.epoch = epoch
    for name in ("read", "search"):
        with pytest.raises(CallError) as caught:
            await bob.call(name, "s", start=4, epoch=epoch)
        assert caught.value.uri == "fairlead.error.ahead"
    _progress, final = bob.follow("s", start=4, epoch=epoch)
    with pytest.raises(CallError):
        await final
    await older.close()


@given(st.data())
async def test_etcd_18089(data: st.DataObject) -> None:
    """Whatever retention removes while a reader is slow: each record comes, or is told as lost, and never both."""
    async with ServiceHarness.over(MemoryStreamStore()) as harness:
        alice, reader = harness.peer(), harness.slow_peer("reader")
        epoch = await a_stream(alice, 1)
        if data.draw(st.booleans(), label="topic"):
            reader.subscribe("s", fairlead_start=0, fairlead_epoch=epoch)
        else:
            about: dict[str, Any] = data.draw(st.sampled_from([{}, {"sources": ["stdout"]}]))
            reader.follow("s", start=0, epoch=epoch, **about)
        head, oldest = 1, 0
        for _ in range(data.draw(st.integers(1, 12), label="steps")):
            step = data.draw(st.sampled_from(["append", "append", "trim", "pause", "resume"]))
            if step == "append":
                width = data.draw(st.sampled_from([1, 60_000]))
                await alice.call("append", "s", [wire_record(str(head).ljust(width))])
                head += 1
            elif step == "trim":
                oldest = data.draw(st.integers(oldest, head))
                await trim(harness, oldest)
            else:
                getattr(reader, step)()
        reader.resume()
        await alice.call("seal", "s")
        await eventually(lambda: reader.dicts and "sealed" in reader.dicts[-1])
        lost = [
            seq
            for value in reader.dicts
            if "lagged" in value
            for seq in range(value["lagged"]["from"], value["lagged"]["to"])
        ]
        assert sorted(numbers(reader.dicts) + lost) == list(range(head))


@pytest.mark.parametrize("about", [{}, {"sources": ["stdout"]}])
async def test_etcd_19179(service: ServiceHarness, alice: Peer, about: dict[str, Any]) -> None:
    """A cursor at the very record that is the oldest now has lost nothing, and gets that record."""
    epoch = await a_stream(alice, 5)
    await trim(service, 3)
    page = await alice.call("read", "s", start=3, epoch=epoch, **about)
    assert ("lagged" in page, [record[2] for record in page["records"]]) == (False, ["3", "4"])
    progress, _final = alice.follow("s", start=3, epoch=epoch, **about)
    await eventually(lambda: progress)
    assert (progress[0]["first"], [record[2] for record in progress[0]["records"]]) == (3, ["3", "4"])


@pytest.mark.parametrize("about", [{}, {"sources": ["stdout"]}])
async def test_etcd_20221(alice: Peer, about: dict[str, Any]) -> None:
    """Who begins at the head hears of nothing before it."""
    epoch = await a_stream(alice, 5)
    progress, _final = alice.follow("s", start=5, epoch=epoch, heartbeat_s=1, **about)
    await eventually(lambda: progress)
    assert progress == [{"head": 5}]
    await alice.call("append", "s", [wire_record("5")])
    await eventually(lambda: len(progress) > 1)
    assert (progress[1]["first"], [record[2] for record in progress[1]["records"]]) == (5, ["5"])
