"""SQLite: one file, WAL, synchronous=FULL, one process.

WAL lets readers go on while the writer commits; FULL makes a commit wait for the
disk, so that what is acknowledged survives a power loss.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import QueuePool

from fairlead_store.errors import (
    Corrupt,
    DatabaseInUse,
    DiskFull,
    StoreError,
    StoreUnavailable,
)
from fairlead_store.schema import Schema

BUSY_TIMEOUT_MS = 5_000
"""How long we wait for a lock of another program (a backup, the sqlite3 shell)."""

WAL_LIMIT_BYTES = 64 << 20
"""How large the log of the database may be. It is written into the database after every 1 000 pages and begins anew
when nobody reads in it, which with many readers may never be; beyond this the writer waits for that moment."""

WAL_WAIT_MS = 100
"""So long: our own reads are shorter. Who reads longer is another program, a backup as a rule: the log has to grow."""

WAL_RETRY_S = 10.0
"""After a wait for nothing."""

POOL_SIZE = 8
"""More connections than reader threads plus the writer's: none ever waits for one."""

_WRITER = "fairlead_writer"
"""The execution option that marks the writer's connection: its transactions take the
write lock when they begin, since a read that turns into a write can fail half way."""

_FULL = "'{path}' cannot grow, its disk is full: nothing was stored; it works again when there is room"
_DAMAGED = "the file '{path}' is not a healthy SQLite database ({reason}): restore it from a backup"
_LOCKED = "the database '{path}' is locked by another program ({reason}): nothing was stored"
_READ_ONLY = "the database '{path}' cannot be written ({reason})"

_SENTENCES: tuple[tuple[int, type[StoreError], str], ...] = (
    (sqlite3.SQLITE_FULL, DiskFull, _FULL),
    (sqlite3.SQLITE_CORRUPT, Corrupt, _DAMAGED),
    (sqlite3.SQLITE_NOTADB, Corrupt, _DAMAGED),
    (sqlite3.SQLITE_BUSY, StoreUnavailable, _LOCKED),
    (sqlite3.SQLITE_LOCKED, StoreUnavailable, _LOCKED),
    (sqlite3.SQLITE_READONLY, StoreUnavailable, _READ_ONLY),
    (sqlite3.SQLITE_CANTOPEN, StoreUnavailable, _READ_ONLY),
    (sqlite3.SQLITE_PERM, StoreUnavailable, _READ_ONLY),
    (sqlite3.SQLITE_IOERR, StoreUnavailable, _READ_ONLY),
)


_log = logging.getLogger(__name__)


