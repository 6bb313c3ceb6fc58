"""Several who wait for the same news, and who has given up waits no more."""

from __future__ import annotations

import asyncio

from fairlead_client.asyncio import AsyncioRuntime
from fairlead_client.waiting import Waiting


async def test_a_ring_is_heard_by_all_who_wait() -> None:
    waiting = Waiting(AsyncioRuntime())
    heard = asyncio.gather(waiting.wait(), waiting.wait(10))
    await asyncio.sleep(0)
    waiting.ring()
    await heard
    assert len(waiting) == 0


async def test_who_has_waited_long_enough_or_was_cancelled_is_forgotten() -> None:
    waiting = Waiting(AsyncioRuntime())
    await waiting.wait(0.001)
    cancelled = asyncio.create_task(waiting.wait())
    await asyncio.sleep(0)
    assert len(waiting) == 1
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert len(waiting) == 0
