"""`fairlead.record.<id>` for plain clients: the latest state, only to who may read it, also to who is slow."""

from __future__ import annotations

from typing import Any

from fairlead_router import MemberEvent
from support.waiting import eventually
from unit.records.fakes import Peer, ServiceHarness


async def subscribed(peer: Peer, id_: str, *, get_retained: bool = False) -> list[Any]:
    """What its events say: (change, version)."""
    told: list[Any] = []

    def add(event: MemberEvent) -> None:
        (value,) = event.args
        told.append((value["change"], value["version"]))

    await peer.member.subscribe(f"fairlead.record.{id_}", add, get_retained=get_retained)
    return told


async def test_each_change_is_an_event_with_the_whole_record(alice: Peer) -> None:
    await alice.put("r")
    told = await subscribed(alice, "r")
    await alice.put("r", {"n": 2})
    await alice.call("record.delete", "r")
    await eventually(lambda: told == [("changed", 2), ("removed", 2)])


async def test_get_retained_brings_the_latest(alice: Peer) -> None:
    await alice.put("r")
    await alice.put("r")
    told = await subscribed(alice, "r", get_retained=True)
    await eventually(lambda: told == [("changed", 2)])


async def test_who_waits_for_a_record_hears_of_it(alice: Peer) -> None:
    told = await subscribed(alice, "r", get_retained=True)
    await alice.put("r")
    await eventually(lambda: told == [("changed", 1)])


async def test_who_may_not_read_it_hears_nothing_and_a_revoke_ends_it(guarded: ServiceHarness) -> None:
    for level in ("read", "write"):
        guarded.rights.grant("alice", level, "p")
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    guarded.rights.grant("bob", "read", "r")
    told = await subscribed(bob, "r")  # of the object of its name, until there is a record
    await alice.put("r", object="p")
    await alice.put("r")
    assert told == []
    guarded.rights.grant("bob", "read", "p")
    told = await subscribed(bob, "r")
    await alice.put("r")
    await eventually(lambda: told == [("changed", 3)])
    guarded.revoke("bob", "read", "p")
    await alice.put("r")
    assert told == [("changed", 3)]


async def test_a_slow_member_gets_the_latest_when_there_is_room(service: ServiceHarness, alice: Peer) -> None:
    slow = service.slow_peer()
    await alice.put("r")
    slow.subscribe_to("fairlead.record.r", get_retained=True)
    await eventually(lambda: len(slow.dicts) == 1)
    slow.pause()
    for _ in range(100):
        await alice.put("r", {"text": "x" * 10_000})
    slow.resume()
    await eventually(lambda: slow.dicts[-1]["version"] == 101)
    versions = [told["version"] for told in slow.dicts]
    assert versions == sorted(set(versions))
    assert len(versions) < 60
