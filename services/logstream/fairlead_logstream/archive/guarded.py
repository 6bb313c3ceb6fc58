"""An archive of somebody else's, guarded: whatever it raises is one error, and nobody waits for it for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from fairlead_logstream.archive.archive import Archive, ArchiveFailed, NotInArchive

TIMEOUT_S = 30.0
"""An archive that has not answered by then is away."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class GuardedArchive:
    """An `Archive` that raises ArchiveFailed, and NotInArchive. Why it failed is for the operator, once."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._is_away = False

    async def put(self, name: str, data: bytes) -> str:
        return await self._ask(self._archive.put(name, data))

    async def get(self, location: str) -> bytes:
        return await self._ask(self._archive.get(location))

    async def delete(self, location: str) -> None:
        await self._ask(self._archive.delete(location))

    async def close(self) -> None:
        await self._archive.close()

    async def _ask(self, asked: Coroutine[Any, Any, T]) -> T:
        try:
            answer = await asyncio.wait_for(asked, TIMEOUT_S)
        except NotInArchive:
            raise
        except Exception as error:
            if not self._is_away:
                _log.error("the archive does not work: %r", error)
            self._is_away = True
            raise ArchiveFailed("the archive, where this is kept, does not work now: try again later") from error
        self._is_away = False
        return answer
