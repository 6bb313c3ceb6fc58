"""Write and follow logs from an asyncio program, over Autobahn sessions.

    async with Connection("ws://127.0.0.1:8080/ws", token=token) as connection:
        writer = LogWriter(connection, "my-stream")
        writer.write("stdout", "hello")
        await writer.close()

        async for item in follow(connection, "my-stream"):
            print(item)     # Record, Lagged, Reset or Head; the last one is Sealed or Revoked

    async with Peer("ws://127.0.0.1:8080/ws", token=token) as peer:
        await peer.subscribe("com.example.topic", print)
        await peer.publish("com.example.topic", ["hello"])

A `Connection` opens its session when it is first needed, and again whenever it is lost. A program whose own Autobahn
component joins hands its sessions over through `given_sessions()`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory, WampWebSocketClientProtocol

from fairlead_client import connection, peer
from fairlead_client.autobahn_session import (
    OPEN_TIMEOUT_S,
    PROTOCOL_OPTIONS,
    Attempt,
    AutobahnSession,
    JoiningMixin,
    checked_url,
    serializers,
)
from fairlead_client.consuming import Consumer
from fairlead_client.dispatcher import Dispatcher
from fairlead_client.errors import Unreachable
from fairlead_client.file_writer import FileWriter
from fairlead_client.follow import follow, follow_items
from fairlead_client.keeping import Registration, Subscription
from fairlead_client.requests import REALM, Request, Result
from fairlead_client.runtime import Answer, outcome_of
from fairlead_client.watch import View, watch
from fairlead_client.writer import LogWriter

__all__ = [
    "AsyncioRuntime",
    "Connection",
    "Consumer",
    "Dispatcher",
    "FileWriter",
    "LogWriter",
    "Peer",
    "Registration",
    "Subscription",
    "View",
    "call",
    "connect",
    "disconnect",
    "follow",
    "follow_items",
    "given_sessions",
    "watch",
]

# How long the router's GOODBYE may take before the connection is closed without it.
CLOSE_TIMEOUT_S = 1.0


async def connect(
    url: str, *, realm: str = REALM, token: str | None = None, timeout_s: float = OPEN_TIMEOUT_S
) -> AutobahnSession:
    """Opens one session. Raises Unreachable, Refused (a bad token, no such realm) or, for a bad URL, ClientError."""
    parts = urlsplit(checked_url(url))
    host = parts.hostname or ""
    loop = asyncio.get_running_loop()
    opening: asyncio.Future[AutobahnSession] = loop.create_future()
    attempt = Attempt(realm, token, partial(_resolve, opening), partial(_reject, opening))
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    context = ssl.create_default_context() if parts.scheme == "wss" else None
    protocol: _Protocol | None = None
    try:
        async with asyncio.timeout(timeout_s):
            factory = _factory(parts.geturl(), attempt)
            _, protocol = await loop.create_connection(factory, host, port, ssl=context)
            return await opening
    except TimeoutError:
        raise Unreachable(f"cannot reach {url}: no answer within {timeout_s:g} s") from None
    except OSError as error:
        raise Unreachable(f"cannot reach {url}: {_reason(error)}") from None
    except Unreachable as error:
        raise Unreachable(f"cannot reach {url}: {error}") from None
    finally:
        attempt.is_over = True
        is_open = opening.done() and not opening.cancelled() and opening.exception() is None
        if protocol is not None and protocol.transport is not None and not is_open:
            protocol.transport.abort()


async def call(session: AutobahnSession, procedure: str, *args: Any, **kwargs: Any) -> Result:
    """Calls a procedure whose result is one dict. Raises CallFailed, or Unreachable when the session is lost."""
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    cancel = session.call(Request(procedure, args, kwargs), partial(_answer, answered))
    try:
        answer = await answered
    except asyncio.CancelledError:
        cancel()
        raise
    if answer.error is not None:
        raise answer.error
    return answer.result


async def disconnect(session: AutobahnSession) -> None:
    """Leaves the realm and waits for the connection's end; closes it when the router takes too long."""
    await asyncio.sleep(0)  # a call that was canceled in this turn sends its CANCEL in the next: not behind GOODBYE
    transport = session.transport
    if transport is None or transport.is_closing():
        return
    closed = asyncio.get_running_loop().create_future()
    session.session.on("disconnect", lambda *_, **__: _finish(closed))
    session.end()
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await closed
    except TimeoutError:
        transport.abort()


