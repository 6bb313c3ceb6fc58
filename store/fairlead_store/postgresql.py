"""PostgreSQL: a server that may go away and come back, and stores that exactly one process writes.

Several stores, and several realms of each, share a database. Who writes one holds an advisory lock on its name, on
the very connection that writes: when that connection is lost the lock goes with it, and nothing can be written without.
The row of `fairlead_owners` tells what happened in between. Its `term` grows with every process that takes the store,
so that one that comes back after another finds that its memory of the store is old, and is refused for good. Its
`commits` is set in each transaction, so that the fate of a COMMIT without an answer can be asked later.

The row of `fairlead_leases` tells until when the owner counts on it that nobody else does (lease.py). It is a row of
its own because the other one is locked while the owner writes. Within that time a store is not taken from an owner that
has lost its connection, and after it also from one that still has it: that process hangs.

That several processes share a store is another class (postgresql_shared.py).
"""

from __future__ import annotations

import logging
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import insert

from fairlead_store.errors import DatabaseInUse, StoreError, StoreUnavailable
from fairlead_store.lease import Lease, end_from_now_us
from fairlead_store.postgresql_errors import explain
from fairlead_store.schema import Schema

POOL_SIZE = 8
"""More connections than reader threads: none ever waits for one. They are made when needed."""

CONNECT_TIMEOUT_S = 5
"""How long a server may take to answer a new connection."""

MINIMUM_CONNECT_TIMEOUT_S = 2
"""libpq's least: a lease has no time to lose."""

SILENCE_MS = 10_000
"""A network that acknowledges nothing for so long has lost the connection, though nobody says so."""

LOCK_TIMEOUT = "5s"
"""How long we wait for a lock of another program (an administrator's shell)."""

ENDED_BACKEND_MS = 2_000
"""How long the server may take to end a connection that we have lost and it has not noticed yet."""

WAIT_MARGIN_S = 0.05
"""Our clock may be a little faster than the server's, by which a lease has to have run out."""

MINIMUM_VERSION = 140_000
"""PostgreSQL 14: it can end a connection and wait for that."""

bookkeeping = sa.MetaData()

_schemas = sa.Table(
    "fairlead_schemas",
    bookkeeping,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)

_owners = sa.Table(
    "fairlead_owners",
    bookkeeping,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("term", sa.BigInteger, nullable=False),
    sa.Column("commits", sa.BigInteger, nullable=False),
)

_leases = sa.Table(
    "fairlead_leases",
    bookkeeping,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("term", sa.BigInteger, nullable=False),
    sa.Column("until", sa.DateTime(timezone=True), nullable=False),
)

_log = logging.getLogger(__name__)


