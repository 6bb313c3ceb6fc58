"""`create` and `update`: what a stream is, and who may say so."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from fairlead_logstream import MemoryStreamStore, SqlStreamStore
from fairlead_logstream.live import directory
from fairlead_logstream.model.rows import StreamKey
from fairlead_router import CallError, NotAuthorized, Principal
from fairlead_store import DiskFull
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, wire_record
from unit.logstream.procedures.calling import fill, texts

# ---- create


async def test_create_says_where_stream_and_producer_stand(alice: Peer) -> None:
    created = await alice.call("create", "s", producer="p")
    assert created == {
        "epoch": created["epoch"],
        "next": 0,
        "producer_term": 0,
        "producer_seq": 0,
        "producer_unit": "records",
        "attempt": 1,
        "sealed": None,
    }
    assert 0 < created["epoch"] <= 2**53
    await alice.call("append", "s", [wire_record("a")], producer="p", term=3, seq=0)
    again = await alice.call("create", stream="s", producer="p")
    assert again == {**created, "next": 1, "producer_term": 3, "producer_seq": 1}


async def attempts_of(peer: Peer) -> list[tuple[int, int, int | None]]:
    """As the list has them: which, where it begins, its exit code."""
    (entry,) = (await peer.call("list", prefix="s"))["streams"]
    assert all(attempt["begun_us"] >= entry["created_us"] - 1_000_000 for attempt in entry["attempts"])
    return [(attempt["attempt"], attempt["first"], attempt["exit_code"]) for attempt in entry["attempts"]]


async def test_the_entry_has_the_attempts_with_their_ends(alice: Peer) -> None:
    await alice.call("create", "s")
    assert await attempts_of(alice) == [(1, 0, None)]
    await alice.call("append", "s", [wire_record("a")])
    await alice.call("seal", "s", exit_code=1)
    await alice.call("create", "s", attempt=2)
    assert await attempts_of(alice) == [(1, 0, 1), (2, 1, None)]


async def test_a_stream_that_begins_with_a_later_attempt_knows_of_no_earlier_one(alice: Peer) -> None:
    await alice.call("create", "s", attempt=2)
    assert await attempts_of(alice) == [(2, 0, None)]


async def test_a_hundred_attempts_are_known(alice: Peer) -> None:
    for attempt in range(1, 103):
        await alice.call("create", "s", attempt=attempt)
    known = await attempts_of(alice)
    assert (known[0][0], known[-1][0], len(known)) == (3, 102, 100)


async def test_create_waits_for_what_was_appended_before(alice: Peer) -> None:
    await alice.call("create", "s")
    appending = asyncio.ensure_future(alice.call("append", "s", [wire_record("a")], producer="p", seq=0))
    await asyncio.sleep(0)
    created = await alice.call("create", "s", producer="p")
    assert (created["next"], created["producer_seq"]) == (1, 1)
    await appending


async def test_two_creates_at_once_make_one_stream(service: ServiceHarness) -> None:
    peers = [service.peer(f"user{index}") for index in range(5)]
    created = await asyncio.gather(*[peer.call("create", "s") for peer in peers])
    assert len({result["epoch"] for result in created}) == 1


async def test_an_attempt_is_marked_also_in_a_new_stream(alice: Peer) -> None:
    assert (await alice.call("create", "s", attempt=3))["attempt"] == 3
    assert (await alice.call("create", "s", attempt=3))["next"] == 1
    assert (await alice.call("create", "s", attempt=4))["next"] == 2
    page = await alice.call("read", "s")
    assert [json.loads(text) for text in texts(page)] == [{"attempt": 3}, {"attempt": 4}]
    with pytest.raises(CallError) as caught:
        await alice.call("create", "s", attempt=9)
    assert (caught.value.uri, caught.value.error_kwargs) == ("fairlead.error.attempt", {"expected": 5})


async def test_a_sealed_stream_says_so_and_a_next_attempt_reopens_it(alice: Peer) -> None:
    await fill(alice)
    await alice.call("seal", "s", exit_code=1)
    assert (await alice.call("create", "s"))["sealed"] == {"exit_code": 1, "reason": None, "next": 5}
    reopened = await alice.call("create", "s", attempt=2)
    assert (reopened["sealed"], reopened["next"]) == (None, 6)
    await alice.call("append", "s", [wire_record("again")])


@pytest.mark.parametrize("name", ["", "a.b", "a b", "x" * 129, "a/b", "ä", "#", "a\nb"])
async def test_a_name_that_is_no_id_is_refused(alice: Peer, name: str) -> None:
    for call in (
        alice.call("create", name),
        alice.call("create", "s", object=name),
        alice.call("append", name, []),
        alice.call("read", name),
        alice.call("seal", name),
    ):
        with pytest.raises(CallError, match="an id has 1 to 128 of the characters") as caught:
            await call
        assert caught.value.uri == "wamp.error.invalid_argument"


async def test_a_stream_belongs_to_one_object(alice: Peer) -> None:
    await alice.call("create", "s", object="container-1")
    await alice.call("create", "s")
    await alice.call("create", "s", object="container-1")
    with pytest.raises(CallError, match="belongs to object 'container-1', not 'container-2'"):
        await alice.call("create", "s", object="container-2")


async def test_the_object_of_a_new_stream_is_made_first(store: MemoryStreamStore) -> None:
    harness = ServiceHarness()
    harness.rights.everybody = False
    asked: list[tuple[str, str, str | None]] = []

    async def new_object(principal: Principal, object_id: str, project: str | None) -> None:
        asked.append((principal.authid, object_id, project))
        if project != "mine":
            raise NotAuthorized(f"'{principal.authid}' may not write project '{project}'")
        harness.rights.grant(principal.authid, "write", object_id)

    await harness.start(store, new_object)
    alice, bob = harness.peer("alice"), harness.peer("bob")
    with pytest.raises(CallError, match="may not write project 'theirs'"):
        await alice.call("create", "s", project="theirs")
    await alice.call("create", "s", project="mine")
    await alice.call("create", "s", project="mine")
    assert asked == [("alice", "s", "theirs"), ("alice", "s", "mine")]
    with pytest.raises(CallError, match="may not write stream 's', or there is no such stream"):
        await bob.call("create", "s")
    await harness.close()


# ---- metadata and retention


async def entry(peer: Peer, stream: str = "s") -> Any:
    """The stream's entry in the directory."""
    (found,) = (await peer.call("list", prefix=stream))["streams"]
    return found


