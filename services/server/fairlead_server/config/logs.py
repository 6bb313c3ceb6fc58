"""`[logs]`: where the logs of the main realm are kept. `[logs.budgets]` bounds what is stored of each stream and
producer.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from fairlead_logstream import NO_BUDGETS, Budget, Budgets, Limits
from fairlead_server.config.archive import ArchiveTable, check_archive
from fairlead_server.config.databases import DatabaseKeys, check_database
from fairlead_server.config.retention import RetentionTable, check_retention
from fairlead_server.errors import ConfigError

_LARGEST = 2**53
"""The largest number of the log service: 9 PB."""


class BudgetTable(Budget, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of one stream, or of one of its producers, is stored: any of the numbers by name."""


class BudgetsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[logs.budgets.stream]` holds for each stream, `[logs.budgets.producer]` for each producer of a stream."""

    stream: BudgetTable = BudgetTable()
    producer: BudgetTable = BudgetTable()

    @property
    def budgets(self) -> Budgets:
        """As the log service takes them."""
        return Budgets(_budget(self.stream), _budget(self.producer)) if self != BudgetsTable() else NO_BUDGETS


class LogsTable(DatabaseKeys, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table."""

    table: ClassVar[str] = "logs"

    shared: bool = False
    """Whether other servers have the same database open, and write and read the same streams."""

    budgets: BudgetsTable = BudgetsTable()
    retention: RetentionTable = RetentionTable()
    archive: ArchiveTable = ArchiveTable()

    @property
    def limits(self) -> Limits:
        """How much is kept where, as the log service takes it."""
        return msgspec.structs.replace(
            self.retention.limits, archive_after_s=self.archive.after_s, archived_age_s=self.archive.keep_s
        )


def _budget(table: BudgetTable) -> Budget:
    return Budget(**msgspec.structs.asdict(table))


def check_logs(table: LogsTable) -> None:
    """Raises ConfigError."""
    check_database(table)
    if table.shared and not table.is_on_server:
        raise ConfigError("logs.shared: only a database on a PostgreSQL server can be shared; logs.database names it")
    for whose, budget in (("stream", table.budgets.stream), ("producer", table.budgets.producer)):
        for name in budget.__struct_fields__:
            value = getattr(budget, name)
            if value is not None and not 0 < value <= _LARGEST:  # which no NaN is
                raise ConfigError(f"logs.budgets.{whose}.{name}: {value} must be greater than 0, and at most 2^53")
    check_retention(table.retention)
    check_archive(table.archive)
