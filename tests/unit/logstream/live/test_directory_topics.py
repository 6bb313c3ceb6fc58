"""The live directory: each subscriber hears of exactly the streams that they may read (G9, G13)."""

from __future__ import annotations

import pytest

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.live.vigil import Vigil
from fairlead_router import CallError
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, wire_record

EXACT = "fairlead.directory.s"


async def test_what_becomes_of_a_stream_is_told_with_its_entry(alice: Peer) -> None:
    entries: list[dict[str, object]] = []
    await alice.member.subscribe(EXACT, lambda event: entries.append(event.args[0]))
    await alice.call("create", "s", metadata={"a": 1}, heartbeat_s=60)
    await alice.call("append", "s", [wire_record("x")])
    await alice.call("update", "s", metadata={"a": 2})
    await alice.call("seal", "s", exit_code=3)
    await alice.call("create", "s", attempt=2)
    await eventually(lambda: len(entries) == 4)
    assert [entry["change"] for entry in entries] == ["created", "changed", "sealed", "changed"]
    (listed,) = (await alice.call("list"))["streams"]
    assert entries[-1] == {**listed, "change": "changed"}
    assert [entry["metadata"] for entry in entries] == [{"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}]
    assert entries[2]["sealed"] == {"exit_code": 3, "reason": None, "next": 1}


async def test_an_append_and_what_changes_nothing_are_not_told(alice: Peer) -> None:
    await alice.call("create", "s", metadata={"a": 1})
    changes = await alice.watch()
    await alice.call("append", "s", [wire_record("x")])
    await alice.call("create", "s")
    await alice.call("update", "s", metadata={"a": 1})
    await alice.call("create", "t")
    await eventually(lambda: changes)
    assert changes == [("created", "t")]


async def test_a_prefix_brings_exactly_the_streams_whose_object_may_be_read(guarded: ServiceHarness) -> None:
    """Judged by the stream's object, which has another name; a stream named as an object of mine shows nothing."""
    guarded.rights.grant("alice", "write", "mine")
    guarded.rights.grant("alice", "write", "other")
    guarded.rights.grant("bob", "read", "mine")
    guarded.rights.grant("bob", "read", "decoy")
    alice, bob, carol = guarded.peer("alice"), guarded.peer("bob"), guarded.peer("carol")
    changes, nothing = await bob.watch(), await carol.watch()
    await alice.call("create", "decoy", object="other")
    await alice.call("create", "s", object="mine")
    await alice.call("seal", "decoy")
    await alice.call("seal", "s")
    await eventually(lambda: len(changes) == 2)
    assert changes == [("created", "s"), ("sealed", "s")]
    assert nothing == []


async def test_who_may_not_read_the_object_may_not_subscribe_to_the_stream(guarded: ServiceHarness) -> None:
    guarded.rights.grant("alice", "write", "mine")
    guarded.rights.grant("bob", "read", "s")
    await guarded.peer("alice").call("create", "s", object="mine")
    with pytest.raises(CallError) as caught:
        await guarded.peer("bob").watch(EXACT, "exact")
    assert caught.value.uri == "wamp.error.not_authorized"


@pytest.mark.parametrize(("topic", "match"), [("fairlead.directory.", "prefix"), (EXACT, "exact")])
async def test_a_revocation_ends_the_events_in_the_same_turn(guarded: ServiceHarness, topic: str, match: str) -> None:
    guarded.rights.grant("alice", "write", "s")
    guarded.rights.grant("bob", "read", "s")
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    await alice.call("create", "s")
    changes = await bob.watch(topic, "exact" if match == "exact" else "prefix")
    await alice.call("update", "s", metadata={"a": 1})
    await eventually(lambda: changes == [("changed", "s")])
    live = guarded.logs._directory.get("s")
    assert live is not None
    guarded.logs._directory_topics.announce(live, "changed")  # queued, and not written yet
    guarded.revoke("bob", "read", "s")
    await alice.call("update", "s", metadata={"a": 2})
    await alice.call("update", "s", metadata={"a": 3})
    assert changes == [("changed", "s")]


async def test_who_waits_for_a_stream_is_judged_by_its_object_once_it_is_there(guarded: ServiceHarness) -> None:
    """The topic of a stream that is not there is about the object of its name; the stream may belong to another."""
    guarded.rights.grant("alice", "write", "secret")
    guarded.rights.grant("bob", "read", "s")
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    changes = await bob.watch(EXACT, "exact")
    await alice.call("create", "s", object="secret")
    await alice.call("update", "s", metadata={"a": 1})
    assert changes == []


async def test_a_stream_is_stale_when_its_producer_is_not_heard_and_live_when_it_is(
    service: ServiceHarness, alice: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect = Vigil.expect
    monkeypatch.setattr(Vigil, "expect", lambda vigil, time_s: expect(vigil, None if time_s is None else time_s / 100))
    changes = await alice.watch()
    await alice.call("create", "s", heartbeat_s=3)
    await alice.call("create", "other")
    await eventually(lambda: ("stale", "s") in changes)
    (stale,) = (await alice.call("list", stale=True))["streams"]
    assert (stale["stream"], list(stale["stale"])) == ("s", ["since_us"])
    await alice.call("append", "s", [])
    await eventually(lambda: ("live", "s") in changes)
    await eventually(lambda: changes.count(("stale", "s")) == 2)
    await alice.call("seal", "s")
    assert (await alice.call("list", stale=True))["streams"] == []
    assert changes[-1] == ("sealed", "s")


async def test_a_restarted_service_begins_to_wait_anew(store: MemoryStreamStore) -> None:
    first = ServiceHarness()
    await first.start(store)
    await first.peer().call("create", "s", heartbeat_s=3600)
    await first.close()
    second = ServiceHarness()
    await second.start(store)
    (found,) = (await second.peer().call("list"))["streams"]
    assert (found["heartbeat_s"], found["stale"]) == (3600, None)
    await second.close()


async def test_a_member_that_stops_reading_gets_the_latest_entry_only(service: ServiceHarness, alice: Peer) -> None:
    await alice.call("create", "s")
    slow = service.slow_peer("slow")
    slow.subscribe_to(EXACT)
    slow.pause()
    for number in range(2000):
        await alice.call("update", "s", metadata={"n": number, "filler": "x" * 2000})
    assert slow.queued_bytes < 1 << 20
    slow.resume()
    await eventually(lambda: slow.dicts and slow.dicts[-1]["metadata"]["n"] == 1999)
    await alice.call("seal", "s")
    await eventually(lambda: slow.dicts[-1]["change"] == "sealed")
    assert slow.goodbye is None


async def test_the_retained_event_of_a_stream_is_its_entry(service: ServiceHarness, alice: Peer) -> None:
    await alice.call("create", "s", metadata={"a": 1})
    bob = service.slow_peer("bob")
    bob.subscribe_to(EXACT, get_retained=True)
    await eventually(lambda: bob.dicts)
    assert [(entry["change"], entry["metadata"]) for entry in bob.dicts] == [("changed", {"a": 1})]
    await alice.call("seal", "s")
    await eventually(lambda: len(bob.dicts) == 2)
    assert bob.dicts[1]["change"] == "sealed"
