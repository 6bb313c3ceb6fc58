"""`get` and `list`: what there is, what comes next, and only what may be read."""

from __future__ import annotations

import asyncio

import pytest

from fairlead_records import MemoryRecordStore
from fairlead_records.procedures import reading
from fairlead_router import CallError
from unit.records.fakes import Peer, ServiceHarness


async def test_get_with_the_current_version_says_that_nothing_is_newer(alice: Peer) -> None:
    await alice.put("r")
    assert await alice.call("record.get", "r", since_version=1) == {"unchanged": {"version": 1}}
    assert (await alice.call("record.get", "r", since_version=0))["record"]["version"] == 1


async def test_get_waits_for_what_is_newer(alice: Peer) -> None:
    await alice.put("r")
    waiting = asyncio.ensure_future(alice.call("record.get", "r", since_version=1, wait_s=20))
    await asyncio.sleep(0)
    await alice.put("r", {"n": 2})
    assert (await waiting)["record"]["state"] == {"n": 2}
    waiting = asyncio.ensure_future(alice.call("record.get", "r", since_version=2, wait_s=20))
    await asyncio.sleep(0)
    await alice.call("record.delete", "r")
    assert await waiting == {"deleted": {"version": 2}}


async def test_get_that_waited_gives_the_latest_of_several(alice: Peer) -> None:
    await alice.put("r")
    waiting = asyncio.ensure_future(alice.call("record.get", "r", since_version=1, wait_s=20))
    await asyncio.sleep(0)
    patches = [{"op": "patch", "id": "r", "patch": {"n": number}} for number in range(3)]
    await alice.call("record.batch", patches)
    assert (await waiting)["record"]["version"] == 4


async def test_get_that_waited_is_judged_by_where_the_record_is_now(guarded: ServiceHarness) -> None:
    for level, object_id in (("read", "r"), ("write", "r"), ("manage", "r"), ("write", "p")):
        guarded.rights.grant("alice", level, object_id)  # type: ignore[arg-type]
    alice = guarded.peer("alice")
    await alice.put("r")
    waiting = asyncio.ensure_future(alice.call("record.get", "r", since_version=1, wait_s=20))
    await asyncio.sleep(0)
    await alice.put("r", {"secret": 1}, object="p")
    with pytest.raises(CallError, match="may not read record 'r'"):
        await waiting


async def test_get_waits_no_longer_than_it_is_told_to(alice: Peer) -> None:
    await alice.put("r")
    assert await alice.call("record.get", "r", since_version=1, wait_s=0.01) == {"unchanged": {"version": 1}}


async def test_losing_the_right_ends_a_get_that_waits(guarded: ServiceHarness) -> None:
    for level in ("read", "write"):
        guarded.rights.grant("alice", level, "r")
    alice = guarded.peer("alice")
    await alice.put("r")
    waiting = asyncio.ensure_future(alice.call("record.get", "r", since_version=1, wait_s=20))
    await asyncio.sleep(0)
    guarded.revoke("alice", "read", "r")
    with pytest.raises(CallError) as caught:
        await waiting
    assert caught.value.uri == "wamp.error.not_authorized"


async def test_list_gives_what_matches_page_by_page(alice: Peer) -> None:
    for number in range(5):
        await alice.put(f"r{number}", {"n": number})
    await alice.put("other", kind="disk")
    page = await alice.call("record.list", kind="job", where=[["n", ">", 0]], limit=3)
    assert ([record["id"] for record in page["records"]], page["after"]) == (["r1", "r2", "r3"], "r3")
    page = await alice.call("record.list", kind="job", where=[["n", ">", 0]], limit=3, after="r3")
    assert ([record["id"] for record in page["records"]], page["after"]) == (["r4"], None)


async def test_list_looks_at_so_many_records_and_says_where_to_go_on(
    alice: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LIST_LOOKED_AT", 3)
    for number in range(8):
        await alice.put(f"r{number}", {"n": number})
    pages = [await alice.call("record.list", kind="job", where=[["n", "in", [1, 7]]])]
    while pages[-1]["after"] is not None:
        pages.append(await alice.call("record.list", kind="job", where=[["n", "in", [1, 7]]], after=pages[-1]["after"]))
    assert [[record["id"] for record in page["records"]] for page in pages] == [["r1"], [], ["r7"]]


async def test_list_shows_nothing_of_what_may_not_be_read(guarded: ServiceHarness) -> None:
    for id_ in ("a", "b", "c"):
        guarded.rights.grant("alice", "write", id_)
        await guarded.peer("alice").put(id_)
    guarded.rights.grant("bob", "read", "b")
    assert [record["id"] for record in (await guarded.peer("bob").call("record.list"))["records"]] == ["b"]


async def test_a_page_of_large_records_ends_early(alice: Peer) -> None:
    for number in range(6):
        await alice.put(f"r{number}", {"text": "x" * 60_000})
    page = await alice.call("record.list")
    assert (len(page["records"]), page["after"]) == (5, "r4")


async def test_a_get_that_waits_ends_with_the_service() -> None:
    harness = ServiceHarness()
    await harness.start(MemoryRecordStore())
    alice = harness.peer()
    await alice.put("r")
    waiting = asyncio.ensure_future(alice.call("record.get", "r", since_version=1, wait_s=20))
    await asyncio.sleep(0)
    await harness.records.close()
    with pytest.raises(CallError):
        await waiting
    await harness.close()
