"""What differs between databases, in one narrow protocol.

A new database is a new module with a class of these methods and one line in DIALECTS
(`fairlead_store.database`); neither the writer nor any store knows which one it uses.
"""

from __future__ import annotations

from typing import Protocol

import sqlalchemy as sa

from fairlead_store.errors import StoreError

WRITER = "fairlead_writer"
"""The execution option that marks the writer's connection: its transactions take the
write lock when they begin, since a read that turns into a write can fail half way."""


class Dialect(Protocol):
    """How one kind of database is opened, stamped and understood."""

    def acquire(self) -> None:
        """Make the place and take it for this process; raises StoreError."""
        ...

    def release(self) -> None:
        """Give the place up, after the engine is disposed."""
        ...

    def engine(self) -> sa.Engine:
        """An engine whose transactions begin as they must; connects lazily."""
        ...

    def schema_version(self, connection: sa.Connection) -> int | None:
        """The stamped version, None for an empty database, 0 for a foreign one."""
        ...

    def stamp_schema(self, connection: sa.Connection, version: int) -> None:
        """Write the version, in the transaction that made the tables."""
        ...

    def execute_bare(self, connection: sa.Connection, statement: str) -> None:
        """Send one statement without values or rows, as cheaply as the driver can."""
        ...

    def in_transaction(self, connection: sa.Connection) -> bool:
        """False when the database has rolled back by itself, as SQLite may (disk full)."""
        ...

    def explain(self, error: Exception) -> StoreError | None:
        """The sentence for a driver's error, None where it is our own mistake."""
        ...
