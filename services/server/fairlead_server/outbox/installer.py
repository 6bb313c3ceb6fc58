"""Makes an outbox and takes it away: looks whether the table can be followed, then runs the script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fairlead_server.errors import CommandError
from fairlead_server.outbox.database import DatabaseConnection, connect, explaining, find_outbox
from fairlead_server.outbox.installing import install_script, remove_script
from fairlead_server.outbox.names import Names

# A primary key of one column; else the one that was named, if it can be one.
_TABLE = """\
SELECT c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relispartition
        AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid OR h.inhrelid = c.oid) AS is_plain,
    (SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1) AS key,
    EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
            AND i.indpred IS NULL AND a.attnotnull AND a.attname = %(given)s) AS is_key
FROM pg_class c WHERE c.oid = to_regclass(%(table)s)
"""

# Those whose texts are the same in every session, whatever its settings are.
_KEY_TYPE = """\
SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s
"""
KEY_TYPES = ("bigint", "character", "character varying", "integer", "smallint", "text", "uuid")

OLDEST_VERSION = 140_000


async def install(url: str, names: Names, id_column: str | None, *, notifies: bool) -> bool:
    """Makes the outbox; False if it is there already, whole and the same. Raises CommandError."""
    async with _connected(url) as connection:
        column = await _id_column(connection, names, id_column)
        found = await find_outbox(connection, names)
        if found is not None and found.is_whole and (found.id_column, found.notifies) == (column, notifies):
            return False
        await connection.execute(install_script(names, column, notifies=notifies).encode())
        return True


async def script(url: str, names: Names, id_column: str | None, *, notifies: bool) -> str:
    """What `install` would run. Raises CommandError."""
    async with _connected(url) as connection:
        return install_script(names, await _id_column(connection, names, id_column), notifies=notifies)


async def remove(url: str, names: Names) -> bool:
    """Takes the outbox away; False if there is none. Raises CommandError."""
    async with _connected(url) as connection:
        if await find_outbox(connection, names) is None:
            return False
        await connection.execute(remove_script(names).encode())
        return True


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[DatabaseConnection]:
    async with explaining(), await connect(url) as connection:
        yield connection


async def _id_column(connection: DatabaseConnection, names: Names, given: str | None) -> str:
    """The column whose values are the rows' keys."""
    if connection.info.server_version < OLDEST_VERSION:
        raise CommandError("an outbox takes PostgreSQL 14 or later")
    about = await connection.execute(_TABLE, {"given": given, "table": names.source})
    table = await about.fetchone()
    if table is None:
        raise CommandError(f"there is no table {names.source}")
    is_plain, key, is_key = table
    if not is_plain:
        raise CommandError(f"{names.source} is no plain table: views, partitions, what inherits or is not logged")
    if given is None and key is None:
        raise CommandError(f"{names.source} has no primary key of one column: name a unique one with --id-column")
    if given is not None and not is_key:
        raise CommandError(f"--id-column {given!r} of {names.source} must be a column, unique and not null")
    column = str(given or key)
    [(key_type,)] = await (await connection.execute(_KEY_TYPE, [names.source, column])).fetchall()
    if key_type not in KEY_TYPES:
        raise CommandError(f"column {column!r} of {names.source} is a {key_type}: a key is {', '.join(KEY_TYPES)}")
    return column
