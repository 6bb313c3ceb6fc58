"""What was dropped over a budget is told by itself, when nothing else tells it: never silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fairlead_logstream import Budget, Budgets, MemoryStreamStore, SqlStreamStore, StreamStore
from fairlead_logstream.live.appender import Request
from fairlead_logstream.live.telling import Telling
from fairlead_logstream.model.rows import Dropped
from fairlead_router import CallError
from fairlead_store import DiskFull
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, wire_record
from unit.logstream.procedures.calling import texts

TWO = Budgets(stream=Budget(records=2))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlead_logstream.live.telling.TELL_AFTER_S", 0.05)


@pytest.fixture
async def limited(store: MemoryStreamStore) -> AsyncIterator[ServiceHarness]:
    harness = ServiceHarness()
    await harness.start(store, budgets=TWO)
    yield harness
    await harness.close()


async def fill(peer: Peer, count: int = 5) -> Any:
    await peer.call("create", "s")
    return await peer.call("append", "s", [wire_record(str(number)) for number in range(count)], producer="p", seq=0)


async def truncated(peer: Peer) -> list[int]:
    """How many records each marker tells of."""
    found = [json.loads(text) for text in texts(await peer.call("read", "s")) if text.startswith("{")]
    return [marker["truncated"]["records"] for marker in found]


async def test_an_append_over_the_budget_is_acknowledged_and_says_so(limited: ServiceHarness) -> None:
    told = await fill(limited.peer())
    assert (told["first"], told["next"]) == (0, 2)
    assert (told["truncated"]["records"], told["truncated"]["reason"]) == (3, "stream_size")


async def test_a_producer_that_falls_silent_in_its_excess_is_told_of(limited: ServiceHarness) -> None:
    alice = limited.peer()
    await fill(alice)
    await eventually(lambda: _has(alice, [3]))
    await alice.call("append", "s", [wire_record("more")], producer="p", seq=5)
    await eventually(lambda: _has(alice, [3, 1]))


async def test_an_excess_that_goes_on_is_told_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlead_logstream.live.telling.TELL_AFTER_S", 0.01)
    loop = asyncio.get_running_loop()
    times_s = [loop.time()]

    def tell(request: Request) -> None:
        times_s.append(loop.time())
        telling.moved(Dropped(1))  # it goes on

    telling = Telling(tell)
    telling.moved(Dropped(1))
    await eventually(lambda: len(times_s) == 5)
    waits_s = [after - before for before, after in pairwise(times_s)]
    assert all(wait_s >= 0.0099 * 2**index for index, wait_s in enumerate(waits_s))
    telling.moved(Dropped())  # told before a record that was stored
    begin_s = loop.time()
    telling.moved(Dropped(1))
    await eventually(lambda: len(times_s) == 6)
    assert times_s[-1] > begin_s
    telling.end()


async def _has(peer: Peer, counts: list[int]) -> bool:
    return await truncated(peer) == counts


async def test_a_store_that_fails_is_asked_again(limited: ServiceHarness, store: MemoryStreamStore) -> None:
    alice = limited.peer()
    await fill(alice)
    store.fail_next = DiskFull("the disk is full")
    await eventually(lambda: _has(alice, [3]))
    assert store.fail_next is None


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_what_was_dropped_is_told_after_a_restart(kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    """The count is part of the change that acknowledged it: the service may die before it is told."""
    monkeypatch.setattr("fairlead_logstream.live.telling.TELL_AFTER_S", 3600)
    memory = MemoryStreamStore()

    def opened() -> StreamStore:
        return memory if kind == "memory" else SqlStreamStore.open(f"sqlite:///{tmp_path / 'logs.sqlite'}", "realm1")

    first = ServiceHarness()
    await first.start(opened(), budgets=TWO)
    await fill(first.peer())
    assert await truncated(first.peer()) == []
    await first.close()
    monkeypatch.setattr("fairlead_logstream.live.telling.TELL_AFTER_S", 0.05)
    second = ServiceHarness()
    await second.start(opened(), budgets=TWO)
    await eventually(lambda: _has(second.peer(), [3]))
    await second.close()


async def test_a_stream_that_could_not_be_deleted_tells_as_before(
    limited: ServiceHarness, store: MemoryStreamStore
) -> None:
    async def fail(_key: object) -> None:
        raise DiskFull("the disk is full")

    alice = limited.peer()
    await fill(alice)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "delete", fail)
        with pytest.raises(CallError, match="was not deleted"):
            await alice.call("delete", "s")
    await eventually(lambda: _has(alice, [3]))


async def test_the_seal_tells_what_was_dropped_before_the_end(limited: ServiceHarness) -> None:
    alice = limited.peer()
    await fill(alice)
    assert await alice.call("seal", "s", exit_code=0) == {"next": 3}
    assert await truncated(alice) == [3]
