"""The event loop as the protocol core sees it (host.py): asyncio, uvloop, or Twisted's asyncio reactor."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import iscoroutine
from typing import Any

from fairlead_router.host import Timer


class LoopHost:
    """A Host on a running asyncio loop. `close` cancels what is still awaited."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()

    def time_us(self) -> int:
        """The wall clock: microseconds since 1970."""
        return time.time_ns() // 1000

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Run the callback in the next turn of the loop."""
        self._loop.call_soon(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Run the callback after so many seconds."""
        return self._loop.call_later(delay_s, callback)

    def wait_for(self, awaitable: Awaitable[Any], callback: Callable[[Any], None]) -> Timer:
        """Run the callback with the result, or with the exception that the await raised."""
        task = self._loop.create_task(deliver(awaitable, callback))
        self._tasks.add(task)
        task.add_done_callback(partial(self._forget, awaitable))
        return task

    def _forget(self, awaitable: Awaitable[Any], task: "asyncio.Task[None]") -> None:
        """A task that was canceled before its first step has not awaited its coroutine, which would complain."""
        self._tasks.discard(task)
        if iscoroutine(awaitable):
            awaitable.close()

    async def close(self) -> None:
        """Cancel what is still awaited and wait until it is gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def deliver(awaitable: Awaitable[Any], callback: Callable[[Any], None]) -> None:
    """Call back with the result or the exception, unless this task itself is canceled."""
    task = asyncio.current_task()
    assert task is not None
    try:
        result = await awaitable
    except asyncio.CancelledError as error:
        if task.cancelling():
            raise
        result = error  # somebody canceled what we wait for
    except Exception as error:  # noqa: BLE001 - handed to the callback, which fails closed
        result = error
    callback(result)