class PostgresqlDialect:
    """One store of one realm in a PostgreSQL database."""

    def __init__(self, url: sa.URL, store: str, realm: str, lease_s: float) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        self.place = _place(url)
        self._store = store
        self._realm = realm
        self.lease_s = lease_s
        self._until_us = 0
        self._term: int | None = None
        self._commits = 0
        self._backend: int | None = None

    def acquire(self) -> None:
        """Nothing yet: it is the writer's connection that takes the store."""

    def release(self) -> None:
        """Nothing more: the lock went with the writer's connection."""

    def engine(self) -> sa.Engine:
        return self._engine(CONNECT_TIMEOUT_S, SILENCE_MS)

    def _engine(self, connect_timeout_s: float, silence_ms: int) -> sa.Engine:
        timeouts = {"connect_timeout": connect_timeout_s, "tcp_user_timeout": silence_ms}
        try:
            engine = sa.create_engine(
                self._url,
                pool_size=POOL_SIZE,
                pool_pre_ping=True,  # after the server was away readers find new connections
                isolation_level="REPEATABLE READ",
                connect_args={key: value for key, value in timeouts.items() if key not in self._url.query},
            )
        except ImportError:
            text = "PostgreSQL needs the driver psycopg: pip install 'fairlead[postgresql]'"
            raise StoreUnavailable(text) from None
        event.listen(engine, "connect", _on_connect)
        return engine

    def reading_engine(self) -> sa.Engine:
        return self.engine().execution_options(postgresql_readonly=True)

    # --- owning the store --------------------------------------------------------------------------

    def connect_writer(self, engine: sa.Engine) -> sa.Connection:
        connection, wait_s = self._connect_writer(engine)
        if wait_s > 0:
            connection.close()
            _log.warning(
                "the %s of realm '%s' in the database %s were left without an orderly end: waiting for %.1f s, until "
                "who had them cannot be serving them any more",
                self._store,
                self._realm,
                self.place,
                wait_s,
            )
            time.sleep(wait_s + WAIT_MARGIN_S)
            connection, wait_s = self._connect_writer(engine)
            if wait_s > 0:
                connection.close()
                raise self._in_use()
        return connection

    def _connect_writer(self, engine: sa.Engine) -> tuple[sa.Connection, float]:
        connection = engine.connect().execution_options(isolation_level="READ COMMITTED")
        connection.detach()  # closing it ends it, and the lock with it; the pool would keep both
        try:
            return connection, self._take(connection)
        except BaseException:
            connection.close()
            raise

    def begin_group(self, connection: sa.Connection) -> None:
        self._commits += 1
        counted = sa.update(_owners).where(*self._row, _owners.c.term == self._term).values(commits=self._commits)
        if connection.execute(counted).rowcount != 1:
            raise self._taken_over()

    def tidy(self, connection: sa.Connection) -> None:
        """The server sees to it."""

    def has_committed(self, connection: sa.Connection) -> bool:
        with connection.begin():
            return self._read_row(connection)[1] == self._commits

    def _take(self, connection: sa.Connection) -> float:
        """Have the store from now on; or so many seconds from now at the earliest: nothing has happened then."""
        with connection.begin():
            _check_version(connection, self.place)
            self.lock_schema(connection)
            bookkeeping.create_all(connection)
            connection.execute(sa.select(sa.func.pg_advisory_lock_shared(self._key())))
            wait_s = self._lease_left_s(connection) if self._term is None else 0.0
            self._own(connection, wait_s)
            return wait_s

    def _own(self, connection: sa.Connection, wait_s: float) -> None:
        """Take the lock, and the store too unless that must wait. Raises DatabaseInUse."""
        if not self._lock(connection, may_end_others=self._term is None and wait_s == 0):
            raise self._in_use()
        if wait_s > 0:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(self._key(self._realm))))
        elif self._term is None:
            self._begin_term(connection, self._lease_end)
        elif self._read_row(connection)[0] != self._term:
            raise self._taken_over()
        self._backend = connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()

    def _lock(self, connection: sa.Connection, *, may_end_others: bool) -> bool:
        lock = sa.select(sa.func.pg_try_advisory_lock(self._key(self._realm)))
        if connection.execute(lock).scalar_one():
            return True
        if self._backend is None and not may_end_others:
            return False
        # Either the network has lost our last connection without the server's knowing, which is ours to end,
        # or the owner's lease has run out: it hangs, and serves nobody.
        holder = None if may_end_others else self._backend
        connection.execute(_END_HOLDER, {"backend": holder, "key": self._name(self._realm), "ms": ENDED_BACKEND_MS})
        return bool(connection.execute(lock).scalar_one())

    def _begin_term(self, connection: sa.Connection, until: sa.ColumnElement[Any]) -> None:
        """Who had the store until now finds that its memory is old; the lease ends at `until`."""
        values = {"store": self._store, "realm": self._realm, "term": 0, "commits": 0}
        connection.execute(insert(_owners).on_conflict_do_nothing(), values)
        connection.execute(sa.update(_owners).where(*self._row).values(term=_owners.c.term + 1))
        self._term, self._commits = self._read_row(connection)
        self._until_us = end_from_now_us(self.lease_s)
        lease = insert(_leases).values(store=self._store, realm=self._realm, term=self._term, until=until)
        began = {"term": lease.excluded.term, "until": lease.excluded.until}
        connection.execute(lease.on_conflict_do_update(index_elements=["store", "realm"], set_=began))

    def _read_row(self, connection: sa.Connection) -> tuple[int, int]:
        row = connection.execute(sa.select(_owners.c.term, _owners.c.commits).where(*self._row)).one()
        return row.term, row.commits

    # --- the lease ---------------------------------------------------------------------------------

    def lease(self) -> Lease | None:
        silence_ms = round(self.lease_s * 1000 / 2)
        self._renewing = self._engine(MINIMUM_CONNECT_TIMEOUT_S, silence_ms)
        return Lease(self, self._until_us)

    def renew(self) -> bool:
        return self._set_lease_end(self._lease_end)

    def give_back(self) -> None:
        try:
            self._set_lease_end(sa.func.clock_timestamp())
        finally:
            self._renewing.dispose()

    def _set_lease_end(self, until: sa.ColumnElement[Any]) -> bool:
        """Whether the lease is still ours."""
        ours = _leases.c.store == self._store, _leases.c.realm == self._realm, _leases.c.term == self._term
        with self._renewing.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return connection.execute(sa.update(_leases).where(*ours).values(until=until)).rowcount == 1

    def _lease_left_s(self, connection: sa.Connection) -> float:
        left = sa.extract("epoch", _leases.c.until - sa.func.clock_timestamp())
        ours = _leases.c.store == self._store, _leases.c.realm == self._realm
        found = connection.execute(sa.select(left).where(*ours).with_for_update()).scalar_one_or_none()
        return 0.0 if found is None else max(float(found), 0.0)

    @property
    def _lease_end(self) -> sa.ColumnElement[Any]:
        return sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, self.lease_s)

    # --- its names -----------------------------------------------------------------------------------

    @property
    def _row(self) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
        return _owners.c.store == self._store, _owners.c.realm == self._realm

    def _name(self, *parts: str) -> str:
        return "/".join(("fairlead", self._store, *parts))

    def _key(self, *parts: str) -> sa.ColumnElement[int]:
        """The number of an advisory lock: of the store, or of one realm of it; another one in each SQL schema."""
        return _key_of(self._name(*parts))

    def _in_use(self) -> DatabaseInUse:
        return DatabaseInUse(
            f"the database {self.place} is in use by another Fairlead, for the {self._store} of realm "
            f"'{self._realm}': stop it, or use another database"
        )

    def _taken_over(self) -> DatabaseInUse:
        return DatabaseInUse(
            f"another Fairlead has taken over the {self._store} of realm '{self._realm}' in the database {self.place}: "
            f"what is known here is old, so nothing is stored any more; stop one of the two and start this one anew"
        )

    # --- the schema -----------------------------------------------------------------------------------

    def lock_schema(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_key_of("fairlead"))))

    def use_alone(self, connection: sa.Connection) -> None:
        if not connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(self._key()))).scalar_one():
            raise DatabaseInUse(
                f"the {self._store} in the database {self.place} must be migrated, but another Fairlead uses them for "
                f"another realm: stop that first"
            )

    def schema_version(self, connection: sa.Connection, schema: Schema) -> int | None:
        tables = set(sa.inspect(connection).get_table_names())
        if _schemas.name in tables:
            stamped = sa.select(_schemas.c.version).where(_schemas.c.store == schema.name)
            version: int | None = connection.execute(stamped).scalar_one_or_none()
            if version is not None:
                return version
        return 0 if tables & set(schema.metadata.tables) else None

    def stamp_schema(self, connection: sa.Connection, schema: Schema) -> None:
        stamp = insert(_schemas).values(store=schema.name, version=schema.version)
        connection.execute(stamp.on_conflict_do_update(index_elements=["store"], set_={"version": schema.version}))

    # --- details of the driver ------------------------------------------------------------------------

    def execute_bare(self, connection: sa.Connection, statement: str) -> None:
        _driver(connection).execute(statement)

    def in_transaction(self, connection: sa.Connection) -> bool:
        return (
            not connection.invalidated
            and not connection.closed
            and _driver(connection).info.transaction_status in _OPEN
        )

    def explain(self, error: Exception) -> StoreError | None:
        return explain(error, self.place)


