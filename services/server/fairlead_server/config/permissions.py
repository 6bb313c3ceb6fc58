"""`[permissions]`: what everybody sees in the main realm."""

from __future__ import annotations

import msgspec


class PermissionsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The switches of the permission model."""

    roles_visible: bool = True
    """Whether every active user may read every role."""

    users_visible: bool = True
    """Whether users see each other: what `activate` lets `all-users` read of a user counts."""
