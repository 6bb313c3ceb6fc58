"""What servers that share a PostgreSQL database ask of it: which streams have changed, and to be woken then.

The questions are the truth; the wake-up (NOTIFY) may come late, twice or never.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import sqlalchemy as sa

from fairlead_logstream.model.rows import StreamRow
from fairlead_logstream.store import queries, rows
from fairlead_store import Database


class SqlSharing:
    """The questions of one server about a realm's streams."""

    def __init__(self, database: Database, realm: str) -> None:
        self._database = database
        self._realm = realm

    async def versions(self, stream_ids: Collection[int] | None = None) -> dict[int, int]:
        ids = None if stream_ids is None else list(stream_ids)
        return await self._database.read(partial(_versions, self._realm, ids))

    async def rows(self, stream_ids: Collection[int]) -> list[StreamRow]:
        return await self._database.read(partial(_rows, self._realm, list(stream_ids)))

    async def named(self, name: str) -> StreamRow | None:
        return await self._database.read(partial(_named, self._realm, name))


def _versions(realm: str, ids: list[int] | None, connection: sa.Connection) -> dict[int, int]:
    query = queries.VERSIONS if ids is None else queries.VERSIONS_BY_ID
    found = connection.execute(query, {"realm": realm, "ids": ids})
    return {row.id: row.version for row in found}


def _rows(realm: str, stream_ids: list[int], connection: sa.Connection) -> list[StreamRow]:
    found = connection.execute(queries.STREAMS_BY_ID, {"realm": realm, "ids": stream_ids})
    return [rows.stream_row(row) for row in found]


def _named(realm: str, name: str, connection: sa.Connection) -> StreamRow | None:
    row = connection.execute(queries.STREAM, {"realm": realm, "name": name}).one_or_none()
    return None if row is None else rows.stream_row(row)
