"""Waiting for something to become true: the only way a test may wait.

A test never sleeps for "long enough": it asks again and again, and fails when the time is up.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

# Short enough not to slow a suite of a thousand tests down, long enough to leave the processor to what is waited for.
INTERVAL_S = 0.005


@overload
async def eventually(condition: Callable[[], Awaitable[T]], timeout_s: float = 5.0, what: str = "") -> T: ...
@overload
async def eventually(condition: Callable[[], T], timeout_s: float = 5.0, what: str = "") -> T: ...
async def eventually(condition: Callable[[], T | Awaitable[T]], timeout_s: float = 5.0, what: str = "") -> T:
    """Returns the first true value of `condition` (a function, or an async one), else fails after `timeout_s`.

    An AssertionError of the condition counts as "not yet", and is what the test fails with when the time is up.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while True:
        last_chance = loop.time() >= deadline_s
        try:
            value = await _value_of(condition)
        except AssertionError:
            if last_chance:
                raise
        else:
            if value:
                return value
            if last_chance:
                message = f"still not {what or 'true'} after {timeout_s} s: {value!r}"
                raise AssertionError(message)
        await asyncio.sleep(INTERVAL_S)


async def _value_of(condition: Callable[[], T | Awaitable[T]]) -> T:
    value = condition()
    if inspect.isawaitable(value):
        return await value
    return value
