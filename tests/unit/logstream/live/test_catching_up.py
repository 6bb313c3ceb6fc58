"""What another server does to a stream: adopted and delivered here, and then what was asked here is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_common.errors import StoreFailed
from fairlead_common.tasks import Tasks
from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.errors import Gap, NoSuchStream, StreamSealed
from fairlead_logstream.live import catching_up
from fairlead_logstream.live.appender import Request
from fairlead_logstream.live.follower import Follower
from fairlead_logstream.live.history import History, Place
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.draft import Draft
from fairlead_logstream.model.rows import Change
from fairlead_store import StoreUnavailable
from unit.logstream.fakes import SlowSink, StreamHarness, texts_of


class Servers:
    """One stream, as two servers on one store have it."""

    def __init__(self) -> None:
        self.store = MemoryStreamStore(is_shared=True)
        self.first, self.second = (StreamHarness(store=self.store) for _ in range(2))
        self.tasks = Tasks()

    async def start(self) -> None:
        for server in (self.first, self.second):
            await server.start()

    def follow_second(self, room: int = 1_000) -> SlowSink:
        live = self.second.live
        sink = SlowSink(live, room)
        sink.follower = Follower(
            live, History(self.store, self.tasks, self.second.surroundings.counters), sink, Place(live.stream.head)
        )
        sink.follower.resume()
        return sink


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    servers = Servers()
    await servers.start()
    yield servers
    await servers.tasks.close()


def restart(draft: Draft) -> dict[str, Any]:
    draft.begin_attempt(2)
    return {}


def seal(draft: Draft) -> dict[str, Any]:
    return {"next": draft.seal(0, None)}


async def ask(server: StreamHarness, request: Any) -> Any:
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    server.live.appender.submit(Request(request, told.set_result))
    return await told


async def test_records_go_behind_those_of_the_other_server(servers: Servers) -> None:
    await servers.first.append("a", "b")
    assert (await servers.second.append("c"))["first"] == 2
    assert (await servers.first.append("d"))["first"] == 3
    assert servers.second.live.stream.head == 3


async def test_what_the_other_server_stored_is_delivered_first_and_under_its_publication_id(servers: Servers) -> None:
    sink = servers.follow_second()
    servers.second.audience.members = 1
    await servers.first.append("a")
    await servers.first.append("b")
    await servers.second.append("c")
    events = servers.second.audience.batches
    assert sink.texts == texts_of(events) == ["a", "b", "c"]
    here = [batch.publication for batch in events]
    assert here[:2] == [batch.publication for batch in servers.first.audience.batches]


async def test_a_repetition_at_the_other_server_is_stored_once(servers: Servers) -> None:
    await servers.first.append("a", "b", producer="p", seq=0)
    result = await servers.second.append("a", "b", "c", producer="p", seq=0)
    assert (result["first"], result["next"]) == (2, 3)


async def test_a_producer_that_changes_servers_is_not_told_of_a_gap_that_is_none(servers: Servers) -> None:
    await servers.second.append("a", producer="p", seq=0)
    await servers.first.append("b", "c", producer="p", seq=1)
    assert (await servers.second.append("d", producer="p", seq=3))["next"] == 4
    refused = await servers.first.append("f", producer="p", seq=5)
    assert isinstance(refused, Gap)
    assert refused.details["expected"] == 4


async def test_a_stream_that_another_server_sealed_is_sealed(servers: Servers) -> None:
    sink = servers.follow_second()
    await ask(servers.first, seal)
    assert isinstance(await servers.second.append("late"), StreamSealed)
    assert sink.sealed is not None


async def test_a_stream_that_another_server_reopened_is_open(servers: Servers) -> None:
    await ask(servers.first, seal)
    assert isinstance(await servers.second.append("late"), StreamSealed)
    await ask(servers.first, lambda draft: draft.begin_attempt(2))
    assert (await servers.second.append("again"))["next"] == 2


async def test_what_nobody_waits_for_is_adopted_and_not_read(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    await servers.first.append("a")
    reads = count_calls(servers.store, "read", monkeypatch)
    assert await servers.second.live.appender.catch_up() is None
    assert servers.second.live.stream.head == 1
    assert reads == []


async def test_a_producer_that_writes_through_the_other_server_is_there(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bool] = []
    monkeypatch.setattr(LiveStream, "heard", lambda _live: heard.append(True))
    await servers.first.append("a")
    heard.clear()
    await servers.second.live.appender.catch_up()
    assert heard
    heard.clear()
    await ask(servers.first, seal)
    await servers.second.live.appender.catch_up()
    assert not heard


async def test_a_server_that_missed_much_delivers_it_in_slices(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "SLICE_BYTES", 100)
    sink = servers.follow_second()
    for number in range(20):
        await servers.first.append(f"{number:030}")
    reads = count_calls(servers.store, "read", monkeypatch)
    assert await servers.second.live.appender.catch_up() is None
    assert [int(text) for text in sink.texts] == list(range(20))
    assert len(reads) > 5


async def test_a_slow_follower_reads_what_others_are_delivered(servers: Servers) -> None:
    sink, slow = servers.follow_second(), servers.follow_second(room=1)
    for number in range(5):
        await servers.first.append(str(number))
    await servers.second.live.appender.catch_up()
    assert sink.texts == [str(number) for number in range(5)]
    slow.give(1_000)
    await asyncio.sleep(0)
    assert slow.texts == sink.texts


async def test_a_hole_in_the_store_is_told(servers: Servers) -> None:
    sink = servers.follow_second()
    for text in "abc":
        await servers.first.append(text)
    del servers.store._by_id[1].batches[1]
    await servers.second.live.appender.catch_up()
    await servers.second.append("d")
    assert texts_of(sink.batches) == ["a", "c", "d"]
    assert sink.notices == [{"lagged": {"from": 1, "to": 2, "damaged": True}}]


async def test_a_stream_that_was_deleted_is_none_for_who_appends(servers: Servers) -> None:
    await servers.second.append("a")
    del servers.store._by_id[1]
    assert isinstance(await servers.second.append("b"), NoSuchStream)


async def test_a_store_that_fails_meanwhile_fails_what_waits_and_the_next_goes_on(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await servers.first.append("a")

    async def fail(_ids: Any) -> Any:
        monkeypatch.undo()
        raise StoreUnavailable("away")

    monkeypatch.setattr(servers.store, "rows", fail)
    assert isinstance(await servers.second.append("b"), StoreFailed)
    assert (await servers.second.append("b"))["first"] == 1


async def test_a_server_that_always_comes_too_late_claims_the_stream(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one writes whenever this one has looked."""
    look = servers.store.rows
    overtaken = 0

    async def look_and_be_overtaken(ids: Any) -> Any:
        nonlocal overtaken
        found = await look(ids)
        stream = servers.first.live.stream
        change = Change(stream.id, [], {}, servers.store._by_id[1].state, version=stream.version)
        if overtaken < 50 and servers.store._by_id[1].version == stream.version:
            overtaken += 1
            await servers.store.write(change)
            stream.version += 1
        return found

    monkeypatch.setattr(servers.store, "rows", look_and_be_overtaken)
    servers.store._by_id[1].version += 1
    servers.first.live.stream.version += 1
    assert (await servers.second.append("at last"))["next"] == 1
    assert overtaken == 3


async def test_closing_refuses_what_would_be_tried_again(servers: Servers) -> None:
    await servers.first.append("a")
    told: list[Any] = []
    servers.second.live.appender.submit(Request(seal, told.append))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(servers.second.live.close())
    await closing
    assert len(told) == 1
    assert isinstance(told[0], StoreFailed)
    assert isinstance(await servers.second.live.appender.catch_up(), StoreFailed)


def count_calls(store: MemoryStreamStore, name: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    original = getattr(store, name)

    async def counted(*args: Any) -> Any:
        calls.append(args)
        return await original(*args)

    monkeypatch.setattr(store, name, counted)
    return calls


async def test_the_attempts_are_those_that_the_other_server_has_begun(servers: Servers) -> None:
    for step in (seal, restart):
        await ask(servers.first, step)
    await servers.second.live.appender.catch_up()
    assert servers.second.live.stream.state.attempts == servers.first.live.stream.state.attempts != ()
