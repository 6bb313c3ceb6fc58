"""From a database URL to its dialect."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from fairlead_store.dialect import Dialect
from fairlead_store.errors import StoreUnavailable
from fairlead_store.postgresql import PostgresqlDialect
from fairlead_store.schema import Schema
from fairlead_store.sqlite import SqliteDialect

DIALECTS: dict[str, Callable[[sa.URL, str, str], Dialect]] = {
    "sqlite": lambda url, _store, _realm: SqliteDialect(url),
    "postgresql": PostgresqlDialect,
}
"""Database name in the URL -> how it is opened, for the store and the realm of these names."""


def find_dialect(url: str, schema: Schema, realm: str) -> Dialect:
    """How this database is used. Raises StoreUnavailable."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise StoreUnavailable(f"{_shown(url)} is not a database URL, like sqlite:///data/logs.sqlite") from None
    make = DIALECTS.get(parsed.get_backend_name())
    if make is None:
        known = ", ".join(sorted(DIALECTS))
        raise StoreUnavailable(f"no database '{parsed.get_backend_name()}' is known here, only: {known}")
    return make(parsed, schema.name, realm)


def _shown(url: str) -> str:
    """What cannot be understood may hold a password anywhere."""
    return "what is configured" if "@" in url or "password" in url else f"'{url}'"
