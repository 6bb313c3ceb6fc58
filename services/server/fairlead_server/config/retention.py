"""`[logs.retention]`: how much of the logs is kept."""

from __future__ import annotations

import msgspec

from fairlead_logstream import Limits, Retention
from fairlead_server.errors import ConfigError

LARGEST = 2**53
"""Of a number here: terabytes are bytes as well."""


class RetentionTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of each stream that has none of its own, and of all together; None: no limit."""

    max_age_s: int | None = None
    max_bytes: int | None = None
    max_records: int | None = None
    total_bytes: int | None = None

    @property
    def limits(self) -> Limits:
        """As the log service takes them."""
        return Limits(Retention(self.max_age_s, self.max_bytes, self.max_records), self.total_bytes)


def check_retention(table: RetentionTable) -> None:
    """Raises ConfigError for a limit that would keep nothing."""
    for name in RetentionTable.__struct_fields__:
        value = getattr(table, name)
        if value is not None and not 0 < value <= LARGEST:
            raise ConfigError(f"logs.retention.{name}: {value} must be greater than 0, and at most {LARGEST}")
