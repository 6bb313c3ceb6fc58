"""`[logs.archive]`: where sealed logs go after a while, and how long they stay there."""

from __future__ import annotations

import msgspec

from fairlead_logstream import DirectoryArchive
from fairlead_server.config.values import check_path
from fairlead_server.errors import ConfigError

LARGEST_S = 10_000_000_000
"""Three centuries."""


class ArchiveTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without a directory nothing is archived. `keep_s` None: until the stream is deleted."""

    directory: str | None = None
    after_s: int = 3600
    keep_s: int | None = None

    def open(self) -> DirectoryArchive | None:
        """The archive, if there is one. Raises ConfigError."""
        if self.directory is None:
            return None
        try:
            return DirectoryArchive(self.directory)
        except OSError as error:
            raise ConfigError(f"logs.archive.directory: cannot use {self.directory!r}: {error.strerror}") from None


def check_archive(table: ArchiveTable) -> None:
    """Raises ConfigError."""
    if not 0 <= table.after_s <= LARGEST_S:
        raise ConfigError(f"logs.archive.after_s: {table.after_s} must be 0 or more, and at most {LARGEST_S}")
    if table.keep_s is not None and not 0 < table.keep_s <= LARGEST_S:
        raise ConfigError(f"logs.archive.keep_s: {table.keep_s} must be greater than 0, and at most {LARGEST_S}")
    if table.directory is not None:
        check_path("logs.archive.directory", table.directory)
    elif table != ArchiveTable():
        raise ConfigError("logs.archive.directory: missing, so nothing would be archived")
