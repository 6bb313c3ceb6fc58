"""Durable cursors: where consumers stand, whose they are, and that they don't go back by accident."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fairlead_logstream import MemoryStreamStore, SqlStreamStore
from fairlead_logstream.procedures import cursors
from fairlead_router import CallError
from fairlead_store import DiskFull
from unit.logstream.fakes import Peer, ServiceHarness, wire_record


@pytest.fixture
async def epoch(alice: Peer) -> int:
    """Of a stream with ten records in two batches."""
    created = await alice.call("create", "s")
    for _ in range(2):
        await alice.call("append", "s", [wire_record("x" * 100)] * 5)
    return int(created["epoch"])


async def test_a_commit_is_kept(alice: Peer, epoch: int) -> None:
    assert await alice.call("commit", "s", "indexer", 4, epoch) == {"next": 4}
    assert await alice.call("commit", "s", "indexer", 5, epoch) == {"next": 5}
    seen = await alice.call("cursor", "s", "indexer")
    assert (seen["next"], seen["epoch"], seen["head"], seen["owner"]) == (5, epoch, 10, "alice")
    assert seen["lag_records"] == 5
    listed = (await alice.call("list", prefix="s"))["streams"]
    assert seen["lag_bytes"] == listed[0]["bytes"] // 2
    assert seen["committed_us"] > 0


async def test_a_consumer_that_has_everything_lags_by_nothing(alice: Peer, epoch: int) -> None:
    await alice.call("commit", "s", "indexer", 10, epoch)
    seen = await alice.call("cursor", "s", "indexer")
    assert (seen["lag_records"], seen["lag_bytes"]) == (0, 0)


async def test_a_consumer_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    for expected in (None, 3):
        harness = ServiceHarness()
        await harness.start(SqlStreamStore.open(f"sqlite:///{tmp_path / 'logs.sqlite'}", "realm1"))
        alice = harness.peer()
        epoch = (await alice.call("create", "s"))["epoch"]
        if expected is None:
            await alice.call("append", "s", [wire_record(str(number)) for number in range(5)])
            await alice.call("commit", "s", "c", 3, epoch)
        else:
            cursor = await alice.call("cursor", "s", "c")
            page = await alice.call("read", "s", start=cursor["next"], epoch=cursor["epoch"])
            assert [record[2] for record in page["records"]] == ["3", "4"]
        await harness.close()


@pytest.mark.parametrize(
    ("name", "position", "epochs_later", "error", "text"),
    [
        ("c", 11, 0, "fairlead.error.ahead", "ahead of the head 10"),
        ("c", 3, 1, "fairlead.error.other_epoch", "is of epoch"),
        ("c", 3, 0, "fairlead.error.backwards", "takes back=true"),
        ("c", -1, 0, "wamp.error.invalid_argument", "next"),
        ("a b", 3, 0, "wamp.error.invalid_argument", "cursor is 'a b'"),
        ("x" * 129, 3, 0, "wamp.error.invalid_argument", "cursor is"),
    ],
)
async def test_what_is_refused(
    alice: Peer, epoch: int, name: str, position: int, epochs_later: int, error: str, text: str
) -> None:
    await alice.call("commit", "s", "c", 4, epoch)
    with pytest.raises(CallError, match=text) as caught:
        await alice.call("commit", "s", name, position, epoch + epochs_later)
    assert caught.value.uri == error
    assert (await alice.call("cursor", "s", "c"))["next"] == 4


async def test_a_commit_may_be_repeated_and_go_back_if_it_says_so(alice: Peer, epoch: int) -> None:
    await alice.call("commit", "s", "c", 4, epoch)
    assert await alice.call("commit", "s", "c", 4, epoch) == {"next": 4}
    assert await alice.call("commit", "s", "c", 1, epoch, back=True) == {"next": 1}
    assert (await alice.call("cursor", "s", "c"))["next"] == 1


async def test_cursors_are_listed_and_deleted(alice: Peer, epoch: int) -> None:
    for name, position in (("b", 2), ("a", 9)):
        await alice.call("commit", "s", name, position, epoch)
    listed = await alice.call("cursors", "s")
    assert [(each["cursor"], each["next"], each["lag_records"]) for each in listed["cursors"]] == [
        ("a", 9, 1),
        ("b", 2, 8),
    ]
    assert (listed["head"], listed["epoch"]) == (10, epoch)
    for _ in range(2):
        assert await alice.call("delete_cursor", "s", "a") == {}
    with pytest.raises(CallError) as caught:
        await alice.call("cursor", "s", "a")
    assert caught.value.uri == "fairlead.error.no_such_cursor"


async def test_a_stream_has_so_many_cursors(alice: Peer, epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursors, "CURSORS_LIMIT", 2)
    for name in ("a", "b", "a"):
        await alice.call("commit", "s", name, 1, epoch)
    with pytest.raises(CallError) as caught:
        await alice.call("commit", "s", "c", 1, epoch)
    assert caught.value.uri == "fairlead.error.limit_exceeded"


async def test_one_reader_leaves_room_for_the_cursors_of_others(
    monkeypatch: pytest.MonkeyPatch, service: ServiceHarness, alice: Peer, epoch: int
) -> None:
    monkeypatch.setattr(cursors, "CURSORS_PER_OWNER_LIMIT", 2)
    for name in ("a", "b", "a"):
        await alice.call("commit", "s", name, 1, epoch)
    with pytest.raises(CallError, match="'alice' has 2 cursors of stream 's' already") as caught:
        await alice.call("commit", "s", "c", 1, epoch)
    assert caught.value.error_kwargs["limit"] == "cursors_per_owner"
    assert await service.peer("bob").call("commit", "s", "c", 1, epoch) == {"next": 1}


async def test_a_failing_store_is_told(alice: Peer, epoch: int, store: MemoryStreamStore) -> None:
    store.fail_next = DiskFull("the disk is full")
    with pytest.raises(CallError, match="the disk is full") as caught:
        await alice.call("commit", "s", "c", 1, epoch)
    assert caught.value.uri == "fairlead.error.store_failed"


async def a_guarded_stream(guarded: ServiceHarness) -> int:
    """Alice writes it, alice and bob read it."""
    for authid, level in (("alice", "read"), ("alice", "write"), ("bob", "read")):
        guarded.rights.grant(authid, level, "s")  # type: ignore[arg-type]
    alice = guarded.peer("alice")
    epoch = int((await alice.call("create", "s"))["epoch"])
    await alice.call("append", "s", [wire_record("x")] * 5)
    return epoch


async def test_a_cursor_is_its_owners(guarded: ServiceHarness) -> None:
    epoch = await a_guarded_stream(guarded)
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    await bob.call("commit", "s", "c", 2, epoch)
    assert (await alice.call("cursor", "s", "c"))["owner"] == "bob"
    for name, arguments in (("commit", ["c", 3, epoch]), ("delete_cursor", ["c"])):
        with pytest.raises(CallError, match="needs manage") as caught:
            await alice.call(name, "s", *arguments)
        assert caught.value.uri == "wamp.error.not_authorized"
    guarded.rights.grant("alice", "manage", "s")
    await alice.call("commit", "s", "c", 3, epoch)
    seen = await bob.call("cursor", "s", "c")
    assert (seen["owner"], seen["next"]) == ("bob", 3)


async def test_two_that_make_one_cursor_at_once_do_not_share_it(guarded: ServiceHarness) -> None:
    epoch = await a_guarded_stream(guarded)
    commits = [guarded.peer(who).call("commit", "s", "c", at, epoch) for who, at in (("bob", 1), ("alice", 2))]
    results: list[Any] = await asyncio.gather(*commits, return_exceptions=True)
    assert results[0] == {"next": 1}
    assert isinstance(results[1], CallError)
    assert (await guarded.peer("bob").call("cursor", "s", "c"))["next"] == 1


@pytest.mark.parametrize(
    ("name", "arguments"), [("commit", ["c", 1, 1]), ("cursor", ["c"]), ("cursors", []), ("delete_cursor", ["c"])]
)
async def test_who_may_not_read_the_stream_knows_nothing_of_its_cursors(
    guarded: ServiceHarness, name: str, arguments: list[Any]
) -> None:
    await a_guarded_stream(guarded)
    with pytest.raises(CallError, match="or there is no such stream") as caught:
        await guarded.peer("carol").call(name, "s", *arguments)
    assert caught.value.uri == "wamp.error.not_authorized"


async def test_what_retention_removed_is_no_lag(alice: Peer, epoch: int, service: ServiceHarness) -> None:
    await alice.call("commit", "s", "c", 2, epoch)
    live: Any = service.logs._directory.get("s")
    live.stream.oldest = 5
    assert (await alice.call("cursor", "s", "c"))["lag_records"] == 5
