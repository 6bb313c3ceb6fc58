"""From a database URL to its dialect."""

from __future__ import annotations

import importlib

import sqlalchemy as sa

from fairlead_store.dialect import Dialect
from fairlead_store.errors import StoreUnavailable
from fairlead_store.lease import LEASE_S
from fairlead_store.schema import Schema

DIALECTS: dict[str, tuple[str, str]] = {
    "sqlite": ("fairlead_store.sqlite", "SqliteDialect"),
    "postgresql": ("fairlead_store.postgresql", "PostgresqlDialect"),
}
"""Database name in the URL -> module and class that open it. Who uses one database does not wait for the other's."""


SHARED_DIALECTS: dict[str, tuple[str, str]] = {
    "postgresql": ("fairlead_store.postgresql_shared", "SharedPostgresqlDialect"),
}
"""The same for a store that several processes write."""


def find_dialect(url: str, schema: Schema, realm: str, lease_s: float = LEASE_S, *, is_shared: bool = False) -> Dialect:
    """How this database is used. Raises StoreUnavailable."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise StoreUnavailable(f"{_shown(url)} is not a database URL, like sqlite:///data/logs.sqlite") from None
    backend = parsed.get_backend_name()
    if backend not in DIALECTS:
        raise StoreUnavailable(f"no database '{backend}' is known here, only: {', '.join(sorted(DIALECTS))}")
    if is_shared and backend not in SHARED_DIALECTS:
        raise StoreUnavailable(f"{_shown(url)} belongs to one process: only a PostgreSQL database can be shared")
    module, name = (SHARED_DIALECTS if is_shared else DIALECTS)[backend]
    dialect: Dialect = getattr(importlib.import_module(module), name)(parsed, schema.name, realm, lease_s)
    return dialect


def _shown(url: str) -> str:
    """What cannot be understood may hold a password anywhere."""
    return "what is configured" if "@" in url or "password" in url else f"'{url}'"
