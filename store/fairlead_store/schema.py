"""A store's schema: its tables, their version, and the way from older versions.

    SCHEMA = Schema("permissions", metadata, version=3, migrations="fairlead_authz.store.migrations")

Version 1 is the first that was released. The package `migrations` holds a module `v2`, `v3` ... for each later
one, with a function `upgrade(op)` of Alembic's operations; it speaks of tables as they were then and imports
nothing of ours. An empty database gets the newest tables at once, an older one every step in one transaction.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from fairlead_store.errors import SchemaMismatch

if TYPE_CHECKING:
    from fairlead_store.dialect import Dialect

_log = logging.getLogger(__name__)


class Schema(NamedTuple):
    """The tables of one store. `name` tells stores apart that share a database."""

    name: str
    metadata: sa.MetaData
    version: int
    migrations: str = ""


def prepare(connection: sa.Connection, dialect: Dialect, schema: Schema) -> None:
    """Make the tables of an empty database, or bring older ones to our version; in a writer's transaction.

    Raises SchemaMismatch for tables that we do not know, and DatabaseInUse where others still use the older ones.
    """
    dialect.lock_schema(connection)
    found = dialect.schema_version(connection, schema)
    if found is None:
        schema.metadata.create_all(connection)
        dialect.stamp_schema(connection, schema)
    elif 0 < found < schema.version and schema.migrations:
        dialect.use_alone(connection)
        _migrate(connection, schema, found)
        dialect.stamp_schema(connection, schema)
    else:
        check_version(found, dialect, schema)


def check_version(found: int | None, dialect: Dialect, schema: Schema) -> None:
    """Raises SchemaMismatch unless the tables are of our version."""
    if found != schema.version:
        raise SchemaMismatch(_mismatch(dialect.place, found, schema.version))


def _migrate(connection: sa.Connection, schema: Schema, found: int) -> None:
    # Alembic takes 0.2 s to import, and a database is migrated once.
    operations = importlib.import_module("alembic.operations").Operations
    context = importlib.import_module("alembic.migration").MigrationContext
    _log.warning("the %s are migrated from schema %d to %d", schema.name, found, schema.version)
    with operations.context(context.configure(connection)) as op:
        for version in range(found + 1, schema.version + 1):
            importlib.import_module(f"{schema.migrations}.v{version}").upgrade(op)


def _mismatch(place: str, found: int | None, version: int) -> str:
    if found is None:
        return f"the database {place} is empty: Fairlead has not been started on it yet"
    if found == 0:
        return f"the database {place} was made by another program: Fairlead leaves it alone"
    if found > version:
        return (
            f"the database {place} has schema {found}, this Fairlead knows {version}: "
            f"it was written by a newer one, use that"
        )
    return f"the database {place} has schema {found}, this Fairlead needs {version}: it must be migrated first"
