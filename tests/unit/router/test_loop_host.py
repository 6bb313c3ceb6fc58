"""The protocol core's view of an asyncio loop."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable
from typing import Any

import pytest

from fairlead_router.loop_host import LATE_S, SECOND_CHANCE_S, LoopHost
from support.waiting import eventually


@pytest.fixture
async def host() -> LoopHost:
    return LoopHost(asyncio.get_running_loop())


async def returning(value: object) -> object:
    await asyncio.sleep(0)
    return value


async def failing() -> None:
    raise ZeroDivisionError


async def test_call_soon_is_the_next_turn(host: LoopHost) -> None:
    ran: list[str] = []
    host.call_soon(lambda: ran.append("later"))
    assert ran == []
    await asyncio.sleep(0)
    assert ran == ["later"]


async def test_time_is_that_of_the_wall_clock_in_microseconds(host: LoopHost) -> None:
    before = time.time_ns() // 1000
    assert before <= host.time_us() <= time.time_ns() // 1000


async def test_timer_runs_unless_it_is_cancelled(host: LoopHost) -> None:
    ran: list[int] = []
    host.call_later(0.001, lambda: ran.append(1))
    host.call_later(0.001, lambda: ran.append(2)).cancel()
    await eventually(lambda: ran)
    assert ran == [1]


async def test_after_a_standstill_what_has_come_meanwhile_is_handled_before_timers_run(host: LoopHost) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    happened: list[str] = []
    loop = asyncio.get_running_loop()

    def read() -> None:
        near.recv(10)
        host.call_soon(lambda: happened.append("handled"))

    loop.add_reader(near, read)
    host.call_later(0.01, lambda: happened.append("timer"))
    far.send(b"pong")
    time.sleep(0.01 + 1.1 * LATE_S)  # noqa: ASYNC251 - the loop stands still
    await eventually(lambda: len(happened) == 2)
    loop.remove_reader(near)
    near.close()
    far.close()
    assert happened == ["handled", "timer"]


async def test_timer_that_was_put_off_can_still_be_cancelled(host: LoopHost) -> None:
    ran: list[int] = []
    timer = host.call_later(0.01, lambda: ran.append(1))
    time.sleep(0.01 + 1.1 * LATE_S)  # noqa: ASYNC251 - the loop stands still
    await asyncio.sleep(0)
    timer.cancel()
    await asyncio.sleep(1.1 * SECOND_CHANCE_S)
    assert ran == []


@pytest.mark.parametrize(("awaitable", "expected"), [(lambda: returning(5), 5), (failing, ZeroDivisionError)])
async def test_result_or_exception_is_delivered(host: LoopHost, awaitable: Any, expected: Any) -> None:
    got: list[Any] = []
    host.wait_for(awaitable(), got.append)
    await eventually(lambda: got)
    assert got == [expected] or isinstance(got[0], expected)


async def test_awaitable_that_somebody_cancels_is_a_failure_and_not_silence(host: LoopHost) -> None:
    """Else a session would wait for its authorizer for ever."""
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    got: list[Any] = []
    host.wait_for(future, got.append)
    await asyncio.sleep(0)
    future.cancel()
    await eventually(lambda: got)
    assert isinstance(got[0], asyncio.CancelledError)


async def test_cancelled_wait_cancels_the_awaitable_and_delivers_nothing(host: LoopHost) -> None:
    got: list[Any] = []
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    waiting = host.wait_for(future, got.append)
    await asyncio.sleep(0)
    waiting.cancel()
    await eventually(future.cancelled)
    assert got == []


async def test_close_ends_what_is_still_awaited(host: LoopHost) -> None:
    ended: list[bool] = []

    async def patient() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    waits: Awaitable[None] = patient()
    host.wait_for(waits, ended.append)
    await asyncio.sleep(0)
    await host.close()
    assert ended == [True]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_cancels_timers_that_have_not_run(host: LoopHost) -> None:
    ran: list[str] = []
    host.call_later(0, lambda: ran.append("due"))
    await eventually(lambda: ran == ["due"])
    host.call_later(0.01, lambda: ran.append("too late"))
    host.call_later(0.01, lambda: ran.append("cancelled")).cancel()
    await host.close()
    await asyncio.sleep(0.03)
    assert ran == ["due"]


async def test_wait_that_is_cancelled_at_once_leaves_no_coroutine_that_was_never_awaited(host: LoopHost) -> None:
    async def outer(inner: Awaitable[object]) -> object:
        return await inner

    got: list[Any] = []
    host.wait_for(outer(returning(5)), got.append).cancel()
    await host.close()
    assert got == []


async def test_close_at_once_leaves_no_coroutine_that_was_never_awaited(host: LoopHost) -> None:
    async def outer(inner: Awaitable[object]) -> object:
        return await inner

    got: list[Any] = []
    host.wait_for(outer(asyncio.sleep(60)), got.append)
    await host.close()
    assert got == []
