"""Write and follow logs from a Twisted program, over Autobahn sessions.

What is `async` here is awaited in a coroutine that Twisted drives (`Deferred.fromCoroutine`, `ensureDeferred`):

    async def main(reactor):
        connection = Connection(reactor, "ws://127.0.0.1:8080/ws", token=token)
        writer = LogWriter(connection, "my-stream")
        writer.write("stdout", "hello")
        await writer.close()

        async for item in follow(connection, "my-stream"):
            print(item)     # Record, Lagged, Reset or Head; the last one is Sealed or Revoked
        await connection.close()

    task.react(lambda reactor: ensureDeferred(main(reactor)))

All is as in `fairlead_client.asyncio`; only one of the two can be imported in a process.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory, WampWebSocketClientProtocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from twisted.python.failure import Failure

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
from fairlead_client.errors import ClientError, Unreachable
from fairlead_client.file_writer import FileWriter
from fairlead_client.follow import follow, follow_items
from fairlead_client.keeping import Registration, Subscription
from fairlead_client.requests import REALM, Request, Result
from fairlead_client.runtime import Answer, outcome_of
from fairlead_client.watch import View, watch
from fairlead_client.writer import LogWriter

try:
    from twisted.internet import ssl
except ImportError:  # Twisted has TLS where pyOpenSSL is installed
    _options_for_tls: Any = None
else:
    _options_for_tls = ssl.optionsForClientTLS

__all__ = [
    "Connection",
    "Consumer",
    "Dispatcher",
    "FileWriter",
    "LogWriter",
    "Peer",
    "Registration",
    "Subscription",
    "TwistedRuntime",
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

_log = Logger()


async def connect(
    reactor: Any, url: str, *, realm: str = REALM, token: str | None = None, timeout_s: float = OPEN_TIMEOUT_S
) -> AutobahnSession:
    """Opens one session. Raises Unreachable, Refused (a bad token, no such realm) or, for a bad URL, ClientError."""
    checked = checked_url(url)
    opening: Deferred[AutobahnSession] = Deferred()
    attempt = Attempt(realm, token, opening.callback, opening.errback)
    protocol: Any = None
    is_open = False
    try:
        connecting = _endpoint(reactor, checked).connect(_factory(reactor, checked, attempt))
        protocol = await connecting.addTimeout(timeout_s, reactor)
        session = await opening.addTimeout(timeout_s, reactor)
        is_open = True
    except DeferredTimeoutError:
        raise Unreachable(f"cannot reach {url}: no answer within {timeout_s:g} s") from None
    except (ConnectError, DNSLookupError) as error:
        raise Unreachable(f"cannot reach {url}: {_reason(error)}") from None
    except Unreachable as error:
        raise Unreachable(f"cannot reach {url}: {error}") from None
    finally:
        attempt.is_over = True
        if protocol is not None and not is_open:
            protocol.transport.abortConnection()
    return session


async def call(session: AutobahnSession, procedure: str, *args: Any, **kwargs: Any) -> Result:
    """Calls a procedure whose result is one dict. Raises CallFailed, or Unreachable when the session is lost."""
    cancels: list[Callable[[], None]] = []
    answered: Deferred[Answer] = Deferred(lambda _: cancels[0]())
    cancels.append(session.call(Request(procedure, args, kwargs), partial(_answer, answered)))
    answer = await answered
    if answer.error is not None:
        raise answer.error
    return answer.result


async def disconnect(reactor: Any, session: AutobahnSession) -> None:
    """Leaves the realm and waits for the connection's end; closes it when the router takes too long."""
    transport = session.transport
    if transport is None or not session.is_open:
        return
    closed: Deferred[None] = Deferred()
    session.session.on("disconnect", lambda *_, **__: _fire(closed))
    session.end()
    try:
        await closed.addTimeout(CLOSE_TIMEOUT_S, reactor)
    except DeferredTimeoutError:
        transport.abortConnection()


class Connection(connection.Connection):
    """A session that is opened again whenever it is lost; `on_change` hears why, and None when there is one again."""

    def __init__(
        self,
        reactor: Any,
        url: str,
        *,
        realm: str = REALM,
        token: str | None = None,
        on_change: connection.OnChange | None = None,
    ) -> None:
        open_session = partial(connect, reactor, checked_url(url), realm=realm, token=token)
        super().__init__(TwistedRuntime(reactor), open_session, on_change)
        self._reactor = reactor

    async def close(self) -> None:
        """Leaves the realm and waits, shortly, until the connection is closed; it is not opened again."""
        session = self._closed()
        if isinstance(session, AutobahnSession):
            await disconnect(self._reactor, session)


