"""A database by URL: one writer with group commit, a few readers, a known schema.

    database = Database.open("sqlite:///data/logs.sqlite", metadata, schema_version=1)
    revision = await database.write(lambda connection: ...)   # told when it is durable
    rows = await database.read(lambda connection: connection.execute(...).all())
    await database.close()

Jobs are plain functions of a connection and run in a thread: no job may touch what the
event loop owns, and results are values, never cursors. Nothing here is retried; a job
that raises leaves nothing behind and its exception reaches the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import sqlalchemy as sa

from fairlead_store.dialect import WRITER, Dialect
from fairlead_store.errors import DatabaseClosed, SchemaMismatch, StoreUnavailable
from fairlead_store.sqlite import SqliteDialect
from fairlead_store.writer import Writer

T = TypeVar("T")

READER_THREADS = 4
"""Reads that run at once. They share the interpreter's lock: more would only queue there."""

DIALECTS: dict[str, Callable[[sa.URL], Dialect]] = {"sqlite": SqliteDialect}
"""Database name in the URL -> how it is opened. PostgreSQL is another line here."""


class Database:
    """One open database. Use it from one event loop; open it before, close it after."""

    def __init__(self, engine: sa.Engine, dialect: Dialect) -> None:
        name = str(engine.url.database)
        self._engine = engine
        self._dialect = dialect
        self._writer = Writer(engine, dialect, name)
        self._readers = ThreadPoolExecutor(READER_THREADS, thread_name_prefix=f"{name} reader")
        self._closed: asyncio.Future[None] | None = None

    @classmethod
    def open(cls, url: str, metadata: sa.MetaData, schema_version: int) -> Database:
        """Open, and make the tables where there are none; raises StoreError.

        It blocks for some milliseconds: it belongs to the start of a program.
        """
        dialect = _dialect(url)
        dialect.acquire()
        engine = dialect.engine()
        try:
            _prepare(engine, dialect, metadata, schema_version)
            return cls(engine, dialect)
        except Exception as error:
            engine.dispose()
            dialect.release()
            explained = dialect.explain(error)
            if explained is None:
                raise
            raise explained from error

    def submit(self, job: Callable[[sa.Connection], T]) -> asyncio.Future[T]:
        """Queue a writing job now; the future resolves in this loop when it is durable.

        Jobs run in the order of their submission. Cancelling the future does not
        cancel the job.
        """
        return self._writer.submit(job)

    async def write(self, job: Callable[[sa.Connection], T]) -> T:
        """Run a writing job, alone in a savepoint of a shared transaction."""
        return await self._writer.submit(job)

    async def read(self, job: Callable[[sa.Connection], T]) -> T:
        """Run a reading job in one short transaction: it sees one state throughout."""
        if self._closed is not None:
            raise DatabaseClosed("the database is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, job)

    @property
    def backlog(self) -> int:
        """Writing jobs that wait for their transaction."""
        return self._writer.backlog

    async def close(self) -> None:
        """Finish what was submitted, then close; a second call waits for the first."""
        if self._closed is None:
            loop = asyncio.get_running_loop()
            closed = self._closed = loop.create_future()
            self._writer.close(lambda: self._release(loop, closed))
        await asyncio.shield(self._closed)

    def _read(self, job: Callable[[sa.Connection], T]) -> T:
        try:
            with self._engine.connect() as connection, connection.begin():
                return job(connection)
        except sa.exc.DBAPIError as error:
            explained = self._dialect.explain(error)
            if explained is None:
                raise
            raise explained from error

    def _release(self, loop: asyncio.AbstractEventLoop, closed: asyncio.Future[None]) -> None:
        self._readers.shutdown(wait=True)
        self._engine.dispose()
        self._dialect.release()
        loop.call_soon_threadsafe(closed.set_result, None)


def _dialect(url: str) -> Dialect:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise StoreUnavailable(f"'{url}' is not a database URL, like sqlite:///data/logs.sqlite") from None
    make = DIALECTS.get(parsed.get_backend_name())
    if make is None:
        known = ", ".join(sorted(DIALECTS))
        raise StoreUnavailable(f"no database '{parsed.get_backend_name()}' is known here, only: {known}")
    return make(parsed)


def _prepare(engine: sa.Engine, dialect: Dialect, metadata: sa.MetaData, version: int) -> None:
    """Make the tables of an empty database, or refuse one that we do not know."""
    with (
        engine.connect().execution_options(**{WRITER: True}) as connection,
        connection.begin(),
    ):
        found = dialect.schema_version(connection)
        if found is None:
            metadata.create_all(connection)
            dialect.stamp_schema(connection, version)
        elif found != version:
            raise SchemaMismatch(_mismatch(str(engine.url.database), found, version))


def _mismatch(database: str, found: int, version: int) -> str:
    if found == 0:
        return f"the database '{database}' was made by another program: Fairlead leaves it alone"
    if found > version:
        return (
            f"the database '{database}' has schema {found}, this Fairlead knows {version}: "
            f"it was written by a newer one, use that"
        )
    return f"the database '{database}' has schema {found}, this Fairlead needs {version}: it must be migrated first"
