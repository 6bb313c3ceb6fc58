"""Write and follow logs, and watch records, from a program without an event loop; safe for threads.

    with LogWriter("ws://127.0.0.1:8080/ws", "my-stream", token=token) as log:
        log.write("stdout", "hello")

    with Connection("ws://127.0.0.1:8080/ws", token=token) as connection:
        for item in connection.follow("my-stream"):
            print(item)     # Record, Lagged, Reset or Head; the last one is Sealed or Revoked

A `Connection` has a thread with an asyncio loop, in which everything of `fairlead_client.asyncio` runs; several writers
and followers may share it. (So this module excludes `fairlead_client.twisted`, as that one does.) How long a call may
take, whatever the server and the network do:

    write, seal         one write into the kernel's page cache, behind those of other threads (see `spool`)
    flush, opened       their `timeout_s`
    close, `with`       `linger_s`, and CLOSE_S for the farewell; at the interpreter's exit EXIT_LINGER_S instead
    call, read, ...     their `timeout_s`
    follow, watch       as long as nothing new comes: Ctrl-C ends it

The thread is a daemon and blocks all signals: they stay the main thread's. In a forked child every call raises
ForkedError: a child makes a Connection and writers of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import multiprocessing.util
import os
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack
from weakref import WeakSet

from fairlead_client import asyncio as on_asyncio
from fairlead_client import writer
from fairlead_client.autobahn_session import OPEN_TIMEOUT_S, AutobahnSession, checked_url
from fairlead_client.connection import OnChange
from fairlead_client.errors import CallFailed, ClientError, ForkedError, Unreachable
from fairlead_client.follow import follow_items
from fairlead_client.following import Batch, Cursor, Follower, Following, Item, Start
from fairlead_client.forking import let_go_in_children
from fairlead_client.records import Record, Text, WireRecord, now_us, records_of
from fairlead_client.requests import LIST, READ, REALM, SEARCH, Result, given
from fairlead_client.spooling import About, new_spool
from fairlead_client.watch import watch
from fairlead_client.watching import Item as WatchItem
from fairlead_client.watching import Watching
from fairlead_client.writer import LINGER_S, Unsent

T = TypeVar("T")

# Autobahn logs what we report ourselves: a program without a handler would print it.
logging.getLogger("autobahn").addHandler(logging.NullHandler())

# How long a program's end may wait for a server when nobody has called `close`: nobody expects an exit to take longer.
EXIT_LINGER_S = 2.0
# What a farewell to the router, and the thread's end, may take beyond `linger_s`.
CLOSE_S = on_asyncio.CLOSE_TIMEOUT_S + 1.0

_open_connections: WeakSet[Connection] = WeakSet()


class Connection:
    """A session that is opened again whenever it is lost, in a thread of its own; `on_change` is called there."""

    def __init__(
        self, url: str, *, realm: str = REALM, token: str | None = None, on_change: OnChange | None = None
    ) -> None:
        checked_url(url)
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._writers: list[LogWriter] = []
        self._is_closed = False
        self._sessions: on_asyncio.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="fairlead_client", daemon=True)
        self._thread.start()
        let_go_in_children(self)
        _open_connections.add(self)
        self._sessions = self.run(self._make(url, realm, token, on_change), OPEN_TIMEOUT_S)

    # ------------------------------------------------------------ calls

    def call(self, procedure: str, *args: Any, timeout_s: float = OPEN_TIMEOUT_S, **kwargs: Any) -> Result:
        """Calls a procedure whose result is one dict. Raises CallFailed, Refused, or Unreachable when time is up."""
        return self.run(self._call(procedure, args, kwargs), timeout_s)

    def read(self, stream: str, *, timeout_s: float = OPEN_TIMEOUT_S, **where: Any) -> Result:
        """One page of a stream: `start` and `epoch`, `tail` or `since`, `limit`; see `fairlead.log.read`."""
        return self.call(READ, stream, timeout_s=timeout_s, **where)

    def search(self, stream: str, text: str, *, timeout_s: float = OPEN_TIMEOUT_S, **where: Any) -> Result:
        """A page of what contains `text`; see `fairlead.log.search`."""
        return self.call(SEARCH, stream, timeout_s=timeout_s, text=text, **where)

    def streams(self, prefix: str = "", *, timeout_s: float = OPEN_TIMEOUT_S, **which: Any) -> Iterator[Result]:
        """The streams that may be read, page after page; `which` are arguments of `fairlead.log.list`."""
        after: str | None = None
        while True:
            page = self.call(LIST, timeout_s=timeout_s, **given(prefix=prefix or None, after=after, **which))
            yield from page["streams"]
            after = page.get("after")
            if after is None:
                return

    def follow(self, stream: str, cursor: Cursor | None = None, **how: Unpack[Following]) -> Iterator[Record | Item]:
        """As `fairlead_client.asyncio.follow`, for a `for` loop; whoever leaves the loop early ends it."""
        for item in self.follow_items(Follower(stream, Start(cursor, **how))):
            if isinstance(item, Batch):
                yield from item.each()
            else:
                yield item

    def follow_items(self, follower: Follower) -> Iterator[Item]:
        """The same by batches, for a follower of one's own, whose `cursor` can be kept."""
        return self.each(follow_items(self.sessions, follower))

    def watch(self, *, bookmark: str | None = None, **query: Unpack[Watching]) -> Iterator[WatchItem]:
        """As `fairlead_client.asyncio.watch`, for a `for` loop; whoever leaves the loop early ends it."""
        return self.each(watch(self.sessions, bookmark=bookmark, **query))

    def each(self, items: AsyncGenerator[T, None]) -> Iterator[T]:
        """What an asynchronous generator yields in the thread, as that of a `Consumer` of `sessions`."""
        try:
            while True:
                item = self.run(_next(items))
                if item is None:
                    return
                yield item
        finally:
            if not self._is_closed:
                self.run(items.aclose(), CLOSE_S)

    # ------------------------------------------------------------ the thread

    @property
    def sessions(self) -> on_asyncio.Connection:
        """The asyncio connection, for coroutines that `run` in the thread."""
        assert self._sessions is not None, "it is made with us"
        return self._sessions

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """The result of a coroutine that runs in the thread. Raises Unreachable when the time is up first."""
        future = self._submit(coroutine)
        try:
            return future.result(timeout_s)
        except FutureTimeoutError:
            raise Unreachable(f"no answer within {timeout_s:g} s") from None
        finally:
            future.cancel()

    def soon(self, function: Callable[[], None]) -> None:
        """Calls a function in the thread, without waiting."""
        with suppress(RuntimeError):  # closed
            self._loop.call_soon_threadsafe(function)

    def check_process(self) -> None:
        """Raises ForkedError in a forked child."""
        if os.getpid() != self._process:
            raise ForkedError(f"this belongs to process {self._process}: a forked child makes its own")

    @property
    def is_own_thread(self) -> bool:
        """Whether this is called in the connection's thread."""
        return threading.current_thread() is self._thread

    def add(self, log: LogWriter) -> None:
        """A writer that `close` closes, too."""
        self._writers.append(log)

    def remove(self, log: LogWriter) -> None:
        """It is closed."""
        if log in self._writers:
            self._writers.remove(log)

    def abandon(self) -> None:
        """In a forked child: the router could not see the end of the parent's connection while we have it, too."""
        session = self._sessions.current if self._sessions is not None else None
        transport = session.transport if isinstance(session, AutobahnSession) else None
        connected = None if transport is None else transport.get_extra_info("socket")
        if connected is not None and connected.fileno() >= 0:
            with open(os.devnull, "rb") as nothing:
                os.dup2(nothing.fileno(), connected.fileno(), inheritable=False)  # its number stays taken

    def close(self, linger_s: float = LINGER_S) -> None:
        """Closes the writers that are still open, leaves the realm and ends the thread."""
        self.check_process()
        if self._is_closed:
            return
        self._is_closed = True
        deadline_s = self._loop.time() + linger_s
        for each in [*self._writers]:
            each.close(max(0.0, deadline_s - self._loop.time()))
        _open_connections.discard(self)
        with suppress(ClientError):
            self.run(self.sessions.close(), CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
        finally:
            self._loop.close()

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        try:
            self.check_process()
            if self._loop.is_closed() or self.is_own_thread:
                raise ClientError("the connection is closed, or this is its own thread, which must not wait for itself")
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except ClientError:
            coroutine.close()
            raise

    @staticmethod
    async def _make(url: str, realm: str, token: str | None, on_change: OnChange | None) -> on_asyncio.Connection:
        return on_asyncio.Connection(url, realm=realm, token=token, on_change=on_change)

    async def _call(self, procedure: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        session = await self.sessions.session()
        assert isinstance(session, AutobahnSession)
        return await on_asyncio.call(session, procedure, *args, **kwargs)


class LogWriter:
    """Writes one stream, as `fairlead_client.asyncio.LogWriter`, over a Connection of its own or a shared one.

    The keywords of `About` tell more of a new stream. Raises SpoolError where there can be no spool.
    """

    def __init__(
        self,
        where: str | Connection,
        stream: str,
        *,
        realm: str = REALM,
        token: str | None = None,
        linger_s: float = LINGER_S,
        **about: Unpack[About],
    ) -> None:
        self.linger_s = linger_s
        self._spool = new_spool(stream, **about)
        self._has_own_connection = isinstance(where, str)
        self._is_closed = False
        self._is_rung = False
        try:
            self._connection = Connection(where, realm=realm, token=token) if isinstance(where, str) else where
            self._writer = self._connection.run(self._make(), OPEN_TIMEOUT_S)
        except BaseException:
            self._spool.close()
            raise
        self._connection.add(self)

    @property
    def stream(self) -> str:
        """The stream's id."""
        return self._spool.meta.stream

    @property
    def is_closed(self) -> bool:
        """`close` was called."""
        return self._is_closed

    @property
    def unsent(self) -> int:
        """How many records the service has not acknowledged."""
        return self._writer.unsent

    @property
    def dropped(self) -> int:
        """How many records were dropped, for want of room or by a full disk; markers in the stream say where."""
        return self._spool.dropped

    @property
    def failure(self) -> CallFailed | None:
        """The refusal that ended the sending for good; what is written from then on stays in the spool."""
        return self._writer.failure

    def write(self, source: str, text: Text, time_us: int | None = None, flags: int = 0) -> bool:
        """Writes one line, or several, into the spool. False: there was no room, a marker will say how many.

        Raises SpoolError behind the seal and when the writer is closed, ForkedError in a forked child.
        """
        return self.write_records(records_of(source, text, now_us() if time_us is None else time_us, flags))

    def write_records(self, records: list[WireRecord]) -> bool:
        """Writes records that are already in the form of the wire."""
        self._connection.check_process()
        is_stored = self._spool.append(records)
        self._ring()
        return is_stored

    def seal(self, exit_code: int | None = None, reason: str | None = None) -> None:
        """Ends the stream behind what was written; nothing may be written after it."""
        self._connection.check_process()
        self._spool.append_end(exit_code, reason)
        self._ring()

    def opened(self, timeout_s: float) -> bool:
        """Whether the service has accepted us within that time; False also when it refused (see `failure`)."""
        return self._bounded(self._writer.opened(timeout_s), timeout_s)

    def flush(self, timeout_s: float) -> bool:
        """Waits until the service has everything; False when it did not within that time, or never will."""
        return self._bounded(self._writer.drain(timeout_s), timeout_s)

    def close(self, linger_s: float | None = None) -> Unsent | None:
        """Waits for the rest to be sent, deletes the spool if that succeeds, else says what is left in it."""
        self._connection.check_process()
        if self._is_closed:
            return None
        self._is_closed = True
        linger_s = self.linger_s if linger_s is None else linger_s
        try:
            return self._connection.run(self._writer.close(linger_s), linger_s + CLOSE_S)
        except Unreachable:  # its thread is stuck, in a disk perhaps
            return Unsent(self.unsent, self._spool.path, "the writer's thread does not answer")
        finally:
            self._connection.remove(self)
            if self._has_own_connection:
                self._connection.close(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def _make(self) -> writer.LogWriter:
        return writer.LogWriter(self._connection.sessions, self._spool)

    def _bounded(self, coroutine: Coroutine[Any, Any, bool], timeout_s: float) -> bool:
        try:
            return self._connection.run(coroutine, timeout_s)
        except Unreachable:
            return False

    def _ring(self) -> None:
        """Tells the thread, once for all that is written until it looks."""
        if not self._is_rung:
            self._is_rung = True
            self._connection.soon(self._look)

    def _look(self) -> None:
        self._is_rung = False
        self._writer.written()


async def _next(items: AsyncGenerator[T, None]) -> T | None:
    """The next item, None when there is none."""
    return await anext(items, None)


def _close_at_exit() -> None:
    """What a program has left open when it ends: sent as far as that goes quickly, the rest stays in the spools."""
    for connection in [*_open_connections]:
        with suppress(ForkedError):
            connection.close(EXIT_LINGER_S)


def _close_at_end_of_child(_: object = None) -> None:
    """A forked child of multiprocessing ends without `atexit`, and forgets what its parent has registered here."""
    multiprocessing.util.Finalize(None, _close_at_exit, exitpriority=0)


atexit.register(_close_at_exit)
multiprocessing.util.register_after_fork(_close_at_exit, _close_at_end_of_child)
_close_at_end_of_child()
