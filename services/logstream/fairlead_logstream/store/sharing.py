"""What servers that share a PostgreSQL database ask of it: which streams have changed, and to be woken then.

The questions are the truth; the wake-up (NOTIFY) may come late, twice or never.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Collection, Iterable
from functools import partial

import sqlalchemy as sa

from fairlead_logstream.model.rows import StreamRow
from fairlead_logstream.store import queries, rows
from fairlead_store import Database, Listener, StoreError

CHANNEL = "fairlead_logs"

NOTIFIED_LIMIT = 300
"""Streams in one notification, which PostgreSQL takes up to 8 000 bytes of."""

_ID = re.compile(r"\b\d{1,18}\b", re.ASCII)
"""Whoever may use the database may notify anything."""

_log = logging.getLogger(__name__)


class SqlSharing:
    """The questions of one server about a realm's streams."""

    def __init__(self, database: Database, realm: str) -> None:
        self._database = database
        self._realm = realm
        self._name = secrets.token_hex(8)
        self._listener: Listener | None = None
        self._changed: dict[int, None] = {}
        self._telling: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Hear and tell nothing more."""
        if self._listener is not None:
            await self._listener.close()
        if self._telling is not None:
            await asyncio.wait([self._telling])

    async def versions(self, stream_ids: Collection[int] | None = None) -> dict[int, int]:
        ids = None if stream_ids is None else list(stream_ids)
        return await self._database.read(partial(_versions, self._realm, ids))

    async def rows(self, stream_ids: Collection[int]) -> list[StreamRow]:
        return await self._database.read(partial(_rows, self._realm, list(stream_ids)))

    async def named(self, name: str) -> StreamRow | None:
        return await self._database.read(partial(_named, self._realm, name))

    # ---- the wake-up

    def listen(self, woken: Callable[[list[int]], None]) -> None:
        def heard(payload: str) -> None:
            teller, _, ids = payload.partition(" ")
            if teller != self._name:
                woken([int(stream_id) for stream_id in _ID.findall(ids)])

        self._listener = self._database.listen(CHANNEL, heard)

    def changed(self, stream_ids: Iterable[int]) -> None:
        """Tell the other servers, with all that changes until the last telling has ended."""
        self._changed.update(dict.fromkeys(stream_ids))
        if self._changed and (self._telling is None or self._telling.done()):
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self._changed:
            changed, self._changed = list(self._changed), {}
            payloads = [
                f"{self._name} {' '.join(map(str, changed[begin : begin + NOTIFIED_LIMIT]))}"
                for begin in range(0, len(changed), NOTIFIED_LIMIT)
            ]
            try:
                await self._database.read(partial(_notify, payloads))
            except StoreError as error:
                _log.debug("the other servers are not told: %s", error)


def _versions(realm: str, ids: list[int] | None, connection: sa.Connection) -> dict[int, int]:
    query = queries.VERSIONS if ids is None else queries.VERSIONS_BY_ID
    found = connection.execute(query, {"realm": realm, "ids": ids})
    return {row.id: row.version for row in found}


def _rows(realm: str, stream_ids: list[int], connection: sa.Connection) -> list[StreamRow]:
    found = connection.execute(queries.STREAMS_BY_ID, {"realm": realm, "ids": stream_ids})
    return [rows.stream_row(row) for row in found]


def _notify(payloads: list[str], connection: sa.Connection) -> None:
    for payload in payloads:
        connection.execute(queries.NOTIFY, {"channel": CHANNEL, "payload": payload})


def _named(realm: str, name: str, connection: sa.Connection) -> StreamRow | None:
    row = connection.execute(queries.STREAM, {"realm": realm, "name": name}).one_or_none()
    return None if row is None else rows.stream_row(row)