class Connection(connection.Connection):
    """A session that is opened again whenever it is lost; `on_change` hears why, and None when there is one again."""

    def __init__(
        self,
        url: str,
        *,
        realm: str = REALM,
        token: str | None = None,
        on_change: connection.OnChange | None = None,
    ) -> None:
        super().__init__(AsyncioRuntime(), partial(connect, checked_url(url), realm=realm, token=token), on_change)

    async def close(self) -> None:
        """Leaves the realm and waits, shortly, until the connection is closed; it is not opened again."""
        session = self._closed()
        if isinstance(session, AutobahnSession):
            await disconnect(session)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class Peer(peer.Peer):
    """Plain publish, subscribe, register and call, across sessions (peer.py). Enter it, or `start` and `close` it."""

    def __init__(
        self,
        url: str,
        *,
        realm: str = REALM,
        token: str | None = None,
        on_change: connection.OnChange | None = None,
        on_refused: peer.OnRefused | None = None,
    ) -> None:
        self._connection = Connection(url, realm=realm, token=token, on_change=on_change)
        super().__init__(self._connection, on_refused=on_refused)

    async def close(self) -> None:
        """Leaves the realm, for good."""
        self.stop()
        await self._connection.close()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def given_sessions() -> connection.GivenSessions:
    """Sessions of a program's own: call `.joined(AutobahnSession(session))` whenever its component has joined."""
    return connection.GivenSessions(AsyncioRuntime())


# ---------------------------------------------------------------- the framework


class AsyncioRuntime:
    """asyncio as `runtime.Runtime`; to be made where a loop runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def time_s(self) -> float:
        """The loop's clock."""
        return self._loop.time()

    def wakeup(self) -> _Wakeup:
        """A new bell."""
        return _Wakeup(self._loop)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task; if it fails, the loop's exception handler hears of it."""
        task = self._loop.create_task(coroutine)
        task.add_done_callback(_report)
        return task

    def in_thread(self, job: Callable[[], None], on_done: Callable[[OSError | None], None] | None = None) -> None:
        """In the loop's default executor; here and now when the interpreter shuts down and has no threads any more."""
        try:
            done = self._loop.run_in_executor(None, outcome_of, job)
        except RuntimeError:
            done = self._loop.create_future()
            done.set_result(outcome_of(job))
        done.add_done_callback(_report if on_done is None else partial(_hand_on, on_done))


class _Wakeup:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, timeout_s: float | None = None) -> None:
        if self._is_set:
            await asyncio.sleep(0)  # a bell that is rung in every turn must not stop the loop
        else:
            await self._ring(timeout_s)
        self._is_set = False

    async def _ring(self, timeout_s: float | None) -> None:
        waiter = self._waiter = self._loop.create_future()
        timer = None if timeout_s is None else self._loop.call_later(timeout_s, _finish, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _hand_on(on_done: Callable[[OSError | None], None], done: asyncio.Future[OSError | None]) -> None:
    if not done.cancelled():
        on_done(done.result())


def _report(done: asyncio.Future[Any]) -> None:
    if not done.cancelled() and done.exception() is not None:
        error = done.exception()
        done.get_loop().call_exception_handler({"message": "in fairlead_client", "exception": error, "future": done})


# ---------------------------------------------------------------- Autobahn


# In the name of our session Autobahn warns of each end, a proper one too; who wants to know has `on_change`.
logging.getLogger(__name__).addHandler(logging.NullHandler())
logging.getLogger(__name__).propagate = False


class _Session(JoiningMixin, ApplicationSession):
    def __init__(self, attempt: Attempt) -> None:
        super().__init__()
        self.attempt = attempt


class _Protocol(WampWebSocketClientProtocol):
    factory: Any

    def onClose(self, wasClean: bool, code: int, reason: str | None) -> None:  # noqa: N802, N803
        super().onClose(wasClean, code, reason)
        self.factory.attempt.failed(Unreachable(reason or "the connection was closed"))


_WampWebSocketClientFactory: Any = WampWebSocketClientFactory  # it declares no types


def _factory(url: str, attempt: Attempt) -> Any:
    loop = asyncio.get_running_loop()
    factory = _WampWebSocketClientFactory(partial(_Session, attempt), url, serializers=serializers(), loop=loop)
    factory.setProtocolOptions(**PROTOCOL_OPTIONS)
    factory.protocol = _Protocol
    factory.attempt = attempt
    return factory


def _answer(answered: asyncio.Future[Answer], answer: Answer) -> None:
    if answer.is_final and not answered.done():
        answered.set_result(answer)


def _resolve(opening: asyncio.Future[AutobahnSession], session: AutobahnSession) -> None:
    if not opening.done():
        opening.set_result(session)


def _reject(opening: asyncio.Future[AutobahnSession], error: Exception) -> None:
    if not opening.done():
        opening.set_exception(error)


def _reason(error: OSError) -> str:
    """What the system or OpenSSL says, in few words; asyncio joins the reasons of several addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or 'no reason given').replace('_', ' ').lower()}"
    if isinstance(error, socket.gaierror):  # whose numbers are not the system's either
        return str(error.strerror).lower()
    if error.errno is None:
        return str(error)
    return os.strerror(error.errno).lower()
