"""What the service tells of itself: how it stands, and what has happened."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead_logstream import Budget, Budgets, MemoryStreamStore
from fairlead_router import CallError
from fairlead_store import DiskFull
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, batch_of, wire_record
from unit.logstream.procedures.calling import fill

FIVE_BYTES = batch_of(0, *"01234").size


async def refused(peer: Peer, name: str, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(CallError):
        await peer.call(name, *args, **kwargs)


async def test_what_is_stored_is_counted(service: ServiceHarness, alice: Peer) -> None:
    await fill(alice)
    await alice.call("append", "s", [])
    stats = service.logs.stats()
    counters = stats.counters
    assert (counters.appends, counters.writes, counters.records) == (2, 1, 5)
    assert counters.record_bytes == stats.stored_bytes == FIVE_BYTES
    assert sum(counters.commits.counts) == 1
    assert (stats.waiting_bytes, stats.backlog) == (0, 0)


async def test_streams_are_counted_by_how_they_are(service: ServiceHarness, alice: Peer) -> None:
    for name in ("a", "b", "c"):
        await alice.call("create", name, heartbeat_s=1 if name == "b" else None)
    await alice.call("seal", "c", exit_code=0)
    await eventually(lambda: service.logs.stats().streams_stale == 1)
    stats = service.logs.stats()
    assert (stats.streams_open, stats.streams_sealed) == (2, 1)


async def test_what_is_refused_is_counted_by_the_error(
    service: ServiceHarness, alice: Peer, store: MemoryStreamStore
) -> None:
    await fill(alice)
    await alice.call("append", "s", [wire_record("x")], producer="p", seq=0, term=1)
    await refused(alice, "append", "s", [wire_record("x")], producer="p", seq=7, term=1)
    for _ in range(2):
        await refused(alice, "append", "s", [wire_record("x")], producer="p", seq=1)
    store.fail_next = DiskFull("the disk is full")
    await refused(alice, "append", "s", [wire_record("x")])
    await alice.call("seal", "s")
    await refused(alice, "append", "s", [wire_record("x")])
    counters = service.logs.stats().counters
    assert counters.refused == {"gap": 1, "fenced": 2, "store_failed": 1, "sealed": 1}
    assert counters.writes_failed == 1


async def test_what_waits_and_what_is_too_much_of_it(service: ServiceHarness, alice: Peer) -> None:
    await alice.call("create", "s")
    line = [wire_record("x" * 60_000) for _ in range(10)]
    calls = [alice.member.call("fairlead.log.append", ["s", line], {}) for _ in range(20)]
    tasks = [asyncio.ensure_future(call) for call in calls]
    await eventually(lambda: service.logs.stats().waiting_bytes > 1 << 20)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    busy = sum(isinstance(result, CallError) for result in results)
    assert busy > 0
    assert service.logs.stats().counters.refused == {"busy": busy}
    assert service.logs.stats().waiting_bytes == 0


async def test_what_is_dropped_over_a_budget_is_counted(store: MemoryStreamStore) -> None:
    harness = ServiceHarness()
    await harness.start(store, budgets=Budgets(stream=Budget(records=3)))
    alice = harness.peer()
    await alice.call("create", "s")
    told = (await alice.call("append", "s", [wire_record("x") for _ in range(5)]))["truncated"]
    counters = harness.logs.stats().counters
    await harness.close()
    assert (counters.records, counters.dropped_records, counters.dropped_bytes) == (3, 2, told["bytes"])


async def test_readers_are_counted_while_they_are_there(service: ServiceHarness, alice: Peer) -> None:
    epoch = await fill(alice)
    progress, _ = alice.follow("s")
    await alice.subscribe("s")
    slow = service.slow_peer("bob")
    slow.pause()
    slow.subscribe("s", get_retained=True)
    waiting = asyncio.ensure_future(alice.call("read", "s", start=5, epoch=epoch, wait_s=30))
    await eventually(lambda: progress and service.logs.stats().reads_waiting == 1)
    await eventually(lambda: service.logs.stats().followers_live == 1)
    before = service.logs.stats().counters.records_delivered
    await alice.call("append", "s", [wire_record("x")])
    await waiting
    stats = service.logs.stats()
    assert (stats.followers_live, stats.followers_reading, stats.reads_waiting) == (1, 0, 0)
    assert stats.counters.records_delivered - before == 3, "the follower and two members of the topic"
    await alice.call("seal", "s")
    stats = service.logs.stats()
    assert (stats.followers_live, stats.followers_reading) == (0, 0)
    assert stats.counters.followers_opened == stats.counters.followers_ended > 0


async def test_commits_of_cursors_are_counted(service: ServiceHarness, alice: Peer) -> None:
    epoch = await fill(alice)
    await alice.call("commit", "s", "c", 2, epoch)
    await refused(alice, "commit", "s", "c", 1, epoch)
    assert service.logs.stats().counters.cursors_committed == 1
