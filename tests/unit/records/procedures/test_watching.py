"""`watch` as a caller sees it: a snapshot, then every change; rights that come and go; bookmarks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fairlead_records import MemoryRecordStore, Permissions
from fairlead_router import CallError
from support.waiting import eventually
from unit.records.fakes import Peer, Picture, ServiceHarness


async def whole(picture: Picture) -> str:
    """Its next bookmark, or the one that it has."""
    await eventually(lambda: picture.bookmark is not None)
    assert picture.bookmark is not None
    return picture.bookmark


async def fill(peer: Peer, count: int, **about: Any) -> None:
    for number in range(count):
        await peer.put(f"r{number}", {"n": number}, **about)


# ---- the snapshot and what comes after it


async def test_a_watch_begins_with_what_there_is_and_a_bookmark(alice: Peer) -> None:
    await fill(alice, 3)
    await alice.put("disk-1", kind="disk")
    picture, _ = alice.watch(kind="job")
    await whole(picture)
    assert picture.changes == [("added", "r0"), ("added", "r1"), ("added", "r2")]
    assert picture.records["r1"]["state"] == {"n": 1}
    (only,) = picture.dicts
    assert set(only) == {"watch", "changes", "bookmark"}


async def test_a_watch_of_nothing_is_whole_at_once(alice: Peer) -> None:
    picture, _ = alice.watch(id="r0")
    await whole(picture)
    assert picture.dicts[0]["changes"] == []


async def test_changes_follow(alice: Peer) -> None:
    await fill(alice, 1)
    picture, _ = alice.watch(kind="job")
    await whole(picture)
    await alice.put("r0", {"n": 7})
    await alice.put("r1")
    await alice.call("record.delete", "r0")
    await eventually(lambda: len(picture.changes) == 4)
    assert picture.changes == [("added", "r0"), ("changed", "r0"), ("added", "r1"), ("removed", "r0")]
    last = picture.dicts[-1]["changes"][0]
    assert last == {"change": "removed", "id": "r0", "deleted": True, "version": 2, "state": {"n": 7}}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"id": "r1"}, ["r1"]),
        ({"ids": ["r2", "r0", "x"]}, ["r0", "r2"]),
        ({"owner": "bob"}, ["r3"]),
        ({"kind": "disk"}, ["r4"]),
        ({"kind": "job", "where": [["n", ">", 0]]}, ["r1", "r2", "r3"]),
        ({"any": [[["n", "=", 0]], [["kind", "=", "disk"]]]}, ["r0", "r4"]),
        ({}, ["r0", "r1", "r2", "r3", "r4"]),
        ({"ids": ["r3", "r4"], "kind": "disk"}, ["r4"]),
        ({"where": [["n", "in", [1, 3]]]}, ["r1", "r3"]),
    ],
)
async def test_a_query_says_what_is_watched(alice: Peer, query: dict[str, Any], expected: list[str]) -> None:
    await fill(alice, 3)
    early, _ = alice.watch(**query)
    await alice.put("r3", {"n": 3}, owner="bob")
    await alice.put("r4", {}, kind="disk")
    late, _ = alice.watch(**query)
    await whole(late)
    assert sorted(late.records) == sorted(early.records) == expected


async def test_a_record_comes_and_goes_with_what_it_matches(alice: Peer) -> None:
    await fill(alice, 1)
    picture, _ = alice.watch(kind="job", where=[["state", "=", "on"]])
    await whole(picture)
    for state in ("on", "off", "on"):
        await alice.put("r0", {"state": state})
    await eventually(lambda: len(picture.changes) == 3)
    assert picture.changes == [("added", "r0"), ("removed", "r0"), ("added", "r0")]
    assert picture.dicts[2]["changes"] == [{"change": "removed", "id": "r0"}]


async def test_a_record_that_moves_leaves_the_watch_of_its_owner(alice: Peer) -> None:
    await alice.put("r0", owner="alice")
    of_alice, _ = alice.watch(owner="alice")
    of_bob, _ = alice.watch(owner="bob")
    await whole(of_alice)
    await alice.put("r0", owner="bob")
    await eventually(lambda: "r0" in of_bob.records)
    assert of_alice.records == {}


async def test_one_batch_is_one_dict(alice: Peer) -> None:
    picture, _ = alice.watch(kind="job")
    await whole(picture)
    changes = [{"op": "put", "id": f"r{number}", "kind": "job", "state": {}} for number in range(20)]
    await alice.call("record.batch", changes)
    await eventually(lambda: len(picture.records) == 20)
    assert len(picture.dicts) == 2


async def test_a_large_snapshot_comes_in_pages_and_one_bookmark(alice: Peer) -> None:
    for number in range(30):
        await alice.put(f"r{number}", {"text": "x" * 20_000})
    picture, _ = alice.watch(kind="job")
    await whole(picture)
    assert len(picture.records) == 30
    assert len(picture.dicts) > 5
    assert ["bookmark" in told for told in picture.dicts] == [False] * (len(picture.dicts) - 1) + [True]
    assert max(len(json.dumps(told)) for told in picture.dicts) < 128 << 10


async def test_canceling_ends_it(service: ServiceHarness, alice: Peer) -> None:
    picture, call = alice.watch(kind="job")
    await whole(picture)
    call.cancel()
    await eventually(call.done)
    await eventually(lambda: len(service.records.watches) == 0)


# ---- what is refused


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"id": "a", "ids": ["b"]}, "id and ids exclude each other"),
        ({"ids": []}, "Expected `array` of length >= 1"),
        ({"id": "a.b"}, "id is 'a.b'"),
        ({"kind": "A"}, "kind is 'A'"),
        ({"where": [["n", "like", 1]]}, "where[0]: the op 'like'"),
        ({"any": [[]]}, "any has an empty list"),
        ({"heartbeat_s": 0}, "Expected `float` >= 1.0"),
    ],
)
async def test_a_bad_query_is_refused(alice: Peer, query: dict[str, Any], text: str) -> None:
    _, call = alice.watch(**query)
    with pytest.raises(CallError) as caught:
        await call
    assert (caught.value.uri, text in str(caught.value)) == ("wamp.error.invalid_argument", True), str(caught.value)


async def test_without_progress_it_is_refused_at_once(alice: Peer) -> None:
    with pytest.raises(CallError, match="receive_progress"):
        await alice.call("record.watch")


# ---- slow readers


async def test_a_slow_reader_gets_the_latest_state_and_the_last_change(service: ServiceHarness, alice: Peer) -> None:
    for number in range(10):
        await alice.put(f"r{number}", {"n": 0})
    slow, picture = service.slow_peer(), Picture()
    slow.call("fairlead.record.watch", kind="job")
    await eventually(lambda: any("bookmark" in told for told in slow.dicts))
    slow.pause()
    for version in range(1, 101):
        for number in range(10):
            await alice.put(f"r{number}", {"n": version, "text": "x" * 2_000})
    assert slow.queued_bytes < 400 << 10
    slow.resume()
    await eventually(lambda: slow.dicts[-1].get("bookmark") is not None and _has_all(slow.dicts, 100))
    for told in slow.dicts:
        picture.take(told)  # which sees that nothing goes back
    assert {record["state"]["n"] for record in picture.records.values()} == {100}
    assert len(picture.changes) < 500


def _has_all(told: list[Any], version: int) -> bool:
    latest = {change["id"]: change["state"]["n"] for each in told for change in each.get("changes", ())}
    return set(latest.values()) == {version}


async def test_a_slow_reader_delays_nobody(service: ServiceHarness, alice: Peer) -> None:
    slow = service.slow_peer()
    slow.pause()
    slow.call("fairlead.record.watch", kind="job")
    for number in range(40):
        await alice.put(f"r{number}", {"text": "x" * 20_000})
    picture, _ = alice.watch(kind="job")
    await whole(picture)
    assert len(picture.records) == 40


# ---- rights


def readable(harness: ServiceHarness, *ids: str) -> None:
    for id_ in ids:
        harness.rights.grant("bob", "read", id_)


@pytest.fixture
async def shared(guarded: ServiceHarness) -> ServiceHarness:
    """Alice has three records; bob may read the first two."""
    for number in range(3):
        guarded.rights.grant("alice", "manage", f"r{number}")
        guarded.rights.grant("alice", "write", f"r{number}")
    await fill(guarded.peer("alice"), 3)
    readable(guarded, "r0", "r1")
    return guarded


async def test_only_what_may_be_read_is_told(shared: ServiceHarness) -> None:
    picture, _ = shared.peer("bob").watch(kind="job")
    await whole(picture)
    assert sorted(picture.records) == ["r0", "r1"]
    count = len(picture.dicts)
    await shared.peer("alice").put("r2", {"n": 9})
    await shared.peer("alice").put("r0", {"n": 9})
    await eventually(lambda: len(picture.changes) == 3)
    assert len(picture.dicts) == count + 1, "a change of what is hidden left a trace"


async def test_a_revoke_removes_without_content(shared: ServiceHarness) -> None:
    picture, call = shared.peer("bob").watch(kind="job")
    await whole(picture)
    shared.revoke("bob", "read", "r0")
    await eventually(lambda: "r0" not in picture.records)
    assert picture.dicts[-1]["changes"] == [{"change": "removed", "id": "r0"}]
    assert not call.done()


async def test_a_grant_makes_it_appear(shared: ServiceHarness) -> None:
    picture, _ = shared.peer("bob").watch(kind="job")
    await whole(picture)
    shared.grant("bob", "read", "r2")
    await eventually(lambda: "r2" in picture.records)
    assert picture.changes[-1] == ("added", "r2")


async def test_a_grant_of_known_objects_looks_at_nothing_else(shared: ServiceHarness) -> None:
    picture, _ = shared.peer("bob").watch(kind="job")
    await whole(picture)
    shared.rights.grant("bob", "read", "r2")
    shared.realm.gate.grant(["bob"], ["elsewhere"])
    await asyncio.sleep(0.01)
    assert "r2" not in picture.records
    shared.realm.gate.grant(["bob"], ["r2"])
    await eventually(lambda: "r2" in picture.records)


@pytest.mark.parametrize("lost_by", ["principal", "object"])
async def test_what_is_queued_of_a_revoked_record_is_taken_back_and_the_rest_is_sent(
    shared: ServiceHarness, lost_by: str
) -> None:
    slow = shared.slow_peer("bob")
    slow.call("fairlead.record.watch", kind="job")
    await eventually(lambda: any("bookmark" in told for told in slow.dicts))
    slow.pause()
    await shared.peer("alice").put("r0", {"secret": 1})
    await shared.peer("alice").put("r1", {"open": 1})
    await eventually(lambda: slow.queued_bytes > 0)
    shared.rights.granted.discard(("bob", "read", "r0"))
    if lost_by == "principal":
        shared.realm.gate.revoke(principals=["bob"])
    else:
        shared.realm.gate.revoke(objects=["r0"])
    before = len(slow.dicts)
    slow.resume()
    picture = Picture()
    await eventually(lambda: len(slow.dicts) > before and "bookmark" in slow.dicts[-1])
    for told in slow.dicts:
        picture.take(told)
    assert "secret" not in json.dumps(slow.dicts)
    assert picture.records["r1"]["state"] == {"open": 1}
    assert "r0" not in picture.records


async def test_who_may_not_read_at_the_deletion_is_told_nothing_of_what_was_there(shared: ServiceHarness) -> None:
    picture, _ = shared.peer("bob").watch(kind="job")
    await whole(picture)
    shared.rights.granted.discard(("bob", "read", "r0"))  # the gate has not been told yet
    await shared.peer("alice").call("record.delete", "r0")
    await eventually(lambda: "r0" not in picture.records)
    assert picture.dicts[-1]["changes"] == [{"change": "removed", "id": "r0"}]


# ---- bookmarks


async def resumed(peer: Peer, bookmark: str, known: Picture, **query: Any) -> Picture:
    """A watch that goes on at a bookmark, with what was known there."""
    picture = Picture()
    picture.records = dict(known.records)
    peer.watch(picture, bookmark=bookmark, **query)
    await whole(picture)
    return picture


async def test_a_bookmark_goes_on_where_it_was(alice: Peer) -> None:
    await fill(alice, 4)
    query: dict[str, Any] = {"kind": "job", "where": [["n", ">=", 0]]}
    picture, call = alice.watch(**query)
    bookmark = await whole(picture)
    call.cancel()
    await alice.put("r1", {"n": 7})
    await alice.put("r2", {"n": -1})
    await alice.call("record.delete", "r3")
    await alice.put("r4", {"n": 4})
    again = await resumed(alice, bookmark, picture, **query)
    assert sorted(again.changes) == [("added", "r4"), ("changed", "r1"), ("removed", "r2"), ("removed", "r3")]
    assert "reset" not in again.dicts[0]


async def test_nothing_new_since_a_bookmark_is_a_bookmark(alice: Peer) -> None:
    await fill(alice, 2)
    picture, _ = alice.watch(kind="job")
    bookmark = await whole(picture)
    again = await resumed(alice, bookmark, picture, kind="job")
    assert again.changes == []


async def test_what_changes_while_a_watch_goes_on_is_told_once(alice: Peer) -> None:
    await fill(alice, 3)
    picture, call = alice.watch(kind="job")
    bookmark = await whole(picture)
    call.cancel()
    await alice.put("r0", {"n": 10})
    again = Picture()
    again.records = dict(picture.records)
    alice.watch(again, bookmark=bookmark, kind="job")
    await asyncio.gather(alice.put("r1", {"n": 11}), alice.put("r0", {"n": 12}))
    await eventually(lambda: again.versions == {"r0": 3, "r1": 2, "r2": 1})


@pytest.mark.parametrize("bookmark", ["", "x", "A" * 30, "!" * 200, "é"])
async def test_what_is_no_bookmark_begins_anew(alice: Peer, bookmark: str) -> None:
    await fill(alice, 1)
    picture, _ = alice.watch(kind="job", bookmark=bookmark)
    await whole(picture)
    assert picture.dicts[0]["reset"] == {"reason": "epoch"}
    assert picture.changes == [("added", "r0")]


async def test_a_bookmark_of_another_store_begins_anew(alice: Peer) -> None:
    other = ServiceHarness()
    await other.start(MemoryRecordStore())
    picture, _ = other.peer().watch(kind="job")
    bookmark = await whole(picture)
    again, _ = alice.watch(kind="job", bookmark=bookmark)
    await whole(again)
    assert again.dicts[0]["reset"] == {"reason": "epoch"}
    await other.close()


async def test_a_bookmark_is_too_old_when_changes_since_are_forgotten() -> None:
    harness = ServiceHarness()
    await harness.start(MemoryRecordStore(), kept_changes=3)
    alice = harness.peer()
    await fill(alice, 2)
    picture, call = alice.watch(kind="job")
    bookmark = await whole(picture)
    call.cancel()
    for _ in range(3):
        await alice.put("r0")
    assert "reset" not in (await resumed(alice, bookmark, picture, kind="job")).dicts[0]
    await alice.put("r0")
    again, _ = alice.watch(kind="job", bookmark=bookmark)
    await whole(again)
    assert again.dicts[0]["reset"] == {"reason": "too_old"}
    await harness.close()


async def test_rights_that_may_have_moved_begin_it_anew() -> None:
    harness, mark = ServiceHarness(), [1]
    await harness.start(MemoryRecordStore(), Permissions(rights_mark=lambda principal: mark[0]))
    alice = harness.peer()
    await fill(alice, 1)
    picture, _ = alice.watch(kind="job")
    bookmark = await whole(picture)
    mark[0] = 2
    again, _ = alice.watch(kind="job", bookmark=bookmark)
    await whole(again)
    assert again.dicts[0]["reset"] == {"reason": "permissions"}
    await harness.close()


async def test_a_bookmark_survives_a_restart() -> None:
    store = MemoryRecordStore()
    first = ServiceHarness()
    await first.start(store)
    await fill(first.peer(), 3)
    picture, call = first.peer().watch(kind="job")
    bookmark = await whole(picture)
    call.cancel()
    await first.peer().call("record.delete", "r0")
    await first.close()
    second = ServiceHarness()
    await second.start(store)
    await second.peer().put("r1", {"n": 7})
    again = await resumed(second.peer(), bookmark, picture, kind="job")
    assert sorted(again.changes) == [("changed", "r1"), ("removed", "r0")]
    await second.close()


async def test_bookmarks_count_nothing(guarded: ServiceHarness) -> None:
    """Texts of one length with nothing in common: neither that something changed shows, nor that nothing did (G13)."""
    guarded.rights.grant("alice", "write", "r0")
    bookmarks = []
    for number in range(6):
        picture, _call = guarded.peer("bob").watch(kind="job")
        bookmarks.append(await whole(picture))
        if number % 2:
            await guarded.peer("alice").put("r0")
    assert len({bookmark[:8] for bookmark in bookmarks}) == len(bookmarks)
    assert len({len(bookmark) for bookmark in bookmarks}) == 1


# ---- marks and heartbeats


async def test_a_mark_comes_behind_everything_that_was_acknowledged_before_it(alice: Peer) -> None:
    picture, _ = alice.watch(kind="job")
    await whole(picture)
    await fill(alice, 5)
    assert await alice.call("record.mark", picture.number, "now") == {}
    await eventually(lambda: picture.dicts[-1].get("mark") == "now")
    assert len(picture.records) == 5
    assert "bookmark" in picture.dicts[-1]


async def test_a_mark_of_an_unknown_watch_is_refused(service: ServiceHarness, alice: Peer) -> None:
    picture, _ = alice.watch(kind="job")
    await whole(picture)
    for peer, number in ((alice, 99), (service.peer("bob"), picture.number)):
        with pytest.raises(CallError, match=f"this session has no watch {number}"):
            await peer.call("record.mark", number, "now")


async def test_an_idle_watch_gets_young_bookmarks(alice: Peer) -> None:
    picture, _ = alice.watch(id="r0", heartbeat_s=1)
    first = await whole(picture)
    await alice.put("elsewhere")
    await eventually(lambda: len(picture.dicts) > 1, timeout_s=5)
    assert set(picture.dicts[1]) == {"bookmark"}
    assert picture.dicts[1]["bookmark"] != first


# ---- the right to call


async def test_the_end_of_the_session_ends_its_watches(service: ServiceHarness) -> None:
    peer = service.peer("bob")
    picture, _ = peer.watch(kind="job")
    await whole(picture)
    peer.member.leave()
    await eventually(lambda: len(service.records.watches) == 0)


# ---- what was found by histories of all kinds (test_watch_properties.py)


async def test_the_number_of_a_watch_and_its_marks_survive_a_purge(shared: ServiceHarness) -> None:
    slow = shared.slow_peer("bob")
    slow.pause()
    slow.call("fairlead.record.watch", kind="job")
    await eventually(lambda: slow.queued_bytes > 0)
    shared.revoke("bob", "read", "r0")
    slow.resume()
    await eventually(lambda: any("bookmark" in told for told in slow.dicts))
    assert "watch" in slow.dicts[0]
    assert [change["id"] for told in slow.dicts for change in told.get("changes", ())] == ["r1"]


@pytest.mark.parametrize("left_by", ["delete", "object"])
async def test_a_record_that_left_its_object_is_taken_back_with_the_rights_to_that_object(
    shared: ServiceHarness, left_by: str
) -> None:
    """What is queued of it rests on the object that it had, whatever it is about by now."""
    alice = shared.peer("alice")
    shared.rights.grant("alice", "write", "other")
    slow = shared.slow_peer("bob")
    slow.call("fairlead.record.watch", kind="job")
    await eventually(lambda: any("bookmark" in told for told in slow.dicts))
    slow.pause()
    await alice.put("r0", {"secret": 1})
    await eventually(lambda: slow.queued_bytes > 0)
    if left_by == "delete":
        await alice.call("record.delete", "r0")
    else:
        await alice.put("r0", {}, object="other")
    shared.rights.granted.discard(("bob", "read", "r0"))
    shared.realm.gate.revoke(objects=["r0"])
    slow.resume()
    await alice.put("r1", {"last": 1})
    await eventually(lambda: "last" in json.dumps(slow.dicts) and "bookmark" in slow.dicts[-1])
    assert "secret" not in json.dumps(slow.dicts)


async def test_what_was_there_before_a_deletion_is_not_told_when_the_right_went_before_there_was_room(
    shared: ServiceHarness,
) -> None:
    alice, slow = shared.peer("alice"), shared.slow_peer("bob")
    slow.call("fairlead.record.watch", kind="job")
    await eventually(lambda: any("bookmark" in told for told in slow.dicts))
    slow.pause()
    for _ in range(20):
        await alice.put("r1", {"text": "x" * 60_000})
    await alice.put("r0", {"secret": 1})
    await alice.call("record.delete", "r0")
    shared.revoke("bob", "read", "r0")
    slow.resume()
    await eventually(lambda: {"change": "removed", "id": "r0"} in slow.dicts[-1].get("changes", ()))
    assert "secret" not in json.dumps(slow.dicts)
