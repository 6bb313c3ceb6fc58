"""The ledger: one order, nothing before it is durable, nothing of what failed, each key once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead_common.errors import Busy, StoreFailed
from fairlead_records.live import ledger as ledger_module
from fairlead_records.live.ledger import Request
from fairlead_records.model.draft import Draft
from fairlead_router import InvalidArgument
from fairlead_store import StoreUnavailable
from unit.records.fakes import LedgerHarness, Told, put, putting


async def test_a_change_is_told_when_it_is_in_the_table() -> None:
    harness = LedgerHarness()
    ledger = await harness.open()
    assert await ledger.perform(putting("a")) == {"version": 1}
    assert ledger.table.get("a") is not None


async def test_what_arrives_during_a_write_goes_with_the_next_and_sees_it() -> None:
    harness = LedgerHarness()
    ledger = await harness.open()
    answers = await asyncio.gather(*[ledger.perform(putting("a")) for _ in range(5)])
    assert [answer["version"] for answer in answers] == [1, 2, 3, 4, 5]
    assert [len(changes) for changes in harness.heard] == [1, 4]


async def test_listeners_are_told_before_the_requests() -> None:
    harness, order = LedgerHarness(), list[str]()
    ledger = await harness.open()
    ledger.listen(lambda changes: order.append("listener"))
    ledger.submit(Request(putting("a"), lambda outcome: order.append("request")))
    await ledger.settled()
    assert order == ["listener", "request"]


async def test_a_request_that_fails_takes_back_only_what_it_did() -> None:
    harness, told = LedgerHarness(), Told()
    ledger = await harness.open()

    def fail(draft: Draft) -> dict[str, Any]:
        put(draft, "b")
        raise InvalidArgument("no")

    for apply in (putting("a"), fail, putting("c")):
        ledger.submit(told.request(apply))
    await ledger.settled()
    assert [isinstance(outcome, InvalidArgument) for outcome in told.outcomes] == [False, True, False]
    assert list(ledger.table.all) == ["a", "c"]


async def test_a_mistake_of_ours_refuses_its_request_alone(caplog: pytest.LogCaptureFixture) -> None:
    harness, told = LedgerHarness(), Told()
    ledger = await harness.open()
    for apply in (lambda draft: {"n": 1 // 0}, putting("a")):
        ledger.submit(told.request(apply))
    await ledger.settled()
    assert isinstance(told.outcomes[0], StoreFailed)
    assert list(ledger.table.all) == ["a"]
    assert "ZeroDivisionError" in caplog.text


async def test_a_failed_write_changes_nothing_and_is_told_to_all_of_its_group() -> None:
    harness, told = LedgerHarness(), Told()
    ledger = await harness.open()
    ledger.submit(told.request(putting("first")))
    for name in ("a", "b"):
        ledger.submit(told.request(putting(name)))
    harness.store.fail_next = StoreUnavailable("the disk is full")  # the first one is on its way already
    await ledger.settled()
    assert [str(outcome) for outcome in told.outcomes[1:]] == ["nothing was stored: the disk is full"] * 2
    assert list(ledger.table.all) == ["first"]
    assert await ledger.perform(putting("a")) == {"version": 1}


async def test_a_key_is_done_once_also_in_one_group_and_over_the_same_store() -> None:
    harness, key = LedgerHarness(), ("alice", "k1")
    ledger = await harness.open()
    answers = await asyncio.gather(*[ledger.perform(putting("a"), key) for _ in range(3)])
    assert answers == [{"version": 1}] * 3
    again = await LedgerHarness(harness.store).open()
    assert await again.perform(putting("a"), key) == {"version": 1}
    assert await again.perform(putting("a"), ("bob", "k1")) == {"version": 2}


async def test_a_request_that_failed_may_be_repeated_with_its_key() -> None:
    ledger = await LedgerHarness().open()

    def fail(draft: Draft) -> dict[str, Any]:
        raise InvalidArgument("no")

    with pytest.raises(InvalidArgument):
        await ledger.perform(fail, ("alice", "k1"))
    assert await ledger.perform(putting("a"), ("alice", "k1")) == {"version": 1}


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "WAITING_LIMIT_BYTES", 100)
    ledger, told = await LedgerHarness().open(), Told()
    ledger.submit(told.request(putting("a")))
    ledger.submit(Request(putting("b"), told.outcomes.append, size=90))
    with pytest.raises(Busy, match="90 bytes of changes wait already"):
        ledger.submit(Request(putting("c"), told.outcomes.append, size=20))
    await ledger.settled()
    assert list(ledger.table.all) == ["a", "b"]


async def test_closing_refuses_what_waits_and_finishes_what_is_being_written() -> None:
    ledger, told = await LedgerHarness().open(), Told()
    for name in ("a", "b"):
        ledger.submit(told.request(putting(name)))
    await ledger.close()
    assert list(ledger.table.all) == ["a"]
    assert isinstance(told.outcomes[0], StoreFailed)
    assert told.outcomes[1] == {"version": 1}
    with pytest.raises(StoreFailed, match="closing"):
        ledger.submit(told.request(putting("c")))


async def test_who_is_told_may_ask_again_at_once() -> None:
    ledger, versions = await LedgerHarness().open(), list[Any]()

    def again(outcome: Any) -> None:
        versions.append(outcome["version"])
        if len(versions) < 3:
            ledger.submit(Request(putting("a"), again))

    ledger.submit(Request(putting("a"), again))
    while len(versions) < 3:
        await ledger.settled()
    assert versions == [1, 2, 3]


async def test_a_group_makes_so_many_bytes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "GROUP_LIMIT_BYTES", 1_000)
    harness, told = LedgerHarness(), Told()
    ledger = await harness.open()
    for number in range(5):
        ledger.submit(told.request(putting(f"r{number}", {"text": "x" * 600})))
    await ledger.settled()
    assert [len(changes) for changes in harness.heard] == [1, 2, 2]


async def test_a_session_has_its_share_of_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "SESSION_LIMIT_BYTES", 100)
    ledger, told = await LedgerHarness().open(), Told()

    def ask(id_: str, session_id: int) -> None:
        ledger.submit(Request(putting(id_), told.outcomes.append, 60, None, session_id))

    ask("a", 1)
    with pytest.raises(Busy, match="60 bytes of this session wait"):
        ask("b", 1)
    ask("c", 2)
    await ledger.settled()
    ask("d", 1)
    await ledger.settled()
    assert list(ledger.table.all) == ["a", "c", "d"]
