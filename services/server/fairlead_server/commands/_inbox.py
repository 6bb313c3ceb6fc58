"""What a feed of events has brought and nobody has taken yet."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from fairlead_authz.arvados.events import Event
from fairlead_authz.arvados.feed import GAP, Feed

MAX_WAITING = 10_000
"""Events that wait. Past that comparing everything is less work than looking at each."""

MAX_TAKEN = 1_000
"""Events that are taken at a time: ten requests to Arvados' API."""


class Inbox:
    """Reads a feed, in a task; it never makes the feed wait."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._events: list[Event] = []
        self._news = asyncio.Event()
        self._task = asyncio.ensure_future(self._read())
        self.has_gap = False
        """Events may be missing: everything has to be compared."""

    @property
    def is_ended(self) -> bool:
        """Whether nothing comes any more, and all has been taken. Raises what the feed raised."""
        if not self._task.done() or self._events or self.has_gap:
            return False
        self._task.result()
        return True

    async def wait(self, timeout_s: float) -> None:
        """Until there is something new, the feed has ended, or so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(timeout_s, 0)):
                await self._news.wait()

    def take(self) -> list[Event]:
        """The events that have come first."""
        taken, self._events = self._events[:MAX_TAKEN], self._events[MAX_TAKEN:]
        if not self._events and not self._task.done():
            self._news.clear()
        return taken

    def forget(self) -> None:
        """Everything will be compared: what has come so far is part of that."""
        self._events.clear()
        self.has_gap = False
        if not self._task.done():
            self._news.clear()

    async def close(self) -> None:
        """Read no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for item in self._feed:
                if item is GAP or len(self._events) >= MAX_WAITING:
                    self._events.clear()
                    self.has_gap = True
                elif item.touched is not None and not self.has_gap:
                    self._events.append(item)
                self._news.set()
        finally:
            self._news.set()
