"""A PostgreSQL store that several processes write at the same time.

Nobody owns it: there is no lease, and what a process remembers may be old at any moment. Whoever shares a store
fences each of its writes by what it remembers (`UPDATE ... WHERE version = :known`). Here is what the database
does for that: all who share hold the advisory lock of the realm together, so that a process that wants the store
alone and those who share it exclude each other, and one that had it alone before finds itself taken over.

A row of `fairlead_writers` for each process says how many transactions of it were kept. Its transaction holds that
row to its end, so who asks what became of a COMMIT without an answer waits until the server knows it itself.
"""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from fairlead_store.errors import DatabaseInUse
from fairlead_store.postgresql import PostgresqlDialect, bookkeeping

IDLE_IN_TRANSACTION = "2s"
"""A process that is stopped in the middle of a transaction holds rows that the others wait for: less than LOCK_TIMEOUT,
or they would be refused. Its transaction is undone, and it is told so when it goes on."""

FORGOTTEN_AFTER_S = 86_400
"""The row of a process that has written nothing for so long goes when another one starts: nobody waits for the answer
to a COMMIT for a day."""

_writers = sa.Table(
    "fairlead_writers",
    bookkeeping,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("writer", sa.Text, primary_key=True),
    sa.Column("commits", sa.BigInteger, nullable=False),
    sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
)


class SharedPostgresqlDialect(PostgresqlDialect):
    """One of the processes that share a store of one realm."""

    def __init__(self, url: sa.URL, store: str, realm: str, lease_s: float) -> None:
        super().__init__(url, store, realm, lease_s)
        self._writer = secrets.token_hex(8)

    def _own(self, connection: sa.Connection, wait_s: float) -> None:
        key = self._key(self._realm)
        if not connection.execute(sa.select(sa.func.pg_try_advisory_lock_shared(key))).scalar_one():
            raise self._in_use()
        if wait_s > 0:
            connection.execute(sa.select(sa.func.pg_advisory_unlock_shared(key)))
            return
        if self._term is None:
            self._begin_term(connection, sa.func.clock_timestamp())
            self._forget_the_gone(connection)
        connection.exec_driver_sql(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION}'")

    def begin_group(self, connection: sa.Connection) -> None:
        self._commits += 1
        self._count(connection, self._commits)

    def has_committed(self, connection: sa.Connection) -> bool:
        with connection.begin():
            return self._count(connection) == self._commits

    def lease(self) -> None:
        """Nobody counts on being alone."""

    def _count(self, connection: sa.Connection, commits: int | None = None) -> int:
        """Set how many transactions of ours were kept, or leave it; either waits for one that is under way."""
        row = insert(_writers).values(
            store=self._store, realm=self._realm, writer=self._writer, commits=commits or 0, seen=sa.func.now()
        )
        changed: dict[str, Any] = {"seen": row.excluded.seen}
        if commits is not None:
            changed["commits"] = row.excluded.commits
        statement = row.on_conflict_do_update(index_elements=["store", "realm", "writer"], set_=changed)
        kept: int = connection.execute(statement.returning(_writers.c.commits)).scalar_one()
        return kept

    def _forget_the_gone(self, connection: sa.Connection) -> None:
        day = sa.func.make_interval(0, 0, 0, 0, 0, 0, FORGOTTEN_AFTER_S)
        connection.execute(sa.delete(_writers).where(_writers.c.seen < sa.func.now() - day))

    def _in_use(self) -> DatabaseInUse:
        return DatabaseInUse(
            f"the database {self.place} is in use by another Fairlead, which has the {self._store} of realm "
            f"'{self._realm}' for itself: stop it, or let it share them too"
        )
