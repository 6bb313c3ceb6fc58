"""Appends of a producer that can read again what it sends: from its own place on, some at a time, without a spool.

`create` says how much of it is in the log. After a lost session the caller begins anew there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fairlead_client import CallFailed, Unreachable
from fairlead_client.asyncio import Connection, call
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.backoff import Backoff
from fairlead_client.errors import GAP, PASSING
from fairlead_client.records import WireRecord
from fairlead_client.requests import APPEND, Result

_RECORDS = 1_000
"""Of one append: with texts of 48 KiB in all it stays far below the largest message."""
_IN_FLIGHT = 4


async def until_done(connection: Connection, job: Callable[[AutobahnSession], Awaitable[None]]) -> None:
    """Does a job that can be done again, in as many sessions as it takes. Raises ClientError for what does not pass."""
    backoff = Backoff()
    while True:
        session = await connection.session()
        assert isinstance(session, AutobahnSession)
        try:
            await job(session)
            return
        except Unreachable:
            continue
        except CallFailed as error:
            if error.uri not in PASSING | {GAP}:
                raise
            await asyncio.sleep(backoff.next_s())


class Sending:
    """Appends of one session, some of them under way."""

    def __init__(
        self,
        session: AutobahnSession,
        stream: str,
        about: dict[str, Any],
        on_stored: Callable[[Result], None] = lambda _: None,
    ) -> None:
        self._session = session
        self._stream = stream
        self._about = about
        self._on_stored = on_stored
        self._under_way: deque[tuple[asyncio.Future[Result], int]] = deque()
        self.acknowledged = 0
        """The producer's position up to which all is in the log."""

    def begins_at(self, position: int, name: str, size: Callable[[WireRecord], int], skipped: int = 0) -> None:
        """The producer's position of the first record, and how it counts; so many records are in the log already."""
        self._position, self._name, self._size, self._skipped = position, name, size, skipped
        self.acknowledged = position

    async def send(self, records: Sequence[WireRecord]) -> None:
        """Appends those that are new, as soon as there is room for that."""
        known = records[: self._skipped]
        self._skipped -= len(known)
        self._position += sum(map(self._size, known))
        new = records[len(known) :]
        for start in range(0, len(new), _RECORDS):
            batch = new[start : start + _RECORDS]
            if len(self._under_way) >= _IN_FLIGHT:
                await self._take_answer()
            await self._append(batch)

    async def beat(self) -> None:
        """Lets itself be heard, with nothing to append."""
        if not self._under_way:
            await self._append([])

    async def settle(self) -> None:
        """Waits until all is acknowledged."""
        while self._under_way:
            await self._take_answer()

    @property
    def skipped(self) -> int:
        """How many of the records that are in the log already have not come yet."""
        return self._skipped

    async def close(self) -> None:
        """Waits for no answer any more."""
        for appending, _ in self._under_way:
            appending.cancel()
        await asyncio.gather(*(appending for appending, _ in self._under_way), return_exceptions=True)

    async def _append(self, batch: Sequence[WireRecord]) -> None:
        at = {self._name: self._position}
        appending = call(self._session, APPEND, self._stream, batch, **self._about, **at)
        self._position += sum(map(self._size, batch))
        self._under_way.append((asyncio.ensure_future(appending), self._position))
        await asyncio.sleep(0)  # they are called in this order

    async def _take_answer(self) -> None:
        appending, position = self._under_way.popleft()
        self._on_stored(await appending)
        self.acknowledged = position
