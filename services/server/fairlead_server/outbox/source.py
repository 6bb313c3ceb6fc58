"""The database with the table and its outbox: one connection, on which one follower at a time reads.

What is read is read in one snapshot of the database, so rows and outbox belong together. A lock of the session keeps
other followers away for as long as the connection lives; that nobody follows twice is decided by the cursor's record.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import takewhile
from typing import Any, NamedTuple, Self

from fairlead_server.errors import CommandError
from fairlead_server.outbox.database import NO_VALUE, DatabaseConnection, connect, explaining, find_outbox, in_query
from fairlead_server.outbox.mapping import Fetched, Mapping
from fairlead_server.outbox.names import Names, quoted
from fairlead_server.outbox.snapshots import Cursor, Row, Snapshot

LOCK_WAIT_S = 10.0
"""A follower that was killed holds the lock until the database has seen the end of its connection."""
_LOCK_RETRY_S = 0.1

TRIM_ROWS = 10_000
"""Of the outbox, removed in one transaction: some ten milliseconds."""

_IDENTITY = """\
SELECT current_database() AS database, pg_is_in_recovery() AS is_standby, pg_current_snapshot()::text AS snapshot,
    (SELECT system_identifier FROM pg_control_system()) AS system,
    CASE WHEN pg_is_in_recovery() THEN NULL ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline
"""

# What a snapshot does not see: the transactions that were running, and those that began later.
_NEW_ROWS = """\
SELECT xid::text, id, key, op FROM (
    (SELECT xid, id, key, op FROM {rows}
        WHERE xid = ANY(%s::text[]::xid8[]) AND (xid, id) > (%s::text::xid8, %s)
            AND pg_visible_in_snapshot(xid, %s::text::pg_snapshot)
        ORDER BY xid, id LIMIT %s)
    UNION ALL
    (SELECT xid, id, key, op FROM {rows}
        WHERE xid >= %s::text::xid8 AND (xid, id) > (%s::text::xid8, %s)
            AND pg_visible_in_snapshot(xid, %s::text::pg_snapshot)
        ORDER BY xid, id LIMIT %s)
) AS new ORDER BY new.xid, new.id LIMIT %s
"""

_FETCH = """\
SELECT s.{id}::text AS key, {state}::text AS state, {owner}::text AS owner, {object}::text AS object
FROM {source} AS s
"""

_TRIM = """\
DELETE FROM {rows} WHERE (xid, id) IN (
    SELECT xid, id FROM {rows} WHERE xid < pg_snapshot_xmax(%s::text::pg_snapshot)
        AND pg_visible_in_snapshot(xid, %s::text::pg_snapshot)
    ORDER BY xid, id LIMIT %s)
"""

FETCHED_ROWS = 100
"""Of the table at once: rows may be large, and of what is more than a batch takes little should be fetched."""

COUNTED_ROWS = 100_000
"""Of an outbox: more of them are just many."""

_BEHIND = """\
SELECT count(*) AS rows, extract(epoch FROM clock_timestamp() - min(new.at))::float8 AS oldest_s,
    (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32) + objid::bigint = hashtextextended(%s, 0)) AS follower
FROM (SELECT at FROM {rows} WHERE %s::text IS NULL OR NOT pg_visible_in_snapshot(xid, %s::text::pg_snapshot)
    LIMIT %s) AS new
"""

_ANY_TO_TRIM = """\
SELECT EXISTS (SELECT FROM {rows} WHERE xid < pg_snapshot_xmax(%s::text::pg_snapshot)
    AND pg_visible_in_snapshot(xid, %s::text::pg_snapshot))
"""


class Installed(NamedTuple):
    """The outbox as it was found."""

    here: Cursor
    """A cursor at this moment."""
    notifies: bool
    consumed: str | None
    """What the rows that were removed had been seen by."""


class Behind(NamedTuple):
    """How far a follower is behind."""

    rows: int
    """Of the outbox, which it has not seen; counted up to COUNTED_ROWS."""
    oldest_s: float
    """How long the first of them is there."""
    follower: int | None
    """The database's process that serves the follower, if there is one."""


class Page(NamedTuple):
    """What is new: rows of the outbox, and the rows of the table that they are about, in one snapshot."""

    now: str
    rows: list[Row]
    is_last: bool
    """Nothing more of `now` comes behind these."""
    fetched: dict[str, Fetched]
    """By key; what is not here is not in the table."""