async def test_a_new_stream_keeps_its_metadata_and_retention_and_an_old_one_its_own(alice: Peer) -> None:
    await alice.call("create", "s", metadata={"state": "new", "n": [1, None]}, retention={"max_age_s": 60})
    await alice.call("create", "s", metadata={"state": "other"}, retention={"max_bytes": 5})
    found = await entry(alice)
    assert (found["metadata"], found["retention"]) == ({"state": "new", "n": [1, None]}, {"max_age_s": 60})


async def test_update_changes_what_it_names(alice: Peer) -> None:
    await alice.call("create", "s", metadata={"a": 1}, retention={"max_age_s": 60})
    assert await alice.call("update", "s", metadata={"b": 2}) == {"metadata": {"b": 2}, "retention": {"max_age_s": 60}}
    told = await alice.call("update", "s", retention={"max_records": 7, "max_bytes": 9})
    assert told == {"metadata": {"b": 2}, "retention": {"max_bytes": 9, "max_records": 7}}
    assert await alice.call("update", "s", retention=None) == {"metadata": {"b": 2}, "retention": {}}
    found = await entry(alice)
    assert (found["metadata"], found["retention"]) == ({"b": 2}, {})


async def test_an_update_is_there_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'logs.sqlite'}"
    first = ServiceHarness()
    await first.start(SqlStreamStore.open(url, "realm1"))
    await first.peer().call("create", "s", heartbeat_s=600)
    await first.peer().call("update", "s", metadata={"a": [True, b"hi"]}, retention={"max_age_s": 2**53})
    await first.close()
    second = ServiceHarness()
    await second.start(SqlStreamStore.open(url, "realm1"))
    found = await entry(second.peer())
    assert (found["metadata"], found["retention"]) == ({"a": [True, b"hi"]}, {"max_age_s": 2**53})
    assert found["heartbeat_s"] == 600
    await second.close()


async def test_a_sealed_stream_may_be_updated_and_is_not_sealed_again(service: ServiceHarness, alice: Peer) -> None:
    await alice.call("create", "s")
    events = await alice.subscribe("s")
    await alice.call("seal", "s", exit_code=0)
    await alice.call("update", "s", metadata={"kept": "for ever"})
    await alice.call("create", "s", attempt=2)
    await eventually(lambda: len(events) == 2)
    assert [next(iter(event.args[0])) for event in events] == ["sealed", "first"]


