"""The suite's own machinery: a test that should fail must fail."""

from __future__ import annotations

import asyncio

import uvloop
from twisted.internet import defer


async def test_async_test_runs_as_a_task_on_uvloop() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
    assert asyncio.current_task() is not None


async def test_deferred_can_be_awaited_beside_asyncio() -> None:
    later: defer.Deferred[int] = defer.Deferred()
    asyncio.get_running_loop().call_soon(later.callback, 5)
    assert await later.asFuture(asyncio.get_running_loop()) == 5
