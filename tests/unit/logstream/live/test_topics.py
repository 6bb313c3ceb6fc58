"""The topic of a stream: retained history, live events, slow members, revocation."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

import pytest

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.live.topics import RETAINED_BYTES
from fairlead_router import CallError
from fairlead_store import StoreUnavailable
from support.waiting import eventually
from unit.logstream.fakes import LogPeer, Peer, ServiceHarness, records_of, wire_record


def numbers(dicts: list[Any]) -> list[int]:
    return [int(record[2]) for record in records_of(dicts)]


def has_dicts(reader: LogPeer, count: int) -> bool:
    return len(reader.dicts) == count


class Writer:
    """Appends ascending numbers."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.next = 0
        self.epoch = 0

    async def create(self) -> None:
        self.epoch = (await self.peer.call("create", "s"))["epoch"]

    async def append(self, count: int, width: int = 0) -> None:
        records = [wire_record(str(number).zfill(width)) for number in range(self.next, self.next + count)]
        self.next += count
        await self.peer.call("append", "s", records)


@pytest.fixture
async def writer(alice: Peer) -> Writer:
    writer = Writer(alice)
    await writer.create()
    return writer


async def test_a_plain_subscriber_gets_what_comes(service: ServiceHarness, writer: Writer) -> None:
    await writer.append(3)
    reader = service.slow_peer()
    reader.subscribe("s")
    await writer.append(2)
    await eventually(lambda: numbers(reader.dicts) == [3, 4])
    assert (reader.dicts[0]["first"], reader.dicts[0]["next"], reader.dicts[0]["epoch"]) == (3, 5, writer.epoch)


async def test_retained_history_comes_in_order_before_live_events(service: ServiceHarness, writer: Writer) -> None:
    for _ in range(5):
        await writer.append(3)
    reader = service.slow_peer()
    reader.subscribe("s", get_retained=True)
    for _ in range(5):
        await writer.append(3)
    await eventually(lambda: len(numbers(reader.dicts)) == 30)
    assert numbers(reader.dicts) == list(range(30))


async def test_live_and_retained_events_of_a_batch_have_one_publication_id(
    service: ServiceHarness, writer: Writer
) -> None:
    live = service.slow_peer()
    live.subscribe("s")
    for _ in range(5):
        await writer.append(3)
    late = service.slow_peer()
    late.subscribe("s", get_retained=True)
    await eventually(lambda: len(late.publications) == len(live.publications) == 5)
    assert late.publications == live.publications


async def test_retained_history_is_limited_in_records(service: ServiceHarness, writer: Writer) -> None:
    for _ in range(5):
        await writer.append(300)
    reader = service.slow_peer()
    reader.subscribe("s", get_retained=True)
    await eventually(lambda: reader.dicts and reader.dicts[-1].get("next") == 1500)
    assert numbers(reader.dicts) == list(range(500, 1500))


async def test_retained_history_is_limited_in_bytes(service: ServiceHarness, writer: Writer) -> None:
    for _ in range(20):
        await writer.append(10, width=4000)
    reader = service.slow_peer()
    reader.subscribe("s", get_retained=True)
    await eventually(lambda: reader.dicts and reader.dicts[-1].get("next") == 200)
    assert numbers(reader.dicts) == list(range(140, 200))
    assert len(json.dumps([value["records"] for value in reader.dicts])) <= RETAINED_BYTES + 1000


async def test_a_second_subscribe_brings_no_second_snapshot(service: ServiceHarness, writer: Writer) -> None:
    await writer.append(3)
    reader = service.slow_peer()
    reader.subscribe("s", get_retained=True)
    reader.subscribe("s", get_retained=True)
    await writer.append(1)
    await eventually(lambda: len(numbers(reader.dicts)) == 4)
    reader.subscribe("s", get_retained=True)
    await writer.append(1)
    await eventually(lambda: len(numbers(reader.dicts)) == 5)
    assert numbers(reader.dicts) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("options", "first"), [({"fairlead_start": 4}, 4), ({"fairlead_tail": 2}, 4)])
async def test_a_subscriber_may_begin_at_a_cursor(
    service: ServiceHarness, writer: Writer, options: dict[str, int], first: int
) -> None:
    await writer.append(6)
    reader = service.slow_peer()
    if "fairlead_start" in options:
        options = {**options, "fairlead_epoch": writer.epoch}
    reader.subscribe("s", **options)
    await writer.append(1)
    await eventually(lambda: numbers(reader.dicts) == list(range(first, 7)))


