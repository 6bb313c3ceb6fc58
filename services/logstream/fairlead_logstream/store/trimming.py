"""Trimming: what is old or deleted is gone at once for every reader, and its rows go after that, some at a time.

First the stream's `oldest` is durable, or its name is free; that is one small write. The rows below it are
leftovers, which the sweeper deletes in transactions of SWEEP_CHUNKS each, as jobs like any other: appends
come between them. Whatever ends the program, what is visible is whole, and the next start finds the leftovers.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import sqlalchemy as sa

from fairlead_logstream.model.records import MAX_NUMBER
from fairlead_logstream.store import queries
from fairlead_store import Database, StoreError

SWEEP_CHUNKS = 64
"""Chunks of one transaction: at most 4 MiB and some milliseconds, which an append may have to wait."""

RETRY_S = 5.0
"""After a failure: a full disk, as a rule, and deleting needs some room as well."""

_log = logging.getLogger(__name__)


def trim(stream_id: int, oldest: int, connection: sa.Connection) -> None:
    """What is before `oldest` is gone, for every reader."""
    connection.execute(queries.TRIM, {"id": stream_id, "oldest": oldest})


def delete(stream_id: int, connection: sa.Connection) -> None:
    """The stream is gone, for everybody."""
    connection.execute(queries.DELETE_STREAM, {"id": stream_id, "oldest": MAX_NUMBER})


def unswept(realm: str, connection: sa.Connection) -> list[int]:
    """The streams with leftovers, of an earlier run."""
    return list(connection.execute(queries.UNSWEPT, {"realm": realm}).scalars())


class Sweeper:
    """Deletes the leftovers of trimmed and deleted streams."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unswept: dict[int, None] = {}
        self._task: asyncio.Task[None] | None = None

    def sweep(self, *stream_ids: int) -> None:
        """There are leftovers of these streams."""
        self._unswept.update(dict.fromkeys(stream_ids))
        if self._unswept and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Leave what is left to the next run."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._unswept:
            stream_id = next(iter(self._unswept))
            del self._unswept[stream_id]
            try:
                has_more = await self._database.write(partial(_sweep, stream_id))
            except StoreError as error:
                _log.warning("what is trimmed or deleted still takes room, it goes later: %s", error)
                self._unswept[stream_id] = None
                await asyncio.sleep(RETRY_S)
            else:
                if has_more:
                    self._unswept[stream_id] = None


def _sweep(stream_id: int, connection: sa.Connection) -> bool:
    """Delete some leftovers of a stream; whether there may be more."""
    values = {"stream_id": stream_id, "limit": SWEEP_CHUNKS}
    if connection.execute(queries.SWEEP_CHUNKS, values).rowcount == SWEEP_CHUNKS:
        return True
    for statement in queries.SWEEP_STREAM:
        connection.execute(statement, {"stream_id": stream_id})
    return False