class Peer(peer.Peer):
    """Plain publish, subscribe, register and call, across sessions (peer.py). `start` it, and `close` it in the end."""

    def __init__(
        self,
        reactor: Any,
        url: str,
        *,
        realm: str = REALM,
        token: str | None = None,
        on_change: connection.OnChange | None = None,
        on_refused: peer.OnRefused | None = None,
    ) -> None:
        self._connection = Connection(reactor, url, realm=realm, token=token, on_change=on_change)
        super().__init__(self._connection, on_refused=on_refused)

    async def close(self) -> None:
        """Leaves the realm, for good."""
        self.stop()
        await self._connection.close()


def given_sessions(reactor: Any) -> connection.GivenSessions:
    """Sessions of a program's own: call `.joined(AutobahnSession(session))` whenever its component has joined."""
    return connection.GivenSessions(TwistedRuntime(reactor))


# ---------------------------------------------------------------- the framework


class TwistedRuntime:
    """Twisted as `runtime.Runtime`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def time_s(self) -> float:
        """The reactor's clock."""
        return float(self._reactor.seconds())

    def wakeup(self) -> _Wakeup:
        """A new bell."""
        return _Wakeup(self._reactor)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> Deferred[None]:
        """Drives a coroutine; if it fails, the log says so."""
        return Deferred.fromCoroutine(coroutine).addErrback(_report)

    def in_thread(self, job: Callable[[], None], on_done: Callable[[OSError | None], None] | None = None) -> None:
        """In the reactor's thread pool."""
        done: Deferred[OSError | None] = deferToThread(outcome_of, job)
        if on_done is not None:
            done.addCallback(on_done)
        done.addErrback(_report)


class _Wakeup:
    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._is_set = False
        self._waiter: Deferred[None] | None = None

    def set(self) -> None:
        self._is_set = True
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            # In a turn of its own: whoever rings has not finished yet.
            self._reactor.callLater(0, _fire, waiter)

    async def wait(self, timeout_s: float | None = None) -> None:
        if self._is_set:
            timeout_s = 0.0  # a bell that is rung in every turn must not stop the reactor
        waiter = self._waiter = Deferred()
        timer = None if timeout_s is None else self._reactor.callLater(timeout_s, _fire, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None and timer.active():
                timer.cancel()
        self._is_set = False


def _fire(waiter: Deferred[None]) -> None:
    if not waiter.called:
        waiter.callback(None)


def _report(failure: Failure) -> None:
    if not isinstance(failure.value, CancelledError):
        _log.failure("in fairlead_client", failure=failure)


# ---------------------------------------------------------------- Autobahn


class _Session(JoiningMixin, ApplicationSession):
    def __init__(self, attempt: Attempt) -> None:
        super().__init__()
        self.attempt = attempt


class _Protocol(WampWebSocketClientProtocol):
    factory: Any

    def onClose(self, wasClean: bool, code: int, reason: str | None) -> None:
        super().onClose(wasClean, code, reason)
        self.factory.attempt.failed(Unreachable(reason or "the connection was closed"))


_WampWebSocketClientFactory: Any = WampWebSocketClientFactory  # it declares no types


def _factory(reactor: Any, url: str, attempt: Attempt) -> Any:
    factory = _WampWebSocketClientFactory(partial(_Session, attempt), url, serializers=serializers(), reactor=reactor)
    factory.setProtocolOptions(**PROTOCOL_OPTIONS)
    factory.protocol = _Protocol
    factory.attempt = attempt
    factory.noisy = False
    return factory


def _endpoint(reactor: Any, url: str) -> Any:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "ws":
        return HostnameEndpoint(reactor, host, parts.port or 80)
    if _options_for_tls is None:
        raise ClientError(f"{url} needs TLS, which Twisted has where pyOpenSSL is installed: pip install Twisted[tls]")
    inner: Any = HostnameEndpoint(reactor, host, parts.port or 443)
    return wrapClientTLS(_options_for_tls(host), inner)


def _answer(answered: Deferred[Answer], answer: Answer) -> None:
    if answer.is_final and not answered.called:
        answered.callback(answer)


def _reason(error: Exception) -> str:
    text = getattr(error, "osError", None)
    if text is not None and getattr(text, "strerror", None):
        return str(text.strerror).lower()
    return str(error).rstrip(".").lower()
