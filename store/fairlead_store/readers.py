"""The readers of a database: a few threads, each read one short transaction.

    readers = Readers.open("postgresql:///fairlead", schema)    # what another process writes
    rows = await readers.read(lambda connection: connection.execute(...).all())
    await readers.close()

A `Database` has readers of its own; alone they look into a store that another process owns, and change nothing
there, not even an old schema.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import sqlalchemy as sa

from fairlead_store.dialect import Dialect
from fairlead_store.errors import DatabaseClosed
from fairlead_store.opening import find_dialect
from fairlead_store.schema import Schema, check_version

T = TypeVar("T")

READER_THREADS = 4
"""Reads that run at once. They share the interpreter's lock: more would only queue there."""


class Readers:
    """Reading jobs of one database."""

    def __init__(self, engine: sa.Engine, dialect: Dialect) -> None:
        self._engine = engine
        self._dialect = dialect
        self._threads = ThreadPoolExecutor(READER_THREADS, thread_name_prefix=f"{dialect.place} reader")
        self._is_closed = False

    @classmethod
    def open(cls, url: str, schema: Schema) -> Readers:
        """Look into the store of another process. Raises StoreError; blocks for some milliseconds."""
        dialect = find_dialect(url, schema, "")
        engine = dialect.reading_engine()
        readers = cls(engine, dialect)
        try:
            check_version(
                readers.read_now(lambda connection: dialect.schema_version(connection, schema)), dialect, schema
            )
        except BaseException:
            readers.shut()
            engine.dispose()
            raise
        return readers

    async def read(self, job: Callable[[sa.Connection], T]) -> T:
        """Run a reading job in one short transaction: it sees one state throughout."""
        if self._is_closed:
            raise DatabaseClosed("the database is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_now, job)

    def read_now(self, job: Callable[[sa.Connection], T]) -> T:
        """Run a reading job in this thread."""
        try:
            with self._engine.connect() as connection, connection.begin():
                return job(connection)
        except sa.exc.DBAPIError as error:
            explained = self._dialect.explain(error)
            if explained is None:
                raise
            raise explained from error

    def refuse(self) -> None:
        """Take no more jobs."""
        self._is_closed = True

    def shut(self) -> None:
        """Wait for what is being read."""
        self._is_closed = True
        self._threads.shutdown(wait=True)

    async def close(self) -> None:
        """Finish what is being read, then let go of the database."""
        self._is_closed = True
        await asyncio.get_running_loop().run_in_executor(None, self.shut)
        self._engine.dispose()
