"""An Autobahn session of either framework as a `runtime.Session`, and how one is joined.

Autobahn's own classes come from `autobahn.asyncio` or `autobahn.twisted`, which exclude each other in one process: this
module imports neither and leaves the choice to the modules `asyncio` and `twisted` beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import txaio
from autobahn.exception import Disconnected, PayloadExceededError
from autobahn.wamp.exception import ApplicationError, SerializationError, TransportLost
from autobahn.wamp.serializer import JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import CallOptions

from fairlead_client.errors import CallFailed, ClientError, Refused, Unreachable
from fairlead_client.requests import Request, Result
from fairlead_client.runtime import Answer

# Autobahn and txaio declare no types for what we call of them.
_MsgPackSerializer: Any = MsgPackSerializer
_JsonSerializer: Any = JsonSerializer
_CallOptions: Any = CallOptions
_txaio: Any = txaio

# Ample for a router on another continent, and short enough for somebody who waits for an error.
OPEN_TIMEOUT_S = 10.0
# What a router may send in one message: ours sends 1 MiB at most, others have other limits, none is no limit at all.
LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024

PROTOCOL_OPTIONS = {
    "maxFramePayloadSize": LARGEST_MESSAGE_BYTES,
    "maxMessagePayloadSize": LARGEST_MESSAGE_BYTES,
    "failByDrop": True,
    "openHandshakeTimeout": OPEN_TIMEOUT_S,
    "closeHandshakeTimeout": 1.0,
    "tcpNoDelay": True,
    # A peer that answers no ping for so long is gone, whatever the kernel says.
    "autoPingInterval": 10.0,
    "autoPingTimeout": 10.0,
    "autoPingSize": 12,
}

# What Autobahn raises at once when it cannot send a request.
NOT_SENT = (TransportLost, PayloadExceededError, SerializationError)

# A session's end, as Autobahn reports it to the calls that were under way.
_ENDS = ("wamp.close.", "fairlead.close.")


def serializers() -> list[Any]:
    """What we offer a router. MessagePack first: Autobahn decodes a record from it in 0.16 us, from JSON in 6.8 us."""
    return [_MsgPackSerializer(), _JsonSerializer()]


def checked_url(url: str) -> str:
    """The URL of a router's WebSocket; its path is /ws where none is given. Raises ClientError."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"ws", "wss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port
        is_usable = False
    if not is_usable:
        raise ClientError(f"{url!r} is not a URL of a router: ws://host:port/ws or wss://host:port/ws")
    return urlunsplit(parts._replace(path=parts.path or "/ws", fragment=""))


class AutobahnSession:
    """Calls on a joined Autobahn session."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self._pauses = 0

    @property
    def is_open(self) -> bool:
        """Calls can be made."""
        return bool(self.session.is_attached())

    def call(self, request: Request, on_answer: Callable[[Answer], None]) -> Callable[[], None]:
        """Makes a call; see `runtime.Session`."""

        def progressed(*args: Any, **_: Any) -> None:
            on_answer(Answer(request, _dict_of(args), is_final=False))

        def succeeded(value: Any) -> None:
            on_answer(Answer(request, _dict_of([value])))

        def failed(failure: Any) -> None:
            on_answer(Answer(request, {}, error_of(failure.value)))

        options = _CallOptions(on_progress=progressed) if request.wants_progress else None
        try:
            future = self.session.call(request.procedure, *request.args, **request.kwargs, options=options)
        except NOT_SENT as error:
            on_answer(Answer(request, {}, error_of(error)))
            return lambda: None
        _txaio.add_callbacks(future, succeeded, failed)
        return lambda: self._cancel(future)

    def on_end(self, callback: Callable[[], None]) -> None:
        """Calls back once the session is over."""
        for event in ("leave", "disconnect"):
            self.session.on(event, lambda *_, **__: callback())

    def pause(self) -> None:
        """Reads no more until `resume`; of several who pause, the last one to resume counts."""
        self._pauses += 1
        if self._pauses == 1:
            self._on_transport("pause_reading", "pauseProducing")

    def resume(self) -> None:
        """Reads again."""
        self._pauses -= 1
        if self._pauses == 0:
            self._on_transport("resume_reading", "resumeProducing")

    @property
    def transport(self) -> Any:
        """The framework's transport, None when it is gone, or was never there (a session in memory)."""
        return getattr(self.session._transport, "transport", None)  # noqa: SLF001 (Autobahn has no public way)

    def end(self) -> None:
        """Leaves the realm; the router's GOODBYE closes the connection."""
        if self.is_open:
            self.session.leave()

    def _cancel(self, future: Any) -> None:
        if self.is_open and not _txaio.is_called(future):
            _txaio.cancel(future)

    def _on_transport(self, *names: str) -> None:
        """Calls the method that this framework's transport has for it."""
        for name in names:
            method = getattr(self.transport, name, None)
            if method is not None:
                method()


