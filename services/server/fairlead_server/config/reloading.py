"""What of a changed file a running server takes over: who may join, permissions and rules. All else takes a restart."""

from __future__ import annotations

from msgspec.structs import replace

from fairlead_server.config.file import Config
from fairlead_server.config.realms import RealmTable

TAKEN_OVER = "users, users_file, oidc, anonymous_role, permissions and rules"


def keys_to_restart_for(running: Config, wanted: Config) -> list[str]:
    """The keys of the file whose new values a reload leaves aside."""
    now, then = _lasting(running), _lasting(wanted)
    keys = [key for key in Config.__struct_fields__ if key != "permissions" and getattr(now, key) != getattr(then, key)]
    return keys + [f"permissions.{key}" for key in _STORE_KEYS if _of_store(now, key) != _of_store(then, key)]


_STORE_KEYS = ("database", "database_password_file", "keep_changes")
"""Of `[permissions]`, whose other keys are taken over."""


def _of_store(config: Config, key: str) -> object:
    return getattr(config.permissions, key)


def _lasting(config: Config) -> Config:
    realms = sorted((_lasting_realm(realm) for realm in config.realms), key=lambda realm: realm.name)
    auth = replace(config.auth, users=(), users_file=None, oidc=())
    return replace(config, rules=(), auth=auth, realms=tuple(realms))


def _lasting_realm(realm: RealmTable) -> RealmTable:
    return replace(realm, users=(), users_file=None, anonymous_role=None, permissions=())