def nested(levels: int) -> dict[str, Any]:
    return {"a": [] if levels == 2 else nested(levels - 1)}


async def test_the_deepest_metadata_can_be_listed(alice: Peer) -> None:
    await alice.call("create", "s", metadata=nested(16))
    (found,) = (await alice.call("list"))["streams"]
    assert found["metadata"] == nested(16)


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"metadata": {"a": "x" * 5000}}, "metadata is 5008 bytes of JSON: at most 4096"),
        ({"metadata": ["a"]}, "metadata"),
        ({"metadata": nested(17)}, "metadata is nested deeper than 16 levels"),
        ({"retention": {"max_age": 5}}, "max_age"),
        ({"retention": {"max_age_s": 0}}, "retention.max_age_s"),
        ({"retention": {"max_records": -1}}, "retention.max_records"),
        ({"retention": {"max_bytes": 2**53 + 1}}, "retention.max_bytes"),
    ],
)
async def test_wrong_metadata_and_retention_are_named(alice: Peer, kwargs: dict[str, Any], text: str) -> None:
    await alice.call("create", "there")
    for call in (alice.call("create", "s", **kwargs), alice.call("update", "there", **kwargs)):
        with pytest.raises(CallError) as caught:
            await call
        assert caught.value.uri == "wamp.error.invalid_argument"
        assert text in str(caught.value)
    assert [found["stream"] for found in (await alice.call("list"))["streams"]] == ["there"]


@pytest.mark.parametrize("heartbeat_s", [0, -1, 86_401, "5"])
async def test_a_heartbeat_is_between_a_second_and_a_day(alice: Peer, heartbeat_s: Any) -> None:
    with pytest.raises(CallError, match="heartbeat_s"):
        await alice.call("create", "s", heartbeat_s=heartbeat_s)


async def test_update_needs_write(guarded: ServiceHarness) -> None:
    guarded.rights.grant("alice", "write", "o")
    guarded.rights.grant("bob", "read", "o")
    alice, bob, carol = guarded.peer("alice"), guarded.peer("bob"), guarded.peer("carol")
    await alice.call("create", "s", object="o")
    for peer in (bob, carol):
        with pytest.raises(CallError, match="may not write stream 's', or there is no such stream"):
            await peer.call("update", "s", metadata={})
    await alice.call("update", "s", metadata={})
    with pytest.raises(CallError, match="or there is no such stream"):
        await alice.call("update", "nope", metadata={})


# ---- units


async def test_create_says_and_checks_what_a_producer_counts(alice: Peer) -> None:
    assert (await alice.call("create", "s", producer="p", unit="bytes"))["producer_unit"] == "bytes"
    await alice.call("append", "s", [wire_record("abc")], producer="p", offset=0)
    stands = await alice.call("create", "s", producer="p")
    assert (stands["producer_seq"], stands["producer_unit"]) == (4, "bytes")
    with pytest.raises(CallError, match="producer 'p' of stream 's' counts bytes, not records"):
        await alice.call("create", "s", producer="p", unit="records")


# ---- delete


async def test_delete_takes_the_stream_away_for_good(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'logs.sqlite'}"
    harness = ServiceHarness()
    await harness.start(SqlStreamStore.open(url, "realm1"))
    alice = harness.peer()
    epoch = await fill(alice)
    assert await alice.call("delete", "s") == {"stream": "s"}
    for call in (alice.call("read", "s"), alice.call("append", "s", []), alice.call("delete", "s")):
        with pytest.raises(CallError) as caught:
            await call
        assert (caught.value.uri, caught.value.error_kwargs) == ("fairlead.error.no_such_stream", {"stream": "s"})
    assert (await alice.call("list"))["streams"] == []
    created = await alice.call("create", "s")
    assert (created["next"], created["producer_seq"]) == (0, 0)
    assert created["epoch"] != epoch
    await harness.close()
    again = ServiceHarness()
    await again.start(SqlStreamStore.open(url, "realm1"))
    assert (await again.peer().call("read", "s"))["records"] == []
    await again.close()


async def test_delete_needs_manage(guarded: ServiceHarness) -> None:
    guarded.rights.grant("alice", "write", "s")
    guarded.rights.grant("bob", "manage", "s")
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    await alice.call("create", "s")
    with pytest.raises(CallError, match="may not manage stream 's', or there is no such stream"):
        await alice.call("delete", "s")
    await bob.call("delete", "s")