class Source:
    """An open connection."""

    def __init__(self, connection: DatabaseConnection, names: Names, mapping: Mapping) -> None:
        self._connection = connection
        self._names = names
        self._mapping = mapping
        self._sql = {"rows": names.rows, "outboxes": names.outboxes, "source": names.source}
        """What stands in queries in braces: names of the outbox, and from `installed` on of the table's columns."""

    @classmethod
    async def open(cls, url: str, names: Names, mapping: Mapping) -> Self:
        """Connects. Raises one of LOST."""
        return cls(await connect(url), names, mapping)

    async def close(self) -> None:
        """Lets go of the lock, too."""
        await self._connection.close()

    async def installed(self) -> Installed:
        """The outbox, checked. Raises CommandError where it would miss changes."""
        [about] = await self._rows(_IDENTITY)
        found = await find_outbox(self._connection, self._names)
        if about.is_standby:
            raise CommandError("the database is a standby, whose outbox nobody may trim: follow its primary")
        if found is None:
            raise CommandError(f"there is no outbox {self._names.outbox!r}: `fairlead outbox install` makes it")
        if not found.is_whole or found.id_type is None:
            raise CommandError(
                f"the triggers of outbox {self._names.outbox!r} are not on {self._names.source}, so changes were "
                "missed: `fairlead outbox install` makes it anew"
            )
        self._name_columns(found.id_column, found.id_type)
        words = f"{about.database}.{self._names.schema}.{self._names.table}"
        here = Cursor(words, f"{about.system}-{about.timeline}-{found.epoch}", about.snapshot)
        return Installed(here, found.notifies, found.consumed)

    async def lock(self) -> None:
        """Keeps other followers away, and listens. Raises CommandError when another one is there already."""
        deadline_s = asyncio.get_running_loop().time() + LOCK_WAIT_S
        while True:
            [(is_ours,)] = await self._rows("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", self._lock_name)
            if is_ours:
                break
            if asyncio.get_running_loop().time() > deadline_s:
                raise CommandError(f"another follower reads outbox {self._names.outbox!r} already")
            await asyncio.sleep(_LOCK_RETRY_S)
        await self._connection.execute(f"LISTEN {quoted(self._names.channel)}".encode())

    async def page(self, cursor: Cursor, limit: int, limit_bytes: int) -> Page:
        """What the cursor has not seen: at most so many rows of the outbox, and not much more bytes of the table."""
        async with self._connection.transaction():
            await self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            now = cursor.now
            if now is None:
                [(now,)] = await self._rows("SELECT pg_current_snapshot()::text")
            rows = await self._new_rows(cursor, now, limit)
            keys = dict.fromkeys(row.key for row in rows if row.op != "truncate")
            fetched, asked = await self._states(list(keys), limit_bytes)
        known = list(takewhile(lambda row: row.key in asked or row.op == "truncate", rows))
        return Page(now, known, len(rows) < limit and len(known) == len(rows), fetched)

    async def copy(self, after: str | None, limit: int, limit_bytes: int) -> list[Fetched]:
        """Rows of the table in the order of their keys, behind this one: so many, and not much more bytes."""
        found: list[Fetched] = []
        while len(found) < limit and sum(each.size for each in found) <= limit_bytes:
            wanted = min(FETCHED_ROWS, limit - len(found))
            some = await self._next_rows(found[-1].key if found else after, wanted)
            found += some
            if len(some) < wanted:
                break
        return found

    async def missing(self, keys: Sequence[str]) -> set[str]:
        """Those of which the table has no row."""
        query = "SELECT {id}::text FROM {source} WHERE {id} = ANY(%s::text[]::{type}[])"
        try:
            return set(keys) - {key for (key,) in await self._rows(query, list(keys))}
        except NO_VALUE:  # one of them is no value of the column's type
            if len(keys) == 1:
                return set(keys)
            half = len(keys) // 2
            return await self.missing(keys[:half]) | await self.missing(keys[half:])

    async def estimate(self) -> int | None:
        """How many rows the table has, as far as the database knows without counting them."""
        [(rows,)] = await self._rows(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)", self._names.source
        )
        return rows if rows >= 0 else None

    async def trim(self, done: str) -> int:
        """Removes rows that `done` sees, some at a time; says how many.

        That they are gone is noted with it: a follower whose cursor has not seen them must copy the table.
        """
        [(is_any,)] = await self._rows(_ANY_TO_TRIM, done, done)
        if not is_any:
            return 0
        async with self._connection.transaction():
            note = "UPDATE {outboxes} SET consumed = %s::text::pg_snapshot WHERE name = %s"
            await self._execute(note, done, self._names.outbox)
            removed = await self._execute(_TRIM, done, done, TRIM_ROWS)
        return int(removed.rowcount)

    async def wait(self, timeout_s: float) -> None:
        """Until something is notified, or so long."""
        async with aclosing(self._connection.notifies(timeout=timeout_s, stop_after=1)) as notices:
            async for _ in notices:
                pass

    async def behind(self, done: str | None) -> Behind:
        """How far a cursor is behind; None: it has seen nothing."""
        [row] = await self._rows(_BEHIND, self._lock_name, done, done, COUNTED_ROWS)
        return Behind(row.rows, row.oldest_s or 0.0, row.follower)

    # ------------------------------------------------------------ queries

    @property
    def _lock_name(self) -> str:
        return f"fairlead outbox {self._names.rows}"

    def _name_columns(self, id_column: str, id_type: str) -> None:
        mapping = self._mapping
        columns = [f"s.{quoted(column)} AS {quoted(field)}" for field, column in mapping.columns.items()]
        whole = f"(SELECT to_jsonb(r) FROM (SELECT {', '.join(columns)}) r)" if columns else "to_jsonb(s)"
        owner, object_id = mapping.owner_column, mapping.object_column
        self._sql |= {
            "id": quoted(id_column),
            "type": id_type,
            "state": whole,
            "owner": "NULL" if owner is None else f"s.{quoted(owner)}",
            "object": "NULL" if object_id is None else f"s.{quoted(object_id)}",
        }

    async def _new_rows(self, cursor: Cursor, now: str, limit: int) -> list[Row]:
        done, (xid, id_) = Snapshot.parse(cursor.done), cursor.after or (0, 0)
        running = [str(each) for each in sorted(done.running)]
        behind = (str(xid), id_, now, limit)
        rows = await self._rows(_NEW_ROWS, running, *behind, str(done.next), *behind, limit)
        return [Row(int(row.xid), row.id, row.key, row.op) for row in rows]

    async def _states(self, keys: Sequence[str], limit_bytes: int) -> tuple[dict[str, Fetched], set[str]]:
        """Rows of the table by their keys; and the keys that were asked for until there were enough bytes."""
        fetched: dict[str, Fetched] = {}
        asked: set[str] = set()
        for start in range(0, len(keys), FETCHED_ROWS):
            if sum(each.size for each in fetched.values()) > limit_bytes:
                break
            some = keys[start : start + FETCHED_ROWS]
            asked.update(some)
            rows = await self._fetch("WHERE s.{id} = ANY(%s::text[]::{type}[])", list(some))
            fetched |= {row.key: row for row in rows}
        return fetched, asked

    async def _next_rows(self, after: str | None, limit: int) -> list[Fetched]:
        if after is None:
            return await self._fetch("ORDER BY s.{id} LIMIT %s", limit)
        return await self._fetch("WHERE s.{id} > %s::text::{type} ORDER BY s.{id} LIMIT %s", after, limit)

    async def _fetch(self, which: str, *values: Any) -> list[Fetched]:
        return [_fetched(row) for row in await self._rows(_FETCH + which, *values)]

    async def _rows(self, query: str, *values: Any) -> list[Any]:
        rows: list[Any] = await (await self._execute(query, *values)).fetchall()
        return rows

    async def _execute(self, query: str, *values: Any) -> Any:
        names = {place: in_query(name) for place, name in self._sql.items()}
        return await self._connection.execute(query.format(**names).encode(), values)


@asynccontextmanager
async def opened(url: str, names: Names, mapping: Mapping) -> AsyncIterator[Source]:
    """For who looks at it once. Raises CommandError."""
    async with explaining():
        source = await Source.open(url, names, mapping)
        try:
            yield source
        finally:
            await source.close()


def _fetched(row: Any) -> Fetched:
    try:
        state = json.loads(row.state)  # takes numbers of any size, which are judged later
    except RecursionError:
        raise CommandError(f"row {row.key!r} is nested too deeply; --columns leaves columns out") from None
    return Fetched(row.key, state, row.owner, row.object, len(row.state))
