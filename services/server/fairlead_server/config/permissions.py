"""`[permissions]`: what everybody sees in the main realm, and where the permissions on objects are kept."""

from __future__ import annotations

from typing import ClassVar

from fairlead_server.config.databases import DatabaseKeys, check_database
from fairlead_server.config.values import check_numbers


class PermissionsTable(DatabaseKeys, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The switches of the permission model, and its store."""

    table: ClassVar[str] = "permissions"

    roles_visible: bool = True
    """Whether every active user may read every role."""

    users_visible: bool = True
    """Whether users see each other: what `activate` lets `all-users` read of a user counts."""

    keep_changes: int | None = None


def check_permissions(table: PermissionsTable) -> None:
    """Raises ConfigError."""
    check_numbers("permissions", table)
    check_database(table)
