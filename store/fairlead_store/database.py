"""A database by URL: one writer with group commit, a few readers, a known schema.

    database = Database.open("sqlite:///data/logs.sqlite", schema)
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
from contextlib import ExitStack
from typing import TypeVar

import sqlalchemy as sa

from fairlead_store.dialect import Dialect
from fairlead_store.lease import LEASE_S
from fairlead_store.listener import Listener
from fairlead_store.opening import find_dialect
from fairlead_store.readers import Readers
from fairlead_store.schema import Schema, prepare
from fairlead_store.writer import Writer

T = TypeVar("T")


class Database:
    """One open database. Use it from one event loop; open it before, close it after."""

    def __init__(self, engine: sa.Engine, dialect: Dialect, writing: sa.Connection) -> None:
        self._engine = engine
        self._dialect = dialect
        self._writer = Writer(engine, dialect, writing)
        self._readers = Readers(engine, dialect)
        self.lease = dialect.lease()
        """None: nobody else can take the store while this process lives."""
        self._closed: asyncio.Future[None] | None = None

    @classmethod
    def open(
        cls, url: str, schema: Schema, realm: str = "", lease_s: float = LEASE_S, *, is_shared: bool = False
    ) -> Database:
        """Take the store for this process, make its tables or bring them to our version; raises StoreError.

        Where one database holds several stores, and the rows of several realms, each (store, realm) has one process
        that writes it; or several, all of which open it as shared and fence what they write (PostgreSQL only). It
        blocks for some milliseconds, or as long as the lease of a process that was killed goes on: it belongs to the
        start of a program, or into a thread.
        """
        dialect = find_dialect(url, schema, realm, lease_s, is_shared=is_shared)
        with ExitStack() as opened:
            try:
                return cls._open(dialect, schema, opened)
            except Exception as error:
                explained = dialect.explain(error)
                if explained is None:
                    raise
                raise explained from error

    @classmethod
    def _open(cls, dialect: Dialect, schema: Schema, opened: ExitStack) -> Database:
        dialect.acquire()
        opened.callback(dialect.release)
        engine = dialect.engine()
        opened.callback(engine.dispose)
        writing = dialect.connect_writer(engine)
        opened.callback(writing.close)
        with writing.begin():
            prepare(writing, dialect, schema)
        opened.pop_all()
        return cls(engine, dialect, writing)

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
        return await self._readers.read(job)

    def listen(self, channel: str, heard: Callable[[str], None]) -> Listener:
        """Hear what is notified on a channel of a PostgreSQL database; close it before the database."""
        return Listener(self._engine, channel, heard)

    @property
    def backlog(self) -> int:
        """Writing jobs that wait for their transaction."""
        return self._writer.backlog

    async def close(self) -> None:
        """Finish what was submitted, then close; a second call waits for the first."""
        if self._closed is None:
            loop = asyncio.get_running_loop()
            closed = self._closed = loop.create_future()
            self._readers.refuse()
            self._writer.close(lambda: self._release(loop, closed))
        await asyncio.shield(self._closed)

    def _release(self, loop: asyncio.AbstractEventLoop, closed: asyncio.Future[None]) -> None:
        self._readers.shut()
        if self.lease is not None:
            self.lease.end()
        self._engine.dispose()
        self._dialect.release()
        loop.call_soon_threadsafe(closed.set_result, None)
