"""Doing something at a steady pace, whatever each time takes: what is late is caught up on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def at_pace(interval_s: float, seconds: float, do: Callable[[], None]) -> None:
    """Call `do` every `interval_s`, for so many seconds."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    for _ in range(round(seconds / interval_s)):
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        do()
        due_s += interval_s
