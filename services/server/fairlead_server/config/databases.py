"""Where a store is kept: `database` and `database_password_file`, the same keys in each table that has them.

No text of an error has a part of a URL that could be a password.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

import msgspec

from fairlead_server.config.values import check_path
from fairlead_server.errors import ConfigError

POSTGRESQL = "postgresql://"
KINDS = (POSTGRESQL, "sqlite:///")


class DatabaseKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys; without `database` a store is a file in the data directory."""

    table: ClassVar[str]
    """How the file calls the table."""

    database: str | None = None
    database_password_file: str | None = None

    @property
    def is_on_server(self) -> bool:
        """Whether it is a database of a PostgreSQL server."""
        return self.database is not None and self.database.startswith(POSTGRESQL)

    def database_url(self, default: str) -> str:
        """The URL with its password. Raises ConfigError if the file of the password cannot be read."""
        url = self.database or default
        if self.database_password_file is None:
            return url
        try:
            password = Path(self.database_password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            text = f"cannot read {self.database_password_file!r}: {reason}"
            raise ConfigError(f"{self.table}.database_password_file: {text}") from None
        return f"{url}{'&' if '?' in url else '?'}{urlencode({'password': password})}"


def check_database(keys: DatabaseKeys) -> None:
    """Raises ConfigError."""
    table, database, path = keys.table, keys.database, keys.database_password_file
    if database is not None and not (database.startswith(KINDS) and database.isprintable()):
        raise ConfigError(
            f"{table}.database: must be a URL like postgresql://user@host/name or sqlite:////var/lib/{table}.sqlite"
        )
    if path is not None:
        check_path(f"{table}.database_password_file", path)
        if not keys.is_on_server:
            raise ConfigError(f"{table}.database_password_file: only a database on a PostgreSQL server has a password")
