"""The event loop as the protocol core sees it (host.py): asyncio, uvloop, or Twisted's asyncio reactor."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from fairlead_router.host import Timer

_STEADY_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class LoopHost:
    """A Host on a running asyncio loop. `close` leaves no task and no timer behind."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[LoopTimer] = set()

    def time_us(self) -> int:
        """The wall clock: microseconds since 1970."""
        return time.time_ns() // 1000

    def steady_us(self) -> int:
        """Microseconds since the machine was started, its sleep included."""
        return time.clock_gettime_ns(_STEADY_CLOCK) // 1000

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Run the callback in the next turn of the loop."""
        self._loop.call_soon(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Run the callback after so many seconds."""
        timer = LoopTimer(callback, self._timers)
        timer.start(self._loop, delay_s)
        return timer

    def wait_for(self, awaitable: Awaitable[Any], callback: Callable[[Any], None]) -> Timer:
        """Run the callback with the result, or with the exception that the await raised."""
        wait = LoopWait(callback)
        task = wait.start(self._loop, awaitable)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return wait

    async def close(self) -> None:
        """Cancel every timer and what is still awaited, and wait until that is gone."""
        for timer in tuple(self._timers):
            timer.cancel()
        await asyncio.sleep(0)  # all have begun: see LoopWait
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class LoopWait:
    """Something awaited. It is not canceled before it has begun: a coroutine that nobody ever awaited complains."""

    __slots__ = ("_callback", "_cancel", "_is_cancelled")

    def __init__(self, callback: Callable[[Any], None]) -> None:
        self._callback = callback
        self._is_cancelled = False

    def start(self, loop: asyncio.AbstractEventLoop, awaitable: Awaitable[Any]) -> "asyncio.Task[None]":
        """Await it from the next turn of the loop on."""
        task = loop.create_task(deliver(awaitable, self._deliver))
        self._cancel = partial(loop.call_soon, task.cancel)
        return task

    def cancel(self) -> None:
        """Call nobody back, and cancel the awaitable."""
        self._is_cancelled = True
        self._cancel()

    def _deliver(self, result: Any) -> None:
        if not self._is_cancelled:
            self._callback(result)


LATE_S = 1.0
"""A timer that comes so late shows that the process was stopped: no turn of the loop takes nearly as long."""

SECOND_CHANCE_S = 0.5
"""So long such a timer waits once more: what peers have sent and read while the process was stopped is handled first,
and they may answer what they could not be asked."""


class LoopTimer:
    """A timer that is known to its host until it has run or is cancelled."""

    __slots__ = ("_callback", "_due_s", "_handle", "_loop", "_pending")

    def __init__(self, callback: Callable[[], None], pending: "set[LoopTimer]") -> None:
        self._callback = callback
        self._pending = pending
        self._handle: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop, delay_s: float) -> None:
        """Run after so many seconds."""
        self._pending.add(self)
        self._loop = loop
        self._wait(delay_s)

    def cancel(self) -> None:
        """Forget it; harmless when it has run."""
        self._pending.discard(self)
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wait(self, delay_s: float) -> None:
        self._due_s = self._loop.time() + delay_s
        self._handle = self._loop.call_later(delay_s, self._run)

    def _run(self) -> None:
        if self._loop.time() - self._due_s > LATE_S:
            self._wait(SECOND_CHANCE_S)
            return
        self._pending.discard(self)
        self._handle = None
        self._callback()


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