class SqliteDialect:
    """One SQLite file, locked for this process while it is open."""

    def __init__(self, url: sa.URL, _store: str, _realm: str, _lease_s: float) -> None:
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise StoreUnavailable(f"the URL '{url}' names no file: several threads share a store, and it must survive")
        self._url = url.set(database=str(Path(url.database).absolute()))
        self.path = Path(self._url.database or "")
        self.place = f"'{self.path}'"
        self._lock: int | None = None
        self._wal = Path(f"{self.path}-wal")
        self._is_growing = False
        self._retry_at_s = 0.0

    def acquire(self) -> None:
        """Make the directory, and lock `<file>.lock` until release (or our death)."""
        directory = self.path.parent
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise StoreUnavailable(f"the data directory '{directory}' is not a directory") from None
        except OSError as error:
            raise _cannot_write(directory, error) from None
        if self.path.is_dir():
            raise StoreUnavailable(f"the database '{self.path}' is a directory, not a file")
        if not self.path.exists():
            _sync_names_of(directory)
        self._lock = _lock(self.path.with_name(self.path.name + ".lock"), self.path)

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def engine(self) -> sa.Engine:
        return self._engine(str(self.path), uri=False)

    def reading_engine(self) -> sa.Engine:
        if not self.path.is_file():
            raise StoreUnavailable(f"there is no database '{self.path}'")
        return self._engine(f"file:{quote(str(self.path))}?mode=ro", uri=True)

    def _engine(self, database: str, *, uri: bool) -> sa.Engine:
        engine = sa.create_engine(
            self._url,
            poolclass=QueuePool,
            pool_size=POOL_SIZE,
            creator=lambda: sqlite3.connect(database, uri=uri, check_same_thread=False, timeout=BUSY_TIMEOUT_MS / 1000),
        )
        event.listen(engine, "connect", _on_connect if not uri else _on_connect_to_read)
        event.listen(engine, "begin", _on_begin)
        return engine

    # --- one process has the file, so its connections are never lost nor taken over --------------

    def connect_writer(self, engine: sa.Engine) -> sa.Connection:
        return engine.connect().execution_options(**{_WRITER: True})

    def begin_group(self, connection: sa.Connection) -> None:
        pass

    def tidy(self, connection: sa.Connection) -> None:
        """Have the log of the database begin anew where it has become large."""
        try:
            is_large = self._wal.stat().st_size > WAL_LIMIT_BYTES
        except FileNotFoundError:
            return
        if not is_large:
            self._is_growing = False
        elif time.monotonic() >= self._retry_at_s:
            self._begin_log(_driver(connection))

    def _begin_log(self, driver: sqlite3.Connection) -> None:
        driver.execute(f"PRAGMA busy_timeout = {WAL_WAIT_MS}")
        try:
            is_busy, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:  # a full disk, as a rule: the next transaction says so
            is_busy = True
        driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        if is_busy:
            self._retry_at_s = time.monotonic() + WAL_RETRY_S
            if not self._is_growing:
                text = "the log of the database %s is larger than %d MB: another program has been reading it for long"
                _log.warning(text, self.place, WAL_LIMIT_BYTES >> 20)
            self._is_growing = True

    def has_committed(self, connection: sa.Connection) -> bool:
        return False

    def lease(self) -> None:
        return None

    def lock_schema(self, connection: sa.Connection) -> None:
        pass

    def use_alone(self, connection: sa.Connection) -> None:
        pass

    def schema_version(self, connection: sa.Connection, schema: Schema) -> int | None:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        if version:
            return version
        tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
        return 0 if tables else None

    def stamp_schema(self, connection: sa.Connection, schema: Schema) -> None:
        connection.exec_driver_sql(f"PRAGMA user_version = {schema.version:d}")

    def execute_bare(self, connection: sa.Connection, statement: str) -> None:
        _driver(connection).execute(statement)

    def in_transaction(self, connection: sa.Connection) -> bool:
        return _driver(connection).in_transaction

    def explain(self, error: Exception) -> StoreError | None:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        code = getattr(cause, "sqlite_errorcode", None)
        if code is None:
            # The driver's own error, which has no code; its text shows the beginning of what is stored.
            is_text = isinstance(cause, sqlite3.OperationalError) and str(cause).startswith("Could not decode to UTF-8")
            return Corrupt(_DAMAGED.format(path=self.path, reason="a text in it is not UTF-8")) if is_text else None
        for primary, kind, sentence in _SENTENCES:
            if code & 0xFF == primary:
                return kind(sentence.format(path=self.path, reason=cause))
        return None


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _cannot_write(directory: Path, error: OSError) -> StoreError:
    if error.errno == errno.ENOSPC:
        return DiskFull(_FULL.format(path=directory))
    reason = error.strerror or type(error).__name__
    return StoreUnavailable(f"the data directory '{directory}' is not writable ({reason})")


def _sync_names_of(directory: Path) -> None:
    """Make a power loss leave the directory of a new database, whoever has just made it, and those above it.

    SQLite syncs the directory that it writes in, which has its name from the one above.
    """
    for parent in directory.parents:
        with suppress(OSError):  # it may be closed to us, then somebody else has made it long ago
            descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _lock(lock_path: Path, database: Path) -> int:
    """Take the lock that the kernel gives back when we die, however we die."""
    try:
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _cannot_write(lock_path.parent, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise DatabaseInUse(
            f"the database '{database}' is in use by another Fairlead: stop it, or use another data directory"
        ) from None
    return descriptor


def _on_connect_to_read(connection: Any, _record: object) -> None:
    # pysqlite's own transaction control begins none before a SELECT, so two reads of
    # one transaction could see different states: we send every BEGIN ourselves.
    connection.isolation_level = None


def _on_connect(connection: Any, record: object) -> None:
    _on_connect_to_read(connection, record)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _on_begin(connection: sa.Connection) -> None:
    is_writer = connection.get_execution_options().get(_WRITER, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")