@pytest.mark.parametrize(
    "options",
    [
        {"fairlead_start": 4, "fairlead_epoch": 1},
        {"fairlead_start": 4},
        {"fairlead_start": 99, "fairlead_epoch": None},
        {"fairlead_start": -4},
        {"fairlead_start": 1, "fairlead_tail": 1},
    ],
)
async def test_a_cursor_that_cannot_be_honoured_is_reset(
    service: ServiceHarness, writer: Writer, options: dict[str, Any]
) -> None:
    await writer.append(3)
    reader = service.slow_peer()
    if options.get("fairlead_epoch", 0) is None:
        options = {**options, "fairlead_epoch": writer.epoch}
    reader.subscribe("s", **options)
    await eventually(lambda: len(reader.dicts) == 2)
    assert reader.dicts[0] == {"reset": {"epoch": writer.epoch, "oldest": 0, "next": 0}}
    assert numbers(reader.dicts) == [0, 1, 2]


async def test_the_end_is_told_live_and_to_who_comes_later(service: ServiceHarness, writer: Writer) -> None:
    live, late = service.slow_peer(), service.slow_peer()
    live.subscribe("s")
    await writer.append(2)
    await writer.peer.call("seal", "s", exit_code=9)
    late.subscribe("s", get_retained=True)
    end = {"sealed": {"exit_code": 9, "reason": None, "next": 2}}
    for reader in (live, late):
        await eventually(partial(has_dicts, reader, 2))
        assert numbers(reader.dicts) == [0, 1]
        assert reader.dicts[-1] == end


async def test_a_next_attempt_goes_on_for_who_is_still_subscribed(service: ServiceHarness, writer: Writer) -> None:
    reader = service.slow_peer()
    await writer.peer.call("seal", "s", exit_code=1)
    reader.subscribe("s", get_retained=True)
    await writer.peer.call("create", "s", attempt=2)
    await eventually(lambda: len(reader.dicts) == 2)
    assert json.loads(reader.dicts[1]["records"][0][2]) == {"attempt": 2}


async def test_an_unknown_stream_has_no_topic(service: ServiceHarness, alice: Peer) -> None:
    with pytest.raises(CallError, match="there is no stream 'nope'"):
        await alice.subscribe("nope")


async def test_a_prefix_subscriber_gets_live_events_of_all_streams(service: ServiceHarness, writer: Writer) -> None:
    events: list[Any] = []
    await writer.peer.member.subscribe("fairlead.stream.", events.append, match="prefix")
    await writer.append(1)
    await eventually(lambda: [event.topic for event in events] == ["fairlead.stream.s"])


# ---- slow members


async def write_much(writer: Writer, batches: int = 60) -> None:
    """Much more than the router queues for one session."""
    for _ in range(batches):
        await writer.append(10, width=2000)


async def test_a_member_that_stops_reading_costs_little_and_catches_up_exactly(
    service: ServiceHarness, writer: Writer
) -> None:
    reader, quick = service.slow_peer(), service.slow_peer()
    for peer in (reader, quick):
        peer.subscribe("s", get_retained=True)
    await writer.append(1)
    await eventually(lambda: numbers(reader.dicts) == [0])
    reader.pause()
    await write_much(writer)
    assert numbers(quick.dicts) == list(range(writer.next))
    assert reader.queued_bytes <= 2 * service.realm.limits.catch_up_bytes
    reader.resume()
    await eventually(lambda: len(numbers(reader.dicts)) == writer.next)
    assert numbers(reader.dicts) == list(range(writer.next))
    assert reader.goodbye is None

    await writer.append(5)
    await eventually(lambda: numbers(reader.dicts) == list(range(writer.next)))


async def test_a_member_that_stops_again_and_again_misses_nothing(service: ServiceHarness, writer: Writer) -> None:
    reader = service.slow_peer()
    reader.subscribe("s")
    for _ in range(5):
        reader.pause()
        await write_much(writer, 30)
        reader.resume()
        await asyncio.sleep(0)
        await write_much(writer, 2)
    await writer.peer.call("seal", "s", exit_code=0)
    await eventually(lambda: "sealed" in reader.dicts[-1])
    assert numbers(reader.dicts) == list(range(writer.next))


