"""The procedures as a caller sees them: arguments, results, errors, rights."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fairlead_logstream import LogService, MemoryStreamStore
from fairlead_router import CallError
from fairlead_store import DiskFull
from support.waiting import eventually
from unit.logstream.fakes import NOW_US, Peer, ServiceHarness, wire_record
from unit.logstream.procedures.calling import fill, texts

# ---- read


async def test_read_gives_a_page_with_everything_about_it(alice: Peer) -> None:
    epoch = await fill(alice)
    assert await alice.call("read", "s", limit=2) == {
        "first": 0,
        "records": [wire_record("0", NOW_US), wire_record("1", NOW_US + 1)],
        "next": 2,
        "head": 5,
        "oldest": 0,
        "epoch": epoch,
        "sealed": None,
    }


async def test_read_goes_on_at_a_cursor(alice: Peer) -> None:
    epoch = await fill(alice)
    page = await alice.call("read", "s", start=3, epoch=epoch)
    assert (page["first"], texts(page)) == (3, ["3", "4"])
    page = await alice.call("read", "s", start=5, epoch=epoch)
    assert (page["first"], page["next"], page["records"]) == (5, 5, [])
    assert texts(await alice.call("read", "s", start=0)) == list("01234")


@pytest.mark.parametrize(("tail", "expected"), [(0, ""), (2, "34"), (5, "01234"), (99, "01234")])
async def test_read_the_last_records(alice: Peer, tail: int, expected: str) -> None:
    await fill(alice)
    assert texts(await alice.call("read", "s", tail=tail)) == list(expected)


@pytest.mark.parametrize(("since", "expected"), [(0, "01234"), (NOW_US + 3, "34"), (NOW_US + 9, "")])
async def test_read_from_a_time(alice: Peer, since: int, expected: str) -> None:
    await fill(alice)
    assert texts(await alice.call("read", "s", since=since)) == list(expected)


async def test_read_is_limited_in_bytes(alice: Peer) -> None:
    await alice.call("create", "s")
    for _ in range(10):
        await alice.call("append", "s", [wire_record("x" * 6000) for _ in range(10)])
    page = await alice.call("read", "s", limit=10_000)
    assert len(json.dumps(page)) < 256 << 10
    assert 30 < len(page["records"]) < 42
    page = await alice.call("read", "s", max_bytes=13_000)
    assert len(page["records"]) == 2
    page = await alice.call("read", "s", max_bytes=1)
    assert len(page["records"]) == 1


async def test_a_cursor_of_another_epoch_is_reset(alice: Peer) -> None:
    epoch = await fill(alice)
    page = await alice.call("read", "s", start=3, epoch=epoch + 1)
    assert page["reset"] == {"epoch": epoch, "oldest": 0, "next": 0}
    assert (page["first"], texts(page)) == (0, list("01234"))


async def test_a_cursor_ahead_of_the_head_is_an_error(alice: Peer) -> None:
    epoch = await fill(alice)
    with pytest.raises(CallError, match="start 6 is ahead of the head 5 of stream 's'") as caught:
        await alice.call("read", "s", start=6, epoch=epoch, wait_s=10)
    assert (caught.value.uri, caught.value.error_kwargs) == ("fairlead.error.ahead", {"head": 5, "epoch": epoch})


async def test_what_retention_removed_is_told(service: ServiceHarness, alice: Peer) -> None:
    epoch = await fill(alice)
    live = service.logs._directory.get("s")
    assert live is not None
    live.stream.oldest = 3
    page = await alice.call("read", "s", start=1, epoch=epoch)
    assert (page["lagged"], page["oldest"], page["first"]) == ({"from": 1, "to": 3}, 3, 3)
    assert texts(page) == ["3", "4"]
    page = await alice.call("read", "s")
    assert "lagged" not in page
    assert texts(page) == ["3", "4"]


async def test_a_waiting_read_is_woken_by_an_append(alice: Peer) -> None:
    epoch = await fill(alice)
    reading = asyncio.ensure_future(alice.call("read", "s", start=5, epoch=epoch, wait_s=50))
    await asyncio.sleep(0.02)
    assert not reading.done()
    await alice.call("append", "s", [wire_record("5")])
    assert texts(await reading) == ["5"]


async def test_a_waiting_read_is_woken_by_the_seal(alice: Peer) -> None:
    await fill(alice)
    reading = asyncio.ensure_future(alice.call("read", "s", tail=0, wait_s=50))
    await asyncio.sleep(0)
    await alice.call("seal", "s", exit_code=0)
    page = await reading
    assert (page["records"], page["sealed"]) == ([], {"exit_code": 0, "reason": None, "next": 5})


async def test_a_waiting_read_ends_when_its_time_is_over(alice: Peer) -> None:
    await fill(alice)
    page = await alice.call("read", "s", tail=0, wait_s=0.02)
    assert (page["records"], page["next"], page["head"]) == ([], 5, 5)


async def test_a_read_does_not_wait_when_there_is_something(alice: Peer) -> None:
    await fill(alice)
    assert texts(await alice.call("read", "s", tail=1, wait_s=50)) == ["4"]
    await alice.call("seal", "s")
    assert (await alice.call("read", "s", tail=0, wait_s=50))["sealed"]["next"] == 5


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"start": 3}, "start is 3 and needs the epoch"),
        ({"start": 3, "epoch": 1, "tail": 2}, "start and tail exclude each other"),
        ({"tail": 2, "since": 5}, "tail and since exclude each other"),
        ({"start": -1}, "Expected `int` >= 0"),
        ({"start": "x"}, "Expected `int | null`, got `str`"),
        ({"limit": 0}, "Expected `int` >= 1"),
        ({"limit": 10_001}, "Expected `int` <= 10000"),
        ({"max_bytes": 0}, "Expected `int` >= 1"),
        ({"wait_s": -1}, "Expected `float` >= 0"),
        ({"wait_s": "long"}, "Expected `float`, got `str`"),
    ],
)
async def test_wrong_arguments_of_read_are_named(alice: Peer, kwargs: dict[str, Any], text: str) -> None:
    await fill(alice)
    for name in ("read", "follow") if set(kwargs) & {"start", "tail"} else ("read",):
        with pytest.raises(CallError, match=text) as caught:
            await alice.member.call(f"fairlead.log.{name}", ["s"], kwargs, on_progress=lambda *_: None)
        assert caught.value.uri == "wamp.error.invalid_argument"


async def test_an_unknown_stream_is_named(alice: Peer) -> None:
    calls: list[tuple[str, list[Any]]] = [("append", [[]]), ("read", []), ("seal", [])]
    for name, args in calls:
        with pytest.raises(CallError, match="there is no stream 'nope'") as caught:
            await alice.call(name, "nope", *args)
        assert (caught.value.uri, caught.value.error_kwargs) == ("fairlead.error.no_such_stream", {"stream": "nope"})


# ---- follow


async def test_follow_brings_history_what_comes_and_the_end(alice: Peer) -> None:
    await fill(alice)
    progress, final = alice.follow("s")
    await alice.call("append", "s", [wire_record("5")])
    await alice.call("seal", "s", exit_code=3, reason="why")
    assert await final == {"sealed": {"exit_code": 3, "reason": "why", "next": 6}}
    assert texts(progress) == list("012345")


@pytest.mark.parametrize(
    ("kwargs", "expected"), [({"tail": 2}, "34"), ({"since": NOW_US + 1}, "1234"), ({"start": 0}, "01234")]
)
async def test_follow_begins_where_it_is_told(alice: Peer, kwargs: dict[str, Any], expected: str) -> None:
    await fill(alice)
    progress, final = alice.follow("s", **kwargs)
    await eventually(lambda: texts(progress) == list(expected))
    await alice.call("seal", "s")
    await final
    assert texts(progress) == list(expected)


async def test_follow_without_progress_is_an_error_at_once(alice: Peer) -> None:
    await fill(alice)
    with pytest.raises(CallError, match="call it with receive_progress") as caught:
        await alice.call("follow", "s")
    assert caught.value.uri == "fairlead.error.no_progress"


async def test_follow_of_another_epoch_begins_with_reset(alice: Peer) -> None:
    epoch = await fill(alice)
    await alice.call("seal", "s")
    progress, final = alice.follow("s", start=4, epoch=epoch - 1)
    await final
    assert progress[0] == {"reset": {"epoch": epoch, "oldest": 0, "next": 0}}
    assert texts(progress) == list("01234")


async def test_a_follower_that_leaves_is_forgotten(service: ServiceHarness, alice: Peer) -> None:
    await fill(alice)
    bob = service.peer("bob")
    progress, final = bob.follow("s")
    await eventually(lambda: progress)
    assert service.logs._surroundings.followed
    bob.member.leave()
    await asyncio.gather(final, return_exceptions=True)
    await eventually(lambda: not service.logs._surroundings.followed)


# ---- rights


async def test_who_may_not_is_refused_the_same_whether_or_not_the_stream_is_there(guarded: ServiceHarness) -> None:
    guarded.rights.grant("alice", "write", "hidden")
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    await alice.call("create", "hidden")
    calls: list[tuple[str, list[Any]]] = [("create", []), ("append", [[]]), ("read", []), ("seal", [])]
    for name, args in calls:
        told = []
        for stream in ("hidden", "nope"):
            with pytest.raises(CallError) as caught:
                await bob.call(name, stream, *args)
            assert caught.value.uri == "wamp.error.not_authorized"
            told.append(str(caught.value).replace(stream, "STREAM"))
        assert told[0] == told[1]


async def test_writing_does_not_need_reading_and_reading_allows_no_writing(guarded: ServiceHarness) -> None:
    guarded.rights.grant("writer", "write", "s")
    guarded.rights.grant("reader", "read", "s")
    writer, reader = guarded.peer("writer"), guarded.peer("reader")
    await fill(writer)
    assert len((await reader.call("read", "s"))["records"]) == 5
    for call in (writer.call("read", "s"), reader.call("append", "s", []), reader.call("seal", "s")):
        with pytest.raises(CallError, match="or there is no such stream"):
            await call


async def test_list_shows_only_what_may_be_read(guarded: ServiceHarness) -> None:
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    for name in ("a", "b", "c"):
        guarded.rights.grant("alice", "write", name)
        await alice.call("create", name)
    guarded.rights.grant("bob", "read", "b")
    page = await bob.call("list", limit=1)
    assert ([stream["stream"] for stream in page["streams"]], page["after"]) == (["b"], None)


async def test_losing_the_right_ends_follow_and_waiting_read(guarded: ServiceHarness) -> None:
    guarded.rights.grant("alice", "write", "s")
    guarded.rights.grant("bob", "read", "s")
    guarded.rights.grant("carol", "read", "s")
    alice, bob, carol = guarded.peer("alice"), guarded.peer("bob"), guarded.peer("carol")
    await fill(alice)
    progress, final = bob.follow("s")
    others, _ = carol.follow("s")
    reading = asyncio.ensure_future(bob.call("read", "s", tail=0, wait_s=50))
    await eventually(lambda: len(texts(progress)) == 5 and len(texts(others)) == 5)

    guarded.revoke("bob", "read", "s")
    await alice.call("append", "s", [wire_record("secret")])
    for future in (final, reading):
        with pytest.raises(CallError) as caught:
            await future
        assert caught.value.uri == "wamp.error.not_authorized"
    await eventually(lambda: len(texts(others)) == 6)
    assert len(texts(progress)) == 5
    carol.member.leave()
    await eventually(lambda: not guarded.logs._surroundings.followed)


# ---- life


async def test_everything_is_there_after_a_restart(store: MemoryStreamStore) -> None:
    first = ServiceHarness()
    await first.start(store)
    epoch = await fill(first.peer())
    await first.close()

    second = ServiceHarness()
    await second.start(store)
    alice = second.peer()
    page = await alice.call("read", "s")
    assert (page["epoch"], texts(page)) == (epoch, list("01234"))
    assert (await alice.call("append", "s", [wire_record("5")]))["first"] == 5
    await second.close()


async def test_close_acknowledges_what_is_being_written_and_ends_the_rest(store: MemoryStreamStore) -> None:
    harness = ServiceHarness()
    await harness.start(store)
    alice, bob = harness.peer("alice"), harness.peer("bob")
    await fill(alice)
    reading = asyncio.ensure_future(bob.call("read", "s", tail=0, wait_s=50))
    progress, following = bob.follow("s")
    await eventually(lambda: progress)
    appends = [asyncio.ensure_future(alice.call("append", "s", [wire_record(str(index))])) for index in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await harness.close()
    results = await asyncio.gather(*appends, reading, following, return_exceptions=True)
    stored = sum(not isinstance(result, BaseException) for result in results[:5])
    head = (await store.streams())[0].head
    assert head >= 5 + stored
    assert isinstance(results[-1], CallError)


async def test_a_directory_that_cannot_be_read_closes_the_store(store: MemoryStreamStore) -> None:
    closed: list[bool] = []

    class Broken(MemoryStreamStore):
        async def streams(self) -> list[Any]:
            raise DiskFull("the disk is full")

        async def close(self) -> None:
            closed.append(True)

    with pytest.raises(DiskFull):
        await LogService.over(Broken())
    assert closed == [True]


async def test_an_idle_follower_hears_the_head_as_often_as_it_asks_for(alice: Peer) -> None:
    await fill(alice)
    progress, _final = alice.follow("s", heartbeat_s=1)
    await eventually(lambda: progress[-1:] == [{"head": 5}])


@pytest.mark.parametrize("heartbeat_s", [0.5, 301])
async def test_a_heartbeat_is_neither_a_flood_nor_never(alice: Peer, heartbeat_s: float) -> None:
    await fill(alice)
    _progress, final = alice.follow("s", heartbeat_s=heartbeat_s)
    with pytest.raises(CallError, match="heartbeat_s"):
        await final