_OPEN = (1, 2, 3)
"""libpq's PQTRANS_ACTIVE, INTRANS and INERROR."""

_END_HOLDER = sa.text(
    """
    SELECT pg_terminate_backend(pid, :ms) FROM pg_locks
    WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND objsubid = 1
    AND pid = coalesce(CAST(:backend AS integer), pid)
    AND (classid::bigint << 32 | objid::bigint) = hashtextextended(current_schema() || '/' || :key, 0)
    """
)


def _key_of(name: str) -> sa.ColumnElement[int]:
    return sa.func.hashtextextended(sa.func.concat(sa.func.current_schema(), "/", name), 0)


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.dbapi_connection  # a detached one has no driver_connection


def _check_version(connection: sa.Connection, place: str) -> None:
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    if version < MINIMUM_VERSION:
        raise StoreUnavailable(f"the server of the database {place} is too old: it must be PostgreSQL 14 or later")


def _place(url: sa.URL) -> str:
    """The database and its server; neither user nor password, nor what else a URL may hold."""
    host, port = url.host or url.query.get("host", "localhost"), url.port or url.query.get("port", 5432)
    if "@" in str(host):
        raise StoreUnavailable("the database URL has a second '@': in a user's name or a password it is written %40")
    return f"'{url.database or url.username}' at {host}:{port}"


def _on_connect(connection: Any, _record: object) -> None:
    # What is acknowledged is durable, also where the server is configured for speed.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    connection.commit()