async def test_the_end_reaches_a_member_that_had_fallen_behind(service: ServiceHarness, writer: Writer) -> None:
    reader = service.slow_peer()
    reader.subscribe("s")
    reader.pause()
    await write_much(writer)
    await writer.peer.call("seal", "s", exit_code=0)
    reader.resume()
    await eventually(lambda: reader.dicts and "sealed" in reader.dicts[-1])
    assert numbers(reader.dicts) == list(range(writer.next))
    assert sum("sealed" in value for value in reader.dicts) == 1


async def test_a_slow_follow_catches_up_exactly(service: ServiceHarness, writer: Writer) -> None:
    reader = service.slow_peer()
    reader.follow("s")
    await writer.append(1)
    await eventually(lambda: numbers(reader.dicts) == [0])
    reader.pause()
    await write_much(writer)
    assert reader.queued_bytes <= 2 * service.realm.limits.catch_up_bytes
    reader.resume()
    await eventually(lambda: len(numbers(reader.dicts)) == writer.next)
    await writer.append(1)
    await writer.peer.call("seal", "s", exit_code=0)
    await eventually(lambda: "sealed" in reader.dicts[-1])
    assert numbers(reader.dicts) == list(range(writer.next))


async def test_a_member_may_leave_while_it_catches_up(service: ServiceHarness, writer: Writer) -> None:
    await write_much(writer)
    reader = service.slow_peer()
    reader.pause()
    reader.subscribe("s", fairlead_start=0)
    reader.unsubscribe()
    reader.resume()
    await writer.append(1)
    assert reader.dicts == []


# ---- rights


async def read_right(guarded: ServiceHarness) -> tuple[Writer, LogPeer]:
    guarded.rights.grant("alice", "write", "s")
    guarded.rights.grant("bob", "read", "s")
    writer = Writer(guarded.peer("alice"))
    await writer.create()
    return writer, guarded.slow_peer("bob")


async def test_who_may_not_read_may_not_subscribe(guarded: ServiceHarness) -> None:
    await read_right(guarded)
    carol = guarded.slow_peer("carol")
    carol.subscribe("s", get_retained=True)
    carol.subscribe("nope")
    await eventually(lambda: len(carol.errors) == 2)
    assert set(carol.errors) == {"wamp.error.not_authorized"}


@pytest.mark.parametrize("is_reading", [False, True])
async def test_nothing_follows_a_revocation_whether_live_or_reading(guarded: ServiceHarness, is_reading: bool) -> None:
    writer, reader = await read_right(guarded)
    await write_much(writer, 20)
    reader.subscribe("s", fairlead_start=0)
    await eventually(lambda: len(numbers(reader.dicts)) == writer.next)
    if is_reading:
        reader.pause()
        await write_much(writer)
    seen = len(numbers(reader.dicts))
    guarded.revoke("bob", "read", "s")
    reader.resume()
    await writer.append(10)
    await eventually(lambda: "revoked" in reader.dicts[-1])
    assert len(numbers(reader.dicts)) == seen
    assert reader.goodbye is None


async def test_a_reader_of_the_store_that_loses_the_right_gets_nothing(guarded: ServiceHarness) -> None:
    writer, reader = await read_right(guarded)
    await writer.append(5)
    guarded.logs._surroundings.recent._limit_bytes = 0
    await writer.append(5)
    reader.subscribe("s", get_retained=True)
    guarded.revoke("bob", "read", "s")
    await eventually(lambda: reader.dicts and "revoked" in reader.dicts[-1])
    assert numbers(reader.dicts) == []


# ---- trouble


async def test_a_store_that_cannot_be_read_is_asked_again(
    service: ServiceHarness, writer: Writer, store: MemoryStreamStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead_logstream.live.sinks.RETRY_S", 0.01)
    service.logs._surroundings.recent._limit_bytes = 0
    await writer.append(3)
    read, tail_start = store.read, store.tail_start
    failed: list[bool] = []

    async def fail(*_arguments: object) -> Any:
        failed.append(True)
        raise StoreUnavailable("the disk has gone")

    store.read = store.tail_start = fail  # type: ignore[method-assign,assignment]
    reader = service.slow_peer()
    reader.subscribe("s", get_retained=True)
    await eventually(lambda: len(failed) > 2)
    store.read, store.tail_start = read, tail_start  # type: ignore[method-assign]
    await eventually(lambda: numbers(reader.dicts) == [0, 1, 2])
