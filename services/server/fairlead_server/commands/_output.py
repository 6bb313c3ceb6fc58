"""Our stdout and stderr for a coroutine: a terminal or a pager that takes nothing holds up who waits for room, not the
loop, which has a connection to keep alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fairlead_server.commands._display import STDOUT
from fairlead_server.commands._echo import Echo, in_loop

T = TypeVar("T")


class OutputClosed(Exception):
    """Nobody reads our stdout any more."""


class Output:
    """To be made, and used, in a loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._is_closed = asyncio.Event()
        self._is_finished = asyncio.Event()
        self._echo = Echo(in_loop(self._loop, self._news.set), self._on_closed)

    def write(self, descriptor: int, data: bytes) -> None:
        """Writes soon."""
        self._echo.write(descriptor, data)

    async def room(self) -> None:
        """Waits until more may be written."""
        while not self._echo.has_room:
            self._news.clear()
            if not self._echo.has_room:
                await self._news.wait()

    async def drained(self) -> None:
        """Waits until everything is written; nothing may be written after this."""
        self._echo.finish(in_loop(self._loop, self._is_finished.set))
        await self._is_finished.wait()

    async def unless_closed(self, job: Coroutine[Any, Any, T]) -> T:
        """Does a job that writes; raises OutputClosed, at once, when nobody reads our stdout."""
        working = asyncio.ensure_future(job)
        closed = asyncio.ensure_future(self._is_closed.wait())
        try:
            await asyncio.wait({working, closed}, return_when=asyncio.FIRST_COMPLETED)
            if self._is_closed.is_set():
                raise OutputClosed
            return working.result()
        finally:
            for task in (working, closed):
                task.cancel()
            await asyncio.gather(working, closed, return_exceptions=True)

    def _on_closed(self, descriptor: int) -> None:
        if descriptor == STDOUT:
            in_loop(self._loop, self._is_closed.set)()
