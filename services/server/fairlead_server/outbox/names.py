"""What an outbox's parts are called in the database, and how names and texts are written in SQL."""

from __future__ import annotations

import re
from typing import NamedTuple

from fairlead_server.errors import CommandError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

OUTBOXES = "fairlead_outboxes"
"""The table of a schema's outboxes."""

EVENTS = ("insert", "update", "delete", "truncate")


class Names(NamedTuple):
    """The table that is followed, and the outbox, which lies in the same schema."""

    schema: str
    table: str
    outbox: str
    """What the outbox is called among those of the schema."""

    @property
    def source(self) -> str:
        """The table in SQL."""
        return f"{quoted(self.schema)}.{quoted(self.table)}"

    @property
    def rows(self) -> str:
        """The outbox' table in SQL, and its function, which has the same name."""
        return f"{quoted(self.schema)}.{quoted(self.channel)}"

    @property
    def outboxes(self) -> str:
        """The table of outboxes in SQL."""
        return f"{quoted(self.schema)}.{OUTBOXES}"

    @property
    def channel(self) -> str:
        """What is notified."""
        return f"fairlead_outbox_{self.outbox}"

    def trigger(self, event: str) -> str:
        """The trigger for an event."""
        return f"{self.channel}_{event}"


def names_of(table: str, name: str | None) -> Names:
    """Of `TABLE` or `SCHEMA.TABLE`. Raises CommandError."""
    schema, dot, table_name = table.rpartition(".")
    outbox = table_name if name is None else name
    if not table_name or (dot and not schema) or "\0" in table:
        raise CommandError(f"--table {table!r} is no table: write TABLE or SCHEMA.TABLE")
    if _NAME.fullmatch(outbox) is None:
        raise CommandError(f"{outbox!r} is no name of an outbox: give a --name of a-z, then up to 39 of a-z 0-9 _")
    return Names(schema or "public", table_name, outbox)


def quoted(identifier: str) -> str:
    """An identifier in SQL.

    >>> quoted('a"b')
    '"a""b"'
    """
    doubled = identifier.replace('"', '""')
    return f'"{doubled}"'


def literal(text: str) -> str:
    """A text in SQL, whatever the server's `standard_conforming_strings` is.

    >>> literal("it's")
    "'it''s'"
    """
    doubled = text.replace("'", "''")
    if "\\" not in doubled:
        return f"'{doubled}'"
    escaped = doubled.replace("\\", "\\\\")
    return f" E'{escaped}'"
