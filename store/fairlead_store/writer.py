"""The writer: one thread, one connection, and what waits while a commit runs goes together.

A commit costs a wait for the disk, whatever it holds. So each transaction takes every
job that is waiting (group commit), and a result is told only after the commit that
holds it: whoever is told has it for good.

Each job runs in a savepoint of its own, so a failing job takes back what it did and
nothing else. The other way, one rollback and then each job alone, runs jobs twice and
gives a group with one bad job as many commits as it has jobs. Measured with one-row jobs
in groups of 64: sent to the driver directly a savepoint costs 4 to 8 us a job (a
job with one insert 55 us; through SQLAlchemy's begin_nested the savepoint alone costs 80),
while a commit of its own costs 160 us of CPU and the wait for the disk.

A server may go away and come back. A job that meets this fails and is not repeated; the next
group begins on a new connection. Only a COMMIT without an answer is in doubt: telling either
could be false, so its jobs are told when the database can be asked, and until then others are
refused at once.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from fairlead_store.dialect import Dialect
from fairlead_store.errors import DatabaseClosed, DatabaseInUse, StoreError, StoreUnavailable

T = TypeVar("T")

GROUP_LIMIT_JOBS = 512
"""Jobs in one transaction: bounds how long the first of a group waits for the last."""

RETRY_S = 0.5
"""Between two attempts to ask a database that is away what became of a COMMIT."""

_log = logging.getLogger(__name__)


class _Entry:
    """One waiting job, then its outcome: the thread fills it in, the loop tells it."""

    __slots__ = ("error", "future", "job", "loop", "result")

    def __init__(self, job: Callable[[sa.Connection], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.job = job
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: Exception | None = None

    def tell(self) -> None:
        if self.future.done():  # its caller was cancelled; the job was done all the same
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer:
    """The thread that owns the writing connection. Jobs may come from any event loop."""

    def __init__(self, engine: sa.Engine, dialect: Dialect, connection: sa.Connection) -> None:
        self._engine = engine
        self._dialect = dialect
        self._connection = connection
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._is_in_doubt = False
        self._thread = threading.Thread(target=self._run, name=f"{dialect.place} writer", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[sa.Connection], T]) -> asyncio.Future[T]:
        """Queue a job; the future resolves in the calling loop when it is durable."""
        if self._closing.is_set():
            raise DatabaseClosed("the database is closed")
        if self._is_in_doubt:
            raise StoreUnavailable(f"the database {self._dialect.place} does not answer: nothing was stored")
        entry = _Entry(job, asyncio.get_running_loop())
        self._queue.put(entry)
        return entry.future

    @property
    def backlog(self) -> int:
        """Jobs waiting, roughly: for metrics."""
        return self._queue.qsize()

    def close(self, when_done: Callable[[], None]) -> None:
        """Take no more jobs, do those that wait, then call `when_done` in the thread."""
        self._when_done = when_done
        self._closing.set()
        self._queue.put(None)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            group, stopping = self._next_group()
            if group:
                self._write(group)
                _tell(group)
                self._dialect.tidy(self._connection)
        self._connection.close()
        self._when_done()

    def _next_group(self) -> tuple[list[_Entry], bool]:
        """Wait for one job, take those that wait behind it; True: none will follow."""
        group: list[_Entry] = []
        entry = self._queue.get()
        while entry is not None:
            group.append(entry)
            if len(group) == GROUP_LIMIT_JOBS:
                return group, False
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _write(self, group: list[_Entry]) -> None:
        """One transaction. Afterwards each entry has its result or its error."""
        is_committing = False
        try:
            with self._begin():
                for entry in group:
                    self._run_job(entry)
                is_committing = True
        except Exception as error:  # noqa: BLE001  the thread survives what any job does
            failure: Exception | None = self._named(error)
            if is_committing and self._connection.invalidated:
                failure = self._settle()
            for entry in group:
                entry.error = entry.error or failure
            if self._dialect.in_transaction(self._connection):
                # SQLAlchemy takes a transaction whose COMMIT failed for ended; SQLite goes on in it.
                self._dialect.execute_bare(self._connection, "ROLLBACK")

    def _begin(self) -> sa.Transaction:
        """A transaction in which we own the store, on a new connection where the last one was lost meanwhile."""
        was_lost = self._connection.invalidated
        connection = self._connected()
        transaction = connection.begin()
        try:
            self._dialect.begin_group(connection)
        except Exception:
            transaction.close()
            if was_lost or not connection.invalidated:
                raise
            return self._begin()
        return transaction

    def _connected(self) -> sa.Connection:
        """The connection, made anew when it was lost. Raises a StoreError or the driver's."""
        if self._connection.invalidated:
            connection = self._dialect.connect_writer(self._engine)
            self._connection.close()
            self._connection = connection
        return self._connection

    def _settle(self) -> StoreError | None:
        """The connection was lost in a COMMIT: ask until the database says what became of it. None: it was kept."""
        self._is_in_doubt = True
        _log.warning("the database %s was lost in a commit: changes wait until it answers", self._dialect.place)
        try:
            while True:
                try:
                    is_kept = self._dialect.has_committed(self._connected())
                except DatabaseInUse as error:
                    return error
                except Exception as error:  # noqa: BLE001  whatever it is, the next attempt may succeed
                    if self._closing.wait(RETRY_S):
                        return StoreUnavailable(
                            f"whether the last change was stored is not known: {self._named(error)}"
                        )
                else:
                    lost = StoreUnavailable(f"the database {self._dialect.place} was away: nothing was stored")
                    return None if is_kept else lost
        finally:
            self._is_in_doubt = False

    def _run_job(self, entry: _Entry) -> None:
        connection, execute = self._connection, self._dialect.execute_bare
        execute(connection, "SAVEPOINT job")
        try:
            entry.result = entry.job(connection)
        except Exception as error:
            entry.error = self._named(error)
            if not self._dialect.in_transaction(connection):
                raise  # the database gave up the whole transaction: every job failed
            execute(connection, "ROLLBACK TO SAVEPOINT job")
        execute(connection, "RELEASE SAVEPOINT job")

    def _named(self, error: Exception) -> Exception:
        explained = None if isinstance(error, StoreError) else self._dialect.explain(error)
        if explained is None:
            return error
        explained.__cause__ = error
        return explained


def _tell(group: list[_Entry]) -> None:
    """Resolve all futures of a group with one wake-up of the loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Entry]] = {}
    for entry in group:
        loops.setdefault(entry.loop, []).append(entry)
    for loop, entries in loops.items():
        try:
            loop.call_soon_threadsafe(_tell_all, entries)
        except RuntimeError:
            _log.warning("the event loop ended before %d written jobs were told", len(entries))


def _tell_all(entries: list[_Entry]) -> None:
    for entry in entries:
        entry.tell()
