"""What is trimmed or deleted leaves the archive too: the file first, then its row, so that none is forgotten.

Trimmed or deleted it is gone for every reader already. Whatever ends the program, the next start finds the rows.
"""

from __future__ import annotations

import asyncio
import logging

from fairlead_logstream.archive.archive import Archive
from fairlead_logstream.model.rows import StreamKey
from fairlead_logstream.model.segment import Segment
from fairlead_logstream.store.stream_store import ArchiveRows
from fairlead_store import StoreError

GONE_AT_ONCE = 100
"""Rows that are asked for at a time."""

RETRY_S = 60.0
"""After a failure: the archive is away."""

_log = logging.getLogger(__name__)


class Remover:
    """Deletes the files that nobody can read any more."""

    def __init__(self, rows: ArchiveRows, archive: Archive) -> None:
        self._rows = rows
        self._archive = archive
        self._asked: dict[int | None, None] = {}
        self._task: asyncio.Task[None] | None = None

    def remove_gone(self, stream_id: int | None = None) -> None:
        """There may be such files, of this stream or of any."""
        self._asked[stream_id] = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def discard(self, key: StreamKey, segment: Segment) -> None:
        """This file was put, and its row was refused; unless it is another server's as well, it goes."""
        known = await self._rows.at(key, segment.first)
        if known is None or known.location != segment.location:
            await self._delete(segment.location)

    async def close(self) -> None:
        """Leave what is left to the next run."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._asked:
            stream_id = next(iter(self._asked))
            del self._asked[stream_id]
            try:
                while gone := await self._rows.gone(stream_id, GONE_AT_ONCE):
                    for owner_id, segment in gone:
                        await self._archive.delete(segment.location)
                        await self._rows.forget(owner_id, segment.first)
            except StoreError as error:
                _log.warning("what is trimmed or deleted is still in the archive, it goes later: %s", error)
                self._asked[stream_id] = None
                await asyncio.sleep(RETRY_S)

    async def _delete(self, location: str) -> None:
        try:
            await self._archive.delete(location)
        except StoreError as error:
            _log.warning("%s is left in the archive, and nobody needs it: %s", location, error)
