"""`[records]`: where the records of the main realm are kept, and how far back a watcher may resume."""

from __future__ import annotations

from typing import ClassVar

from fairlead_records import KEPT_CHANGES
from fairlead_server.config.databases import DatabaseKeys, check_database
from fairlead_server.config.values import check_numbers
from fairlead_server.errors import ConfigError

MOST_KEPT_CHANGES = 10_000_000
"""All of them are in memory: some 6 GB with small states."""


class RecordsTable(DatabaseKeys, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table."""

    table: ClassVar[str] = "records"

    keep_changes: int = KEPT_CHANGES
    """Of so many, the latest, a watcher that comes back is told what it has missed."""


def check_records(table: RecordsTable) -> None:
    """Raises ConfigError."""
    check_database(table)
    check_numbers(table.table, table)
    if table.keep_changes > MOST_KEPT_CHANGES:
        raise ConfigError(f"records.keep_changes: {table.keep_changes} must be at most {MOST_KEPT_CHANGES}")
