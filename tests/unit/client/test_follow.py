"""The loop behind `follow`, with a session of the test's own: what it does about who reads slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from fairlead_client import Batch, Follower, Sealed, Unreachable
from fairlead_client.asyncio import AsyncioRuntime, follow_items
from fairlead_client.calling import WAITING_ANSWERS
from fairlead_client.requests import READ, Request
from fairlead_client.runtime import Answer


class ByHand:
    """Sessions and session in one: answers are given when the test says so."""

    def __init__(self) -> None:
        self.runtime = AsyncioRuntime()
        self.is_open = True
        self.requests: list[Request] = []
        self.canceled: list[Request] = []
        self.reading: list[str] = []
        self._answer: Callable[[Answer], None] = lambda _: None

    async def session(self) -> ByHand:
        return self

    def call(self, request: Request, on_answer: Callable[[Answer], None]) -> Callable[[], None]:
        self.requests.append(request)
        self._answer = on_answer
        if request.procedure == READ:
            self.give(batch(0, 0) | {"head": 0}, is_final=True)
        return lambda: self.canceled.append(request)

    def give(self, result: dict[str, Any], *, is_final: bool = False) -> None:
        self._answer(Answer(self.requests[-1], result, is_final=is_final))

    def lose(self) -> None:
        self._answer(Answer(self.requests[-1], {}, Unreachable("lost")))

    def on_end(self, callback: Callable[[], None]) -> None: ...

    def pause(self) -> None:
        self.reading.append("paused")

    def resume(self) -> None:
        self.reading.append("resumed")

    def end(self) -> None: ...


def batch(first: int, count: int) -> dict[str, Any]:
    records = [[number, "stdout", str(number), 0] for number in range(first, first + count)]
    return {"first": first, "records": records, "next": first + count, "epoch": 1}


async def following(by_hand: ByHand) -> tuple[Any, asyncio.Task[Any]]:
    """The items, and a task that waits for the first of them behind the head."""
    items = follow_items(by_hand, Follower("log"))
    await anext(items)
    waiting = asyncio.create_task(anext(items))
    while len(by_hand.requests) < 2:
        await asyncio.sleep(0)
    return items, waiting


async def test_nothing_is_read_while_too_much_waits() -> None:
    by_hand = ByHand()
    items, waiting = await following(by_hand)
    async with aclosing(items):
        for number in range(WAITING_ANSWERS + 5):
            by_hand.give(batch(number, 1))
        assert by_hand.reading == ["paused"]
        seen = [await waiting]
        while len(seen) < WAITING_ANSWERS + 5:
            seen.append(await anext(items))
        again = asyncio.create_task(anext(items))
        await asyncio.sleep(0)
        assert by_hand.reading == ["paused", "resumed"]
        by_hand.give({"sealed": {"exit_code": 0, "reason": None, "next": WAITING_ANSWERS + 5}}, is_final=True)
        assert isinstance(await again, Sealed)
    assert [seq for item in seen for seq in item.seqs] == [*range(WAITING_ANSWERS + 5)]
    assert by_hand.canceled == []


async def test_who_stops_iterating_cancels_the_call_and_reads_again() -> None:
    by_hand = ByHand()
    items, waiting = await following(by_hand)
    for number in range(WAITING_ANSWERS):
        by_hand.give(batch(number, 1))
    assert isinstance(await waiting, Batch)
    await items.aclose()
    assert by_hand.canceled == [by_hand.requests[-1]]
    assert by_hand.reading == ["paused", "resumed"]
    by_hand.give(batch(WAITING_ANSWERS, 1))  # too late: nobody minds


async def test_a_lost_session_is_followed_by_another_call_from_the_cursor() -> None:
    by_hand = ByHand()
    items, waiting = await following(by_hand)
    async with aclosing(items):
        by_hand.give(batch(0, 3))
        by_hand.lose()
        assert isinstance(await waiting, Batch)
        again = asyncio.create_task(anext(items))
        while len(by_hand.requests) < 3:
            await asyncio.sleep(0)
        assert by_hand.requests[-1].kwargs == {"start": 3, "epoch": 1}
        by_hand.give(batch(3, 1))
        assert (await again).seqs == range(3, 4)