class Attempt:
    """One attempt to open a session: exactly one of `on_joined` and `on_failed` is called, once."""

    def __init__(
        self,
        realm: str,
        token: str | None,
        on_joined: Callable[[AutobahnSession], None],
        on_failed: Callable[[ClientError], None],
    ) -> None:
        self.realm = realm
        self.token = token
        self.is_over = False
        self._on_joined = on_joined
        self._on_failed = on_failed

    def joined(self, session: Any) -> None:
        """WELCOME has come."""
        if not self.is_over:
            self.is_over = True
            self._on_joined(AutobahnSession(session))

    def failed(self, error: ClientError) -> None:
        """It will not come."""
        if not self.is_over:
            self.is_over = True
            self._on_failed(error)


class JoiningMixin:
    """What an ApplicationSession of ours does: joins with a ticket or anonymously, and tells its attempt."""

    attempt: Attempt

    def onConnect(self) -> None:  # noqa: N802
        """Sends HELLO; who we are is in the token, so no authid is claimed."""
        methods = ["anonymous"] if self.attempt.token is None else ["ticket"]
        try:
            self.join(self.attempt.realm, authmethods=methods)  # type: ignore[attr-defined]
        except Disconnected:  # the router's handshake has come too late
            self.attempt.failed(Unreachable("the connection was closed"))

    def onChallenge(self, challenge: Any) -> str:  # noqa: N802
        """Answers CHALLENGE."""
        if challenge.method != "ticket" or self.attempt.token is None:
            raise Refused("wamp.error.no_matching_auth_method", f"the router asks for {challenge.method!r}")
        return self.attempt.token

    def onJoin(self, _details: Any) -> None:  # noqa: N802
        """The session can be used."""
        self.attempt.joined(self)

    def onLeave(self, details: Any) -> Any:  # noqa: N802
        """ABORT or GOODBYE has come, or the transport was lost."""
        is_lost = str(details.reason).startswith(_ENDS)
        text = details.message or details.reason
        self.attempt.failed(Unreachable(text) if is_lost else Refused(details.reason, details.message or ""))
        return super().onLeave(details)  # type: ignore[misc]

    def onDisconnect(self) -> Any:  # noqa: N802
        """The connection is closed."""
        self.attempt.failed(Unreachable("the connection was closed before the session was opened"))
        return super().onDisconnect()  # type: ignore[misc]


def _dict_of(args: Any) -> Result:
    """The one dict that every result of ours is; an empty one where another service answered otherwise."""
    value = args[0] if args else {}
    value = value.results[0] if hasattr(value, "results") and value.results else value
    return value if isinstance(value, dict) else {}


def error_of(error: BaseException) -> ClientError:
    """What Autobahn raised, as an error of this package."""
    if isinstance(error, ApplicationError):
        text = str(error.args[0]) if error.args else ""
        if error.error.startswith(_ENDS):
            return Unreachable(text or error.error)
        return CallFailed(error.error, text, error.kwargs)
    if isinstance(error, SerializationError):
        return CallFailed("wamp.error.invalid_argument", str(error))
    if isinstance(error, PayloadExceededError):
        return CallFailed("wamp.error.payload_size_exceeded", str(error))
    return Unreachable(str(error) or type(error).__name__)  # lost, or cancelled by us
