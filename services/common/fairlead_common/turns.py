"""Turns at what is dear: one at a time, and the sessions in rotation.

Who asks for a thousand things at once has one of them in the queue, so that nobody else waits behind the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Locks:
    """A lock for each key, there while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def of(self, *key: Hashable) -> asyncio.Lock:
        """The lock of this key."""
        return self._locks.setdefault(key, asyncio.Lock())


class Turns:
    """For all sessions together; what reads the archive, which may be slow, has turns of its own."""

    def __init__(self) -> None:
        self._sessions = Locks()
        self._all = {False: asyncio.Lock(), True: asyncio.Lock()}

    @asynccontextmanager
    async def turn(self, session_id: int, *, in_archive: bool = False) -> AsyncIterator[None]:
        """Wait for the session's turn, and have it."""
        async with self._sessions.of(session_id, in_archive), self._all[in_archive]:
            yield
