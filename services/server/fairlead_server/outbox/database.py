"""How outboxes are found in a database, and a connection to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from fairlead_server.errors import CommandError
from fairlead_server.outbox.names import EVENTS, Names

try:
    import psycopg
    from psycopg.rows import namedtuple_row
except ImportError:
    raise CommandError("PostgreSQL needs the driver psycopg: pip install 'fairlead[postgresql]'") from None

DatabaseConnection = psycopg.AsyncConnection[Any]

LOST = (psycopg.OperationalError, psycopg.InterfaceError)
"""The connection or its server is gone, or cannot do it just now: try again."""

REFUSED = psycopg.ProgrammingError
"""What was asked for is not there, or the right to it is not."""

NO_VALUE = psycopg.DataError
"""A text is no value of a column's type."""

_OPTIONS: dict[str, Any] = {
    "connect_timeout": 10,
    "application_name": "fairlead outbox",
    # A server that is gone without a word is noticed within a minute.
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

_OUTBOX = """\
SELECT o.epoch::text, o.id_column, o.notifies, o.consumed::text,
    to_regclass(%s)::oid IS NOT DISTINCT FROM o.source AS is_of_table,
    (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = o.source AND t.tgname = ANY(%s) AND t.tgenabled IN ('O', 'A'))
        AS triggers,
    (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
        WHERE a.attrelid = o.source AND a.attname = o.id_column AND NOT a.attisdropped) AS id_type
FROM {outboxes} o WHERE o.name = %s
"""


class Found(NamedTuple):
    """An outbox that is registered."""

    epoch: str
    id_column: str
    notifies: bool
    consumed: str | None
    """What the rows that were removed had been seen by, a `pg_snapshot`."""
    is_of_table: bool
    """The table is the one for which it was made, and no other that has its name."""
    triggers: int
    id_type: str | None
    """Of the column, as SQL has it; None when there is none any more."""

    @property
    def is_whole(self) -> bool:
        """Whether each change of the table gets into it."""
        return self.is_of_table and self.triggers == len(EVENTS) and self.id_type is not None


async def connect(url: str) -> DatabaseConnection:
    """A connection on which each statement is a transaction. Raises one of LOST."""
    return await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=namedtuple_row, **_OPTIONS)


@asynccontextmanager
async def explaining() -> AsyncIterator[None]:
    """What the database says against it is raised as CommandError: nobody tries again."""
    try:
        yield
    except LOST as error:
        raise CommandError(f"the database cannot do it now: {first_line(error)}") from None
    except REFUSED as error:
        raise CommandError(f"the database refuses it: {first_line(error)}") from None


async def find_outbox(connection: DatabaseConnection, names: Names) -> Found | None:
    """The outbox of this name, if there is one."""
    there = await connection.execute("SELECT to_regclass(%s) IS NOT NULL", [names.outboxes])
    if await there.fetchone() != (True,):
        return None
    query = _OUTBOX.format(outboxes=in_query(names.outboxes)).encode()
    triggers = [names.trigger(event) for event in EVENTS]
    row = await (await connection.execute(query, [names.source, triggers, names.outbox])).fetchone()
    return None if row is None else Found(*row)


def in_query(name: str) -> str:
    """A name in a query that has parameters."""
    return name.replace("%", "%%")


def first_line(error: Exception) -> str:
    """What the database says, without the details."""
    return str(error).strip().partition("\n")[0]
