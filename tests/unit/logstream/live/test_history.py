"""Where a reader begins: at a time, with the last bytes, at what is damaged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import StreamKey
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_router import CallError
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, records_of, wire_record


async def append_times(peer: Peer, *batches: list[int]) -> None:
    """Records of these times, each list a batch."""
    await peer.call("create", "s")
    for times in batches:
        await peer.call("append", "s", [wire_record(str(time), time) for time in times])


@pytest.mark.parametrize(
    ("since", "first"),
    [(0, 0), (5, 1), (6, 2), (7, 2), (8, 5), (9, 6)],
    ids=["before all", "the first of equals", "the next later one", "a jump", "behind a clock that went back", "none"],
)
async def test_since_is_the_first_record_of_that_time_or_later(alice: Peer, since: int, first: int) -> None:
    await append_times(alice, [4, 5], [7, 5, 5], [8])
    page = await alice.call("read", "s", since=since)
    assert (page["first"], page["next"]) == (first, 6)
    progress, _final = alice.follow("s", since=since)
    await alice.call("append", "s", [wire_record("9", 9)])
    await eventually(lambda: [int(record[2]) for record in records_of(progress)] == [4, 5, 7, 5, 5, 8, 9][first:])


@given(st.data())
async def test_since_equals_a_look_at_each_record(data: st.DataObject) -> None:
    async with ServiceHarness.over(MemoryStreamStore()) as harness:
        times = data.draw(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4), min_size=1, max_size=4))
        await append_times(harness.peer(), *times)
        flat = [time for batch in times for time in batch]
        for since in range(7):
            expected = next((index for index, time in enumerate(flat) if time >= since), len(flat))
            assert (await harness.peer().call("read", "s", since=since))["first"] == expected


@given(st.data())
async def test_the_last_bytes_are_whole_records_and_no_more(data: st.DataObject) -> None:
    """Bytes as they are stored: a batch is a JSON array."""
    async with ServiceHarness.over(MemoryStreamStore()) as harness:
        alice = harness.peer()
        await alice.call("create", "s")
        sizes: list[int] = []
        for widths in data.draw(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=4), min_size=1, max_size=4)):
            records = [wire_record("x" * width) for width in widths]
            await alice.call("append", "s", records)
            sizes += [len(json.dumps(record, separators=(",", ":"))) + 1 for record in records]
            sizes[-1] += 1
        size = data.draw(st.integers(0, sum(sizes) + 5))
        fitting = next(count for count in range(len(sizes), -1, -1) if sum(sizes[len(sizes) - count :]) <= size)
        page: Any = await alice.call("read", "s", tail_bytes=size)
        assert len(page["records"]) in (fitting, fitting + (size == sum(sizes[-fitting - 1 :]) - 1))


async def test_follow_takes_the_last_bytes_too(alice: Peer) -> None:
    await append_times(alice, [1, 2], [3])
    progress, _final = alice.follow("s", tail_bytes=20)
    await eventually(lambda: [record[2] for record in records_of(progress)] == ["3"])


async def test_one_beginning_excludes_another(alice: Peer) -> None:
    await append_times(alice, [1])
    with pytest.raises(CallError, match="tail and tail_bytes exclude each other"):
        await alice.call("read", "s", tail=1, tail_bytes=1)


@pytest.mark.parametrize("about", [{"since": 2}, {"tail_bytes": 30}])
async def test_a_beginning_in_a_damaged_batch_is_told(store: MemoryStreamStore, about: dict[str, int]) -> None:
    harness = ServiceHarness()
    await harness.start(store)
    await append_times(harness.peer(), [1], [2], [3])
    await harness.close()

    async def damaged(*_: object) -> None:
        raise CorruptBatch(1, 2)

    read = store.read

    async def read_around(key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        if start == 1:
            raise CorruptBatch(1, 2)
        return await read(key, start, end, limit_bytes)

    store.first_batch_since = store.batch_with_byte = damaged  # type: ignore[assignment,method-assign]
    store.read = read_around  # type: ignore[method-assign]
    again = ServiceHarness()
    await again.start(store)
    page = await again.peer().call("read", "s", **about)
    assert (page["lagged"], page["first"]) == ({"from": 1, "to": 2, "damaged": True}, 2)
    await again.close()


async def test_what_retention_takes_while_it_is_read_is_told_as_gone_not_as_damaged(
    service: ServiceHarness, store: MemoryStreamStore, alice: Peer
) -> None:
    await append_times(alice, [1], [2], [3])
    again = ServiceHarness()  # with nothing in memory
    await again.start(store)
    live = again.logs._directory.get("s")
    assert live is not None
    read = store.read

    async def trimmed_meanwhile(key: StreamKey, start: int, *rest: Any) -> list[Batch]:
        if start == 0:
            await store.trim(key, 2)
            live.stream.trim(2, 0, 0)
        return await read(key, start, *rest)

    store.read = trimmed_meanwhile  # type: ignore[method-assign,assignment]
    page = await again.peer().call("read", "s")
    assert (page["lagged"], page["first"], [record[2] for record in page["records"]]) == (
        {"from": 0, "to": 2},
        2,
        ["3"],
    )
    await again.close()


# ---- attempts


async def begin_attempts(peer: Peer) -> None:
    """Numbers 0 and 1, a seal, the marker 2 and number 3, the marker 4."""
    await append_times(peer, [1, 2])
    await peer.call("seal", "s", exit_code=3, reason="killed")
    await peer.call("create", "s", attempt=2)
    await peer.call("append", "s", [wire_record("3", 3)])
    await peer.call("create", "s", attempt=3)


@pytest.mark.parametrize(
    ("attempt", "first", "following", "exit_code", "reason"),
    [(1, 0, 2, 3, "killed"), (2, 2, 4, None, None), (3, 4, None, None, None)],
)
async def test_a_page_that_begins_with_an_attempt_says_how_that_ended_and_where_the_next_begins(
    alice: Peer, attempt: int, first: int, following: int | None, exit_code: int | None, reason: str | None
) -> None:
    await begin_attempts(alice)
    page = await alice.call("read", "s", attempt=attempt, limit=1)
    begun_us = page["attempt"].pop("begun_us")
    assert begun_us > 0
    assert (page["first"], page["next"]) == (first, first + 1)
    how = {"exit_code": exit_code, "reason": reason, "next": following}
    assert page["attempt"] == {"attempt": attempt, "first": first, **how}


async def test_a_follower_begins_with_an_attempt_and_goes_on_behind_it(alice: Peer) -> None:
    await begin_attempts(alice)
    progress, _final = alice.follow("s", attempt=2)
    await eventually(lambda: len(records_of(progress)) == 3)
    assert progress[0]["first"] == 2


async def test_an_attempt_of_which_the_begin_is_gone_is_told_so(alice: Peer, service: ServiceHarness) -> None:
    await begin_attempts(alice)
    live = service.logs._directory.get("s")
    assert live is not None
    live.stream.oldest = 3
    page = await alice.call("read", "s", attempt=2)
    assert (page["first"], page["lagged"]) == (3, {"from": 2, "to": 3})
    assert page["attempt"]["first"] == 2


@pytest.mark.parametrize("procedure", ["read", "search"])
async def test_an_attempt_that_is_not_there_is_refused(alice: Peer, procedure: str) -> None:
    await begin_attempts(alice)
    with pytest.raises(CallError, match="stream 's' knows of no attempt 4, but of 1 to 3") as caught:
        await alice.call(procedure, "s", attempt=4)
    assert (caught.value.uri, caught.value.error_kwargs) == ("fairlead.error.no_such_attempt", {"attempts": [1, 2, 3]})


@pytest.mark.parametrize("other", [{"start": 0}, {"tail": 1}, {"tail_bytes": 1}, {"since": 1}])
async def test_an_attempt_and_another_begin_exclude_each_other(alice: Peer, other: dict[str, int]) -> None:
    await begin_attempts(alice)
    with pytest.raises(CallError, match=f"{next(iter(other))} and attempt exclude each other"):
        await alice.call("read", "s", attempt=1, **other)


async def test_an_attempt_has_a_number_from_1_on(alice: Peer) -> None:
    await begin_attempts(alice)
    with pytest.raises(CallError) as caught:
        await alice.call("read", "s", attempt=0)
    assert caught.value.uri == "wamp.error.invalid_argument"


async def test_an_attempt_of_another_epoch_is_the_whole_log(alice: Peer) -> None:
    await begin_attempts(alice)
    page = await alice.call("read", "s", attempt=2, epoch=1)
    assert (page["first"], "reset" in page, "attempt" in page) == (0, True, False)