async def test_who_reads_a_stream_that_is_deleted_is_told(service: ServiceHarness, alice: Peer) -> None:
    epoch = await fill(alice)
    changes = await alice.watch()
    events = await alice.subscribe("s")
    progress, final = service.peer("bob").follow("s")
    waiting = asyncio.ensure_future(service.peer("carol").call("read", "s", tail=0, wait_s=50))
    slow = service.slow_peer()
    slow.pause()
    slow.follow("s")
    await eventually(lambda: progress)
    await alice.call("delete", "s")
    for future in (final, waiting):
        with pytest.raises(CallError, match="there is no stream 's'"):
            await future
    await eventually(lambda: events)
    assert [event.args[0] for event in events] == [{"deleted": {"epoch": epoch, "next": 5}}]
    assert changes == [("deleted", "s")]
    slow.resume()
    await eventually(lambda: slow.errors == ["fairlead.error.no_such_stream"])


async def test_a_subscriber_of_a_deleted_stream_goes_on_with_a_new_one_of_that_name(alice: Peer) -> None:
    await fill(alice)
    events = await alice.subscribe("s")
    await alice.call("delete", "s")
    await fill(alice, "s", 1)
    await eventually(lambda: len(events) == 2)
    assert [next(iter(event.args[0])) for event in events] == ["deleted", "first"]


async def test_a_new_stream_of_another_object_shows_nothing_to_who_could_read_the_old_one(
    guarded: ServiceHarness,
) -> None:
    guarded.rights.grant("alice", "write", "old")
    guarded.rights.grant("alice", "manage", "old")
    guarded.rights.grant("alice", "write", "secret")
    guarded.rights.grant("bob", "read", "old")
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    await alice.call("create", "s", object="old")
    events = await bob.subscribe("s")
    await alice.call("delete", "s")
    await alice.call("create", "s", object="secret")
    await alice.call("append", "s", [wire_record("secret")])
    assert not any("records" in event.args[0] for event in events)


async def test_a_stream_that_cannot_be_deleted_goes_on(alice: Peer, store: MemoryStreamStore) -> None:
    await fill(alice)

    async def fail(_key: object) -> None:
        raise DiskFull("the disk is full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "delete", fail)
        with pytest.raises(CallError, match="stream 's' was not deleted: the disk is full") as caught:
            await alice.call("delete", "s")
    assert caught.value.uri == "fairlead.error.store_failed"
    assert (await alice.call("append", "s", [wire_record("more")]))["next"] == 6


async def test_who_appends_while_it_is_deleted_is_told_to_try_again(alice: Peer, store: MemoryStreamStore) -> None:
    await fill(alice)
    begun, may_end = asyncio.Event(), asyncio.Event()
    delete = store.delete

    async def delete_slowly(key: StreamKey) -> None:
        begun.set()
        await may_end.wait()
        await delete(key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "delete", delete_slowly)
        deleting = asyncio.ensure_future(alice.call("delete", "s"))
        await begun.wait()
        with pytest.raises(CallError, match="is being deleted: try again") as caught:
            await alice.call("append", "s", [wire_record("more")])
        may_end.set()
        await deleting
    assert caught.value.uri == "fairlead.error.store_failed"


async def test_two_who_delete_at_once_delete_it_once(tmp_path: Path) -> None:
    harness = ServiceHarness()
    await harness.start(SqlStreamStore.open(f"sqlite:///{tmp_path / 'logs.sqlite'}", "realm1"))
    alice = harness.peer()
    await fill(alice)
    changes = await alice.watch()
    deleted = await asyncio.gather(*[harness.peer(name).call("delete", "s") for name in ("bob", "carol")])
    assert deleted == [{"stream": "s"}, {"stream": "s"}]
    await alice.call("create", "t")
    await eventually(lambda: len(changes) == 2)
    assert changes == [("deleted", "s"), ("created", "t")]
    await harness.close()


async def test_a_realm_has_so_many_streams(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "STREAMS_LIMIT", 2)
    for name in ("a", "b", "a"):
        await alice.call("create", name)
    with pytest.raises(CallError, match="there are 2 streams already") as caught:
        await alice.call("create", "c")
    assert caught.value.uri == "fairlead.error.limit_exceeded"
    await alice.call("delete", "a")
    await alice.call("create", "c")
