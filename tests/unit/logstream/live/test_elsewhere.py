"""Two servers on one store: each reads, follows and lists what the other one has written, made and taken away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_common.errors import StoreFailed
from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.model.rows import StreamKey, StreamRow
from fairlead_router import CallError
from fairlead_store import StoreUnavailable
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, records_of, wire_record

A_MOMENT_S = 5.0


class Two:
    """Two servers, and somebody at each."""

    def __init__(self) -> None:
        self.store = MemoryStreamStore(is_shared=True)
        self.servers = [ServiceHarness(), ServiceHarness()]
        self.here: Peer
        self.there: Peer

    async def start(self) -> None:
        for server in self.servers:
            await server.start(self.store)
        self.here, self.there = (server.peer() for server in self.servers)


@pytest.fixture
async def two() -> AsyncIterator[Two]:
    two = Two()
    await two.start()
    yield two
    for server in two.servers:
        await server.close()


def texts_of(dicts: list[Any]) -> list[str]:
    return [text for _, _, text, _ in records_of(dicts)]


def key_of(row: StreamRow | None) -> StreamKey:
    assert row is not None
    return StreamKey(row.id, row.epoch)


async def append(peer: Peer, *texts: str, **about: Any) -> Any:
    return await peer.call("append", "s", [wire_record(text) for text in texts], **about)


async def test_a_stream_of_the_other_server_is_found_at_once(two: Two) -> None:
    await two.there.call("create", "s")
    await append(two.there, "a")
    page = await two.here.call("read", "s")
    assert [record[2] for record in page["records"]] == ["a"]


async def test_who_appends_to_a_stream_of_the_other_server_keeps_the_order_of_its_calls(two: Two) -> None:
    await two.there.call("create", "s")
    stored = await asyncio.gather(*[append(two.here, str(number)) for number in range(10)])
    assert [each["first"] for each in stored] == list(range(10))


async def test_what_was_acknowledged_there_is_read_here(two: Two) -> None:
    await two.here.call("create", "s")
    for number in range(5):
        told = await append(two.there, str(number))
        page = await two.here.call("read", "s", start=number, epoch=told["epoch"])
        assert (page["first"], page["next"], page["head"]) == (number, number + 1, number + 1)


async def test_a_cursor_of_the_other_server_is_no_cursor_ahead_of_the_head(two: Two) -> None:
    await two.here.call("create", "s")
    told = await append(two.there, "a", "b")
    await append(two.there, "c")
    progress, _ = two.here.follow("s", start=told["next"], epoch=told["epoch"])
    await eventually(lambda: texts_of(progress) == ["c"])


async def test_a_follower_gets_the_records_of_both_servers_in_the_order_of_the_stream(two: Two) -> None:
    await two.here.call("create", "s")
    followers = [peer.follow("s") for peer in (two.here, two.there)]
    for number in range(6):
        await append((two.here, two.there)[number % 2], str(number))
    await two.there.call("seal", "s", exit_code=3)
    for progress, final in followers:
        assert (await final)["sealed"]["exit_code"] == 3
        assert texts_of(progress) == [str(number) for number in range(6)]


async def test_the_topic_has_the_same_events_under_the_same_ids_on_both_servers(two: Two) -> None:
    await two.here.call("create", "s")
    await eventually(lambda: two.servers[1].logs._directory.get("s") is not None)
    events = [await peer.subscribe("s") for peer in (two.here, two.there)]
    for number in range(6):
        await append((two.here, two.there)[number % 2], str(number))
    await two.here.call("seal", "s")
    await eventually(lambda: [len(each) for each in events] == [7, 7])
    assert [event.args for event in events[0]] == [event.args for event in events[1]]
    ids = [[event.publication for event in each[:-1]] for each in events]
    assert ids[0] == ids[1]


async def test_a_member_that_comes_with_a_cursor_of_the_other_server_goes_on_at_it(two: Two) -> None:
    await two.here.call("create", "s")
    told = await append(two.there, "a", "b")
    await append(two.there, "c")
    member = two.servers[0].slow_peer()
    member.subscribe("s", fairlead_start=told["next"], fairlead_epoch=told["epoch"])
    await eventually(lambda: texts_of(member.dicts) == ["c"])
    assert not any("reset" in each for each in member.dicts)


async def test_recent_history_holds_what_the_other_server_has_acknowledged(two: Two) -> None:
    await two.here.call("create", "s")
    await append(two.there, "a", "b")
    member = two.servers[0].slow_peer()
    member.subscribe("s", get_retained=True)
    await eventually(lambda: texts_of(member.dicts) == ["a", "b"])


async def test_a_read_waits_for_what_the_other_server_stores(two: Two) -> None:
    await two.here.call("create", "s")
    waiting = asyncio.ensure_future(two.here.call("read", "s", wait_s=20))
    await eventually(lambda: bool(two.servers[0].logs._surroundings.awaited))
    await append(two.there, "a")
    assert [record[2] for record in (await asyncio.wait_for(waiting, A_MOMENT_S))["records"]] == ["a"]


async def test_a_writer_that_goes_to_the_other_server_goes_on_exactly(two: Two) -> None:
    await two.here.call("create", "s", producer="p")
    await append(two.here, "a", "b", producer="p", seq=0)
    created = await two.there.call("create", "s", producer="p")
    assert created["producer_seq"] == 2
    await append(two.there, "b", "c", producer="p", seq=1)
    assert (await two.here.call("create", "s", producer="p"))["producer_seq"] == 3
    page = await two.here.call("read", "s")
    assert [record[2] for record in page["records"]] == ["a", "b", "c"]


async def test_a_list_shows_what_the_other_server_has_made_and_written(two: Two) -> None:
    for name in ("s", "t"):
        await two.there.call("create", name)
    await append(two.there, "a")

    async def listed() -> dict[str, int]:
        return {each["stream"]: each["next"] for each in (await two.here.call("list"))["streams"]}

    await until(listed, {"s": 1, "t": 0})


async def test_the_live_directory_tells_what_the_other_server_makes_and_changes(two: Two) -> None:
    heard: list[tuple[str, str]] = []
    await two.here.member.subscribe(
        "fairlead.directory.",
        lambda event: heard.append((event.args[0]["stream"], event.args[0]["change"])),
        match="prefix",
    )
    await two.there.call("create", "s")
    await eventually(lambda: heard == [("s", "created")])
    await two.there.call("update", "s", metadata={"a": 1})
    await eventually(lambda: heard[1:] == [("s", "changed")])
    await two.there.call("seal", "s")
    await eventually(lambda: heard[2:] == [("s", "sealed")])


async def test_a_stream_that_is_gone_from_the_store_is_gone_here(two: Two) -> None:
    await two.there.call("create", "s")
    assert (await two.here.call("read", "s"))["head"] == 0
    await two.store.delete(key_of(await two.store.named("s")))

    async def listed() -> list[Any]:
        return list((await two.here.call("list"))["streams"])

    await until(listed, [])
    with pytest.raises(CallError, match="no stream 's'"):
        await two.here.call("read", "s")


async def test_who_follows_what_the_other_server_deletes_is_told(two: Two) -> None:
    await two.here.call("create", "s")
    await append(two.there, "a")
    progress, final = two.here.follow("s")
    await eventually(lambda: texts_of(progress) == ["a"])
    await two.there.call("delete", "s")
    with pytest.raises(CallError, match="no_such_stream"):
        await final


async def test_a_stream_made_anew_under_a_name_is_the_new_one_everywhere(two: Two) -> None:
    await two.there.call("create", "s")
    await append(two.there, "old", "older")
    assert (await two.here.call("read", "s"))["head"] == 2
    await two.store.delete(key_of(await two.store.named("s")))
    await eventually(lambda: two.servers[1].logs._directory.get("s") is None)
    await two.there.call("create", "s")
    await append(two.there, "new")

    async def read() -> list[str]:
        try:
            return [record[2] for record in (await two.here.call("read", "s"))["records"]]
        except CallError:
            return []

    await until(read, ["new"])


async def test_an_answer_that_comes_late_brings_no_older_stream_of_a_name_back(two: Two) -> None:
    await two.here.call("create", "s")
    old = await two.store.named("s")
    assert old is not None
    await two.here.call("delete", "s")
    await two.here.call("create", "s")
    await append(two.here, "new")
    two.servers[0].logs._directory.add(old)
    assert [record[2] for record in (await two.here.call("read", "s"))["records"]] == ["new"]


async def test_trimming_there_is_seen_here(two: Two) -> None:
    await two.here.call("create", "s")
    for text in "abc":
        await append(two.there, text)
    progress, _ = two.here.follow("s")
    await eventually(lambda: texts_of(progress) == ["a", "b", "c"])
    key = key_of(await two.store.named("s"))
    await two.store.trim(key, 2)
    page = await two.here.call("read", "s", start=0, epoch=key.epoch)
    assert page["oldest"] == 2
    assert page["lagged"] == {"from": 0, "to": 2}


async def test_a_store_that_is_away_fails_reads_and_serves_again(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    await two.here.call("create", "s")

    async def fail(_ids: Any = None) -> Any:
        raise StoreUnavailable("away")

    monkeypatch.setattr(two.store, "versions", fail)
    with pytest.raises(CallError) as caught:
        await two.here.call("read", "s")
    assert caught.value.uri == StoreFailed.uri
    monkeypatch.undo()
    await append(two.there, "a")
    assert (await two.here.call("read", "s"))["head"] == 1


async def test_nothing_is_asked_of_the_store_about_streams_that_nobody_waits_for(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two.here.call("create", "s")
    await two.here.call("create", "t")
    two.here.follow("t")
    asked: list[Any] = []
    versions = two.store.versions

    async def counted(ids: Any = None) -> Any:
        asked.append(ids)
        return await versions(ids)

    monkeypatch.setattr(two.store, "versions", counted)
    await eventually(lambda: len([ids for ids in asked if ids is not None]) > 3)
    t = two.servers[0].logs._directory.get("t")
    assert t is not None
    assert all(ids in (None, [t.stream.id]) for ids in asked)


async def until(ask: Any, wanted: Any) -> None:
    """Ask again and again until the answer is this one."""
    answers: list[Any] = []

    async def run() -> None:
        while not answers or answers[-1] != wanted:
            answers.append(await ask())
            await asyncio.sleep(0.01)

    try:
        await asyncio.wait_for(run(), A_MOMENT_S)
    except TimeoutError:
        assert answers[-1] == wanted


async def test_a_look_that_breaks_is_told_and_the_next_one_succeeds(
    two: Two, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await two.here.call("create", "s")
    await append(two.there, "a")
    sharing = two.store.sharing
    assert sharing is not None

    async def broken(*_: object) -> Any:
        raise RuntimeError("a mistake of ours")

    with monkeypatch.context() as patched:
        patched.setattr(sharing, "versions", broken)
        with pytest.raises(CallError, match="a mistake of ours"):
            await asyncio.wait_for(two.here.call("read", "s"), A_MOMENT_S)
    assert (await asyncio.wait_for(two.here.call("read", "s"), A_MOMENT_S))["next"] == 1
    await two.there.call("create", "later")
    await eventually(lambda: two.servers[0].logs._directory.get("later") is not None)
    assert "a mistake of ours" in caplog.text
