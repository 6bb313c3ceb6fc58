"""What differs between databases, in one narrow protocol.

A new database is a new module with a class of these methods and one line in DIALECTS
(`fairlead_store.opening`); neither the writer nor any store knows which one it uses.
"""

from __future__ import annotations

from typing import Protocol

import sqlalchemy as sa

from fairlead_store.errors import StoreError
from fairlead_store.lease import Lease
from fairlead_store.schema import Schema


class Dialect(Protocol):
    """How one kind of database is opened, owned, stamped and understood."""

    place: str
    """How sentences call the database, quoted; never with a password."""

    def acquire(self) -> None:
        """Make the place and take it for this process; raises StoreError."""
        ...

    def release(self) -> None:
        """Give the place up, after the engine is disposed."""
        ...

    def engine(self) -> sa.Engine:
        """An engine whose transactions each see one state throughout; connects lazily."""
        ...

    def reading_engine(self) -> sa.Engine:
        """Likewise for who only reads what another process writes; makes no place and takes none."""
        ...

    # --- the writer's connection ---------------------------------------------------------------

    def connect_writer(self, engine: sa.Engine) -> sa.Connection:
        """The only connection that writes this store. Raises DatabaseInUse when another process has it,
        or had it since the last time: what we know of the store may be old then. It waits for the lease of one that
        has gone without giving it back.
        """
        ...

    def begin_group(self, connection: sa.Connection) -> None:
        """Come first in each transaction of the writer; raises DatabaseInUse when the store is not ours any more."""
        ...

    def tidy(self, connection: sa.Connection) -> None:
        """Between two transactions of the writer, when all results are told: keep what the database needs beside its
        data within bounds. Cheap where nothing is to do; nothing that goes wrong here is an error.
        """
        ...

    def has_committed(self, connection: sa.Connection) -> bool:
        """Whether the transaction was kept whose COMMIT a lost connection did not answer; asked on a new one."""
        ...

    def lease(self) -> Lease | None:
        """What tells that no other process has taken the store that we took; None where none can while we live."""
        ...

    # --- the schema, in a transaction of the writer ----------------------------------------------

    def lock_schema(self, connection: sa.Connection) -> None:
        """Wait until nobody else makes tables; until the transaction ends nobody else does."""
        ...

    def use_alone(self, connection: sa.Connection) -> None:
        """Raises DatabaseInUse where another process uses the same tables, for another realm."""
        ...

    def schema_version(self, connection: sa.Connection, schema: Schema) -> int | None:
        """The stamped version, None where there are no tables, 0 where they are foreign."""
        ...

    def stamp_schema(self, connection: sa.Connection, schema: Schema) -> None:
        """Write the version, in the transaction that made the tables."""
        ...

    # --- details of the driver -------------------------------------------------------------------

    def execute_bare(self, connection: sa.Connection, statement: str) -> None:
        """Send one statement without values or rows, as cheaply as the driver can."""
        ...

    def in_transaction(self, connection: sa.Connection) -> bool:
        """False when the database has rolled back by itself, as SQLite may (disk full), or the connection is lost."""
        ...

    def explain(self, error: Exception) -> StoreError | None:
        """The sentence for a driver's error, None where it is our own mistake."""
        ...
