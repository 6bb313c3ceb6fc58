"""Turns: one at a time, the sessions in rotation."""

from __future__ import annotations

import asyncio

from fairlead_common.turns import Locks, Turns


async def test_one_at_a_time_and_each_session_soon() -> None:
    turns, order = Turns(), list[int]()

    async def take(session_id: int) -> None:
        async with turns.turn(session_id):
            order.append(session_id)
            await asyncio.sleep(0)
            assert order[-1] == session_id

    await asyncio.gather(*[take(session_id) for session_id in (1, 1, 1, 1, 1, 1, 1, 1, 2, 3)])
    assert sorted(order) == [1] * 8 + [2, 3]
    assert {2, 3} < set(order[:6])


async def test_who_gives_up_waiting_leaves_the_turn_to_the_next() -> None:
    turns = Turns()

    async def take() -> None:
        async with turns.turn(1):
            await asyncio.sleep(0)

    first, second, third = (asyncio.ensure_future(take()) for _ in range(3))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, third)


async def test_a_lock_is_kept_no_longer_than_it_is_used() -> None:
    locks = Locks()
    lock = locks.of(1)
    assert locks.of(1) is lock
    assert locks.of(2) is not lock
    assert len(locks._locks) == 1
