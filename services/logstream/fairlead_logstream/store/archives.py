"""The archive rows in a SQL database: which records are in the archive, and where."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from fairlead_logstream.model.rows import StreamKey
from fairlead_logstream.model.segment import Segment
from fairlead_logstream.store import queries
from fairlead_store import Database


class SqlArchiveRows:
    """The archive rows of a realm. `changed` is told of each stream that has leftovers by what is done here."""

    def __init__(self, database: Database, realm: str, changed: Callable[[int], None]) -> None:
        self._database = database
        self._realm = realm
        self._changed = changed

    async def add(self, key: StreamKey, segment: Segment) -> bool:
        is_added = await self._database.write(partial(_add, key.id, segment))
        if is_added:
            self._changed(key.id)
        return is_added

    async def at(self, key: StreamKey, number: int) -> Segment | None:
        return _only(await self.from_number(key, number, 1))

    async def from_number(self, key: StreamKey, number: int, limit: int) -> list[Segment]:
        return await self._ask(queries.ARCHIVES, key, number=number, limit=limit)

    async def before(self, key: StreamKey, number: int) -> Segment | None:
        return _only(await self._ask(queries.ARCHIVE_BEFORE, key, number=number))

    async def with_byte(self, key: StreamKey, end: int, offset: int) -> Segment | None:
        return _only(await self._ask(queries.ARCHIVE_WITH_BYTE, key, end=end, offset=offset))

    async def since(self, key: StreamKey, time_us: int) -> Segment | None:
        return _only(await self._ask(queries.ARCHIVE_SINCE, key, time_us=time_us))

    async def gone(self, stream_id: int | None, limit: int) -> list[tuple[int, Segment]]:
        return await self._database.read(partial(_gone, self._realm, stream_id, limit))

    async def forget(self, stream_id: int, first: int) -> None:
        await self._database.write(partial(_forget, stream_id, first))
        self._changed(stream_id)

    async def _ask(self, query: sa.TextClause, key: StreamKey, **values: int) -> list[Segment]:
        return await self._database.read(partial(_segments, query, {"stream_id": key.id, **values}))


def _add(stream_id: int, segment: Segment, connection: sa.Connection) -> bool:
    values = {"stream_id": stream_id, **msgspec.structs.asdict(segment)}
    if connection.execute(queries.ARCHIVED, values).rowcount == 0:
        return False
    connection.execute(queries.INSERT_ARCHIVE, values)
    return True


def _segments(query: sa.TextClause, values: dict[str, int], connection: sa.Connection) -> list[Segment]:
    return [_segment(row) for row in connection.execute(query, values)]


def _gone(realm: str, stream_id: int | None, limit: int, connection: sa.Connection) -> list[tuple[int, Segment]]:
    query = queries.GONE_ARCHIVES if stream_id is None else queries.GONE_ARCHIVES_OF
    found = connection.execute(query, {"realm": realm, "stream_id": stream_id, "limit": limit})
    return [(row.stream_id, _segment(row)) for row in found]


def _forget(stream_id: int, first: int, connection: sa.Connection) -> None:
    connection.execute(queries.DELETE_ARCHIVE, {"stream_id": stream_id, "first": first})


def _segment(row: sa.Row[Any]) -> Segment:
    return Segment(**{name: getattr(row, name) for name in Segment.__struct_fields__})


def _only(found: list[Segment]) -> Segment | None:
    return found[0] if found else None
