"""The appender: one write in flight, the rest joins the next; the order of what follows a commit; failure."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead_common.errors import Busy, StoreFailed
from fairlead_logstream.errors import Gap
from fairlead_logstream.live.appender import WAITING_LIMIT_BYTES, Request
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Change, Producer
from fairlead_logstream.model.stream import Stream
from fairlead_store import DiskFull
from unit.logstream.fakes import StreamHarness, append_of, texts_of


class HeldStore:
    """Holds writes back until they are let through, and counts them."""

    def __init__(self, harness: StreamHarness) -> None:
        self.changes: list[Change] = []
        self.held: list[tuple[Change, asyncio.Future[None]]] = []
        self._write = harness.store.write
        harness.store.write = self.write  # type: ignore[method-assign]

    def write(self, change: Change) -> asyncio.Future[None]:
        self.changes.append(change)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.held.append((change, future))
        return future

    async def let_through(self) -> None:
        change, future = self.held.pop(0)
        await self._write(change)
        future.set_result(None)
        await asyncio.sleep(0)

    async def fail(self) -> None:
        self.held.pop(0)[1].set_exception(DiskFull("the disk is full"))
        await asyncio.sleep(0)


async def start(**producers: Producer) -> tuple[StreamHarness, HeldStore]:
    harness = StreamHarness()
    live = await harness.start()
    live.stream.producers = dict(producers)
    return harness, HeldStore(harness)


def submit(harness: StreamHarness, told: list[Any], *texts: str, **about: Any) -> None:
    harness.live.appender.append(append_of(*texts, **about), told.append)


def submit_many(harness: StreamHarness, told: list[Any]) -> None:
    for _ in range(WAITING_LIMIT_BYTES // 60_000 + 1):
        submit(harness, told, "x" * 60_000)


async def test_what_arrives_during_a_write_joins_the_next_one() -> None:
    harness, held = await start()
    told: list[Any] = []
    for text in "abcde":
        submit(harness, told, text)
    assert [texts_of(change.batches) for change in held.changes] == [["a"]]
    await held.let_through()
    assert [texts_of(change.batches) for change in held.changes] == [["a"], ["b", "c", "d", "e"]]
    await held.let_through()
    assert [(result["first"], result["next"]) for result in told] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]


async def test_nothing_is_told_or_visible_before_it_is_durable() -> None:
    harness, held = await start()
    told: list[Any] = []
    submit(harness, told, "a")
    await asyncio.sleep(0)
    assert (told, harness.live.stream.head, harness.audience.batches) == ([], 0, [])
    await held.let_through()
    assert (len(told), harness.live.stream.head, len(harness.audience.batches)) == (1, 1, 1)


async def test_head_then_delivery_then_acknowledgement() -> None:
    harness, held = await start()
    order: list[str] = []

    def delivered(stream: Stream, batch: Batch) -> int:
        order.append(f"delivered to {batch.next} at head {stream.head}")
        return 1

    harness.audience.batch = delivered  # type: ignore[method-assign]
    harness.live.appender.append(append_of("a"), lambda _outcome: order.append("told"))
    await held.let_through()
    assert order == ["delivered to 1 at head 1", "told"]


async def test_a_repetition_is_acknowledged_only_when_the_original_is_durable() -> None:
    harness, held = await start()
    told: list[Any] = []
    submit(harness, told, "first")
    submit(harness, told, "a", producer="p", seq=0)
    submit(harness, told, "a", producer="p", seq=0)
    await held.let_through()
    assert len(told) == 1
    await held.let_through()
    assert [(result["first"], result["next"]) for result in told] == [(0, 1), (1, 2), (2, 2)]


async def test_a_repetition_of_what_is_durable_needs_no_write() -> None:
    harness, held = await start(p=Producer(0, 1))
    told: list[Any] = []
    submit(harness, told, "a", producer="p", seq=0)
    assert told == [{"first": 0, "next": 0, "epoch": 7}]
    assert held.changes == []


async def test_after_a_failed_write_nothing_has_changed_and_each_is_told() -> None:
    harness, held = await start(p=Producer(0, 0))
    told: list[Any] = []
    submit(harness, told, "a", producer="p", seq=0)
    await held.fail()
    (error,) = told
    assert isinstance(error, StoreFailed)
    assert error.text == "stream 's' was not written: the disk is full"
    assert (harness.live.stream.head, harness.live.stream.producers) == (0, {"p": Producer(0, 0)})

    submit(harness, told, "a", producer="p", seq=0)
    await held.let_through()
    assert told[1] == {"first": 0, "next": 1, "epoch": 7}


async def test_what_was_pipelined_behind_a_failed_write_is_told_what_to_send() -> None:
    harness, held = await start()
    told: list[Any] = []
    submit(harness, told, "a", producer="p", seq=0)
    submit(harness, told, "b", producer="p", seq=1)
    await held.fail()
    assert isinstance(told[0], StoreFailed)
    assert isinstance(told[1], Gap)
    assert told[1].details["expected"] == 0
    assert held.held == []


async def test_all_requests_of_a_failed_write_fail_also_those_that_would_have_been_refused() -> None:
    harness, held = await start(p=Producer(0, 0))
    told: list[Any] = []
    submit(harness, told, "x")
    submit(harness, told, "a", producer="p", seq=0)
    submit(harness, told, "z", producer="p", seq=9)
    await held.let_through()
    await held.fail()
    assert [type(outcome) for outcome in told] == [dict, StoreFailed, StoreFailed]


async def test_a_mistake_of_the_store_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    harness = StreamHarness()
    await harness.start()
    harness.store.fail_next = ZeroDivisionError("our mistake")
    assert isinstance(await harness.append("a"), StoreFailed)
    assert "ZeroDivisionError" in caplog.text
    assert (await harness.append("a"))["next"] == 1


async def test_who_sends_without_waiting_is_told_to_wait() -> None:
    harness, held = await start()
    told: list[Any] = []
    submit(harness, told, "first")
    with pytest.raises(Busy) as caught:
        submit_many(harness, told)
    assert caught.value.details == {"limit_bytes": WAITING_LIMIT_BYTES}
    while held.held:
        await held.let_through()
    submit(harness, told, "again")
    await held.let_through()
    assert not any(isinstance(outcome, Exception) for outcome in told)
    assert max(sum(batch.size for batch in change.batches) for change in held.changes) <= 1.1 * (1 << 20)


async def test_an_unknown_producer_refused_for_load_is_not_skipped_later() -> None:
    harness, held = await start()
    told: list[Any] = []
    submit(harness, told, "first")
    with pytest.raises(Busy):
        submit_many(harness, told)
    with pytest.raises(Busy):
        submit(harness, told, "y" * 60_000, producer="p", seq=0)
    while held.held:
        await held.let_through()
    told.clear()
    submit(harness, told, "z", producer="p", seq=1)
    assert isinstance(told[0], Gap)


async def test_producers_are_loaded_before_the_first_write() -> None:
    harness = StreamHarness()
    await harness.start()
    await harness.append("a", "b", producer="p", seq=0)
    await harness.start()  # as after a restart: what is known is in the store
    assert harness.live.stream.producers is None
    assert await harness.append("a", "b", "c", producer="p", seq=0) == {"first": 2, "next": 3, "epoch": 7}


async def test_when_producers_cannot_be_loaded_the_appends_fail_and_it_is_tried_again() -> None:
    harness = StreamHarness()
    await harness.start()
    load = harness.store.producers

    async def fail(stream_id: int) -> dict[str, Producer]:
        raise DiskFull("the disk is full")

    harness.store.producers = fail  # type: ignore[method-assign]
    assert isinstance(await harness.append("a"), StoreFailed)
    harness.store.producers = load  # type: ignore[method-assign]
    assert (await harness.append("a"))["next"] == 1


async def test_close_tells_the_write_in_flight_and_refuses_what_waits() -> None:
    harness, held = await start()
    told: list[Any] = []
    submit(harness, told, "a")
    submit(harness, told, "b")
    closing = asyncio.ensure_future(harness.live.close())
    await asyncio.sleep(0)
    assert isinstance(told[0], StoreFailed)
    assert not closing.done()
    await held.let_through()
    await closing
    assert told[1] == {"first": 0, "next": 1, "epoch": 7}
    with pytest.raises(StoreFailed):
        submit(harness, told, "c")


async def test_other_requests_keep_their_place_in_the_queue() -> None:
    harness, held = await start()
    told: list[Any] = []
    submit(harness, told, "a")
    submit(harness, told, "b")
    harness.live.appender.submit(Request(lambda draft: {"sealed at": draft.seal(0, None)}, told.append))
    submit(harness, told, "c")
    await held.let_through()
    await held.let_through()
    assert told[2] == {"sealed at": 2}
    assert told[3].uri == "fairlead.error.sealed"


async def test_a_delivery_that_fails_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    harness, held = await start()
    told: list[Any] = []

    def broken(stream: Stream, batch: Batch) -> int:
        raise RuntimeError("a mistake of ours")

    harness.audience.batch = broken  # type: ignore[method-assign]
    submit(harness, told, "a")
    submit(harness, told, "b")
    await held.let_through()
    await held.let_through()
    assert [result["next"] for result in told] == [1, 2]
    assert harness.live.appender.is_idle
    assert "was not delivered" in caplog.text


async def test_a_request_that_breaks_takes_nothing_behind_it_along(caplog: pytest.LogCaptureFixture) -> None:
    harness, held = await start()
    told: list[Any] = []

    def broken(_draft: Any) -> Any:
        raise RuntimeError("a mistake of ours")

    harness.live.appender.submit(Request(broken, told.append))
    submit(harness, told, "a")
    await held.let_through()
    assert isinstance(told[0], StoreFailed)
    assert told[1] == {"first": 0, "next": 1, "epoch": 7}
    assert "a mistake of ours" in caplog.text


async def test_a_request_that_cannot_be_told_keeps_nobody_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    harness, held = await start()
    told: list[Any] = []

    def broken(_outcome: Any) -> None:
        raise RuntimeError("a mistake of ours")

    submit(harness, told, "a")
    harness.live.appender.append(append_of("b"), broken)
    submit(harness, told, "c")
    await held.let_through()
    await held.let_through()
    assert [result["next"] for result in told] == [1, 3]
    assert "was not told" in caplog.text
