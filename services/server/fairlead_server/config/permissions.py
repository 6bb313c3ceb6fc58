"""`[permissions]`: what everybody sees in the main realm, and where the permissions on objects are kept."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import msgspec

from fairlead_server.config.values import check_numbers, check_path
from fairlead_server.errors import ConfigError

KINDS = ("postgresql://", "sqlite:///")


class PermissionsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The switches of the permission model, and its store: without `database` a file in the data directory."""

    roles_visible: bool = True
    """Whether every active user may read every role."""

    users_visible: bool = True
    """Whether users see each other: what `activate` lets `all-users` read of a user counts."""

    database: str | None = None
    database_password_file: str | None = None
    keep_changes: int | None = None

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
            raise ConfigError(f"permissions.database_password_file: {text}") from None
        return f"{url}{'&' if '?' in url else '?'}{urlencode({'password': password})}"


def check_permissions(table: PermissionsTable) -> None:
    """Raises ConfigError; its text has no part of a URL that could be a password."""
    check_numbers("permissions", table)
    database, path = table.database, table.database_password_file
    if database is not None and not (database.startswith(KINDS) and database.isprintable()):
        raise ConfigError(
            "permissions.database: must be a URL like postgresql://user@host/name or sqlite:////var/lib/permissions.sqlite"
        )
    if path is not None:
        check_path("permissions.database_password_file", path)
        if database is None or not database.startswith("postgresql://"):
            raise ConfigError(
                "permissions.database_password_file: only a database on a PostgreSQL server has a password"
            )
