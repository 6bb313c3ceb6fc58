"""WAMP over WebSocket, with as little work per message as Python allows.

picows does the WebSocket; requests are built from constant bytes; of what arrives in the measured part only the
request id is read. A subscriber's connection goes further: once subscribed, its socket is handed to a receiver
that counts bytes and parses no frames at all.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeVar

import msgspec
import picows
from autobahn.wamp import auth

from bench.load.dialects.base import Dialect, OnReply
from bench.load.dialects.notations import JSON, Notation

ROLES: dict[str, dict[str, object]] = {"publisher": {}, "subscriber": {}, "caller": {}, "callee": {}}
DETAILS = {"agent": "bench", "roles": ROLES}
USER = "bench"
HELLO, WELCOME, CHALLENGE, AUTHENTICATE = 1, 2, 4, 5
ERROR, PUBLISH, SUBSCRIBE, SUBSCRIBED = 8, 16, 32, 33
CALL, RESULT, REGISTER, REGISTERED, INVOCATION, YIELD = 48, 50, 64, 65, 68, 70
TEXT = picows.WSMsgType.TEXT
REPLY_TIMEOUT_S = 30.0
ASKED_AT_ONCE = 20


class UnexpectedMessageError(Exception):
    """The router sent something else than what must come now."""


class Habits(msgspec.Struct, frozen=True):
    """What the clients of a workload do beside the plain thing."""

    publish: dict[str, object] = {}
    """Options of each PUBLISH."""
    subscribe: dict[str, object] = {}
    """Options of each SUBSCRIBE."""
    is_named: bool = False
    """Each connection is a user of its own: `user-0`, `user-1`, ..."""


PLAIN = Habits()


class Wamp(Dialect):
    """See the module."""

    def __init__(self, notation: Notation, url: str, payload_bytes: int, habits: Habits = PLAIN) -> None:
        self.marker = notation.marker
        self._notation = notation
        self._url = url
        self._args = notation.args(payload_bytes)
        self._habits = habits
        self._connections = count()

    async def subscribe(self, topic: str, receiver: asyncio.BufferedProtocol) -> None:
        await self._subscribe(topic, receiver)

    async def publisher(self, topic: str, on_close: Callable[[], None]) -> Callable[[], None]:
        session = await self._join(Session(on_close, self._notation))
        return _numbered(session.send, *self._notation.parts(PUBLISH, [self._habits.publish, topic], self._args))

    async def link(self, topic: str, receiver: asyncio.BufferedProtocol, to: str) -> Callable[[], None]:
        transport, framed = await self._subscribe(topic, receiver), self._notation.framed

        def send(message: bytes) -> None:
            transport.write(framed(message))

        return _numbered(send, *self._notation.parts(PUBLISH, [self._habits.publish, to], self._args), first=2)

    async def callee(self, procedure: str, on_close: Callable[[], None]) -> None:
        callee = await self._join(Callee(self._args, on_close, self._notation))
        await callee.request(self._notation.encode([REGISTER, 1, {}, procedure]), REGISTERED)

    async def caller(self, procedure: str, on_reply: OnReply, on_close: Callable[[], None]) -> Callable[[], None]:
        caller = await self._join(Caller(on_reply, on_close, self._notation))
        return _numbered(caller.send, *self._notation.parts(CALL, [{}, procedure], self._args))

    async def visit(self, secret: str | None = None) -> None:
        (await self._join(Session(notation=self._notation), secret)).leave()

    async def hold(self, topics: Sequence[str], patterns: Sequence[str], on_close: Callable[[], None]) -> None:
        session = await self._join(Holder(on_close, self._notation))
        wanted: list[tuple[dict[str, object], str]] = [({}, topic) for topic in topics]
        wanted += [({"match": "prefix"}, pattern) for pattern in patterns]
        await session.subscribe_all(wanted)

    async def _join(self, session: AnySession, secret: str | None = None) -> AnySession:
        authid = f"user-{next(self._connections)}" if self._habits.is_named else None
        return await join(self._url, session, secret, authid)

    async def _subscribe(self, topic: str, receiver: asyncio.BufferedProtocol) -> asyncio.Transport:
        session = await self._join(Session(notation=self._notation))
        await session.request(self._notation.encode([SUBSCRIBE, 1, self._habits.subscribe, topic]), SUBSCRIBED)
        transport = session.transport.underlying_transport
        transport.set_protocol(receiver)
        return transport


def _numbered(
    send: Callable[[bytes], None], head: Callable[[int], bytes], tail: bytes, first: int = 1
) -> Callable[[], None]:
    """What sends a request, each with the next number."""
    number = first - 1

    def request() -> None:
        nonlocal number
        number += 1
        send(head(number) + tail)

    return request


class Session(picows.WSListener):
    """A connection on which one request at a time is made and answered: what comes before the measured part."""

    transport: picows.WSTransport

    def __init__(self, on_close: Callable[[], None] = lambda: None, notation: Notation = JSON) -> None:
        self.notation = notation
        self._type = notation.frame_type
        self._on_close = on_close
        self._reply: asyncio.Future[Any] | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def send(self, message: bytes) -> None:
        """One message."""
        self.transport.send(self._type, message)

    def leave(self) -> None:
        """Closes the connection; that is not told to anybody."""
        self._on_close = lambda: None
        self.transport.disconnect(graceful=False)

    async def request(self, message: bytes, *answers: int) -> list[Any]:
        """Sends a message; the next one to arrive must be of one of the types `answers`."""
        self._reply = asyncio.get_running_loop().create_future()
        self.send(message)
        reply: list[Any] = await asyncio.wait_for(self._reply, REPLY_TIMEOUT_S)
        self._reply = None
        if reply[0] not in answers:
            raise UnexpectedMessageError(f"{reply} came in answer to {self.notation.decode(message)}")
        return reply

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type is not self._type:
            return
        if self._reply is None:
            self.received(frame.get_payload_as_bytes())
        elif not self._reply.done():
            self._reply.set_result(self.notation.decode(frame.get_payload_as_bytes()))

    def received(self, message: bytes) -> None:
        """A message of the measured part."""
        raise UnexpectedMessageError(f"{self.notation.decode(message)} is not expected here")

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._on_close()
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(UnexpectedMessageError("the router closed the connection"))


AnySession = TypeVar("AnySession", bound=Session)


async def join(url: str, session: AnySession, secret: str | None = None, authid: str | None = None) -> AnySession:
    """Opens the session's connection and joins the realm, as nobody, by name only, or with a secret by WAMP-CRA."""
    headers = {"Sec-WebSocket-Protocol": session.notation.subprotocol}
    await picows.ws_connect(lambda: session, url, extra_headers=headers, ssl_context=_tls(url))
    encode = session.notation.encode
    if secret is None:
        details = DETAILS if authid is None else {**DETAILS, "authid": authid}
        await session.request(encode([HELLO, "realm1", details]), WELCOME)
        return session
    proven = {**DETAILS, "authid": USER, "authmethods": ["wampcra"]}
    challenge = await session.request(encode([HELLO, "realm1", proven]), CHALLENGE)
    signature = auth.compute_wcs(secret.encode(), challenge[2]["challenge"].encode()).decode()
    await session.request(encode([AUTHENTICATE, signature, {}]), WELCOME)
    return session


def _tls(url: str) -> ssl.SSLContext | None:
    """For a certificate that the benchmark has made itself: nobody vouches for it."""
    if not url.startswith("wss:"):
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Callee(Session):
    """Answers each invocation with a YIELD of its own, in one write each, as the client libraries do."""

    def __init__(self, args: bytes, on_close: Callable[[], None], notation: Notation) -> None:
        super().__init__(on_close, notation)
        self._head, self._tail = notation.parts(YIELD, [{}], args)

    def received(self, message: bytes) -> None:
        kind, request = self.notation.read(message)
        if kind != INVOCATION:
            super().received(message)
        self.send(self._head(request) + self._tail)


class Caller(Session):
    """Reports each answer. Request ids are numbered from 1, calls from 0."""

    def __init__(self, on_reply: OnReply, on_close: Callable[[], None], notation: Notation) -> None:
        super().__init__(on_close, notation)
        self._on_reply = on_reply

    def received(self, message: bytes) -> None:
        kind, request = self.notation.read(message)
        if kind not in (RESULT, ERROR):
            super().received(message)
        self._on_reply(request - 1, kind == RESULT)


class Holder(Session):
    """Has many subscriptions. Some are asked for at a time: nexus drops its answers to who asks for too many."""

    async def subscribe_all(self, wanted: Sequence[tuple[dict[str, object], str]]) -> None:
        """SUBSCRIBE with these options to these topics; returns when all are answered."""
        for begin in range(0, len(wanted), ASKED_AT_ONCE):
            some = wanted[begin : begin + ASKED_AT_ONCE]
            self._missing, self._all = len(some), asyncio.get_running_loop().create_future()
            for number, (options, topic) in enumerate(some, begin + 1):
                self.send(self.notation.encode([SUBSCRIBE, number, options, topic]))
            await asyncio.wait_for(self._all, REPLY_TIMEOUT_S)

    def received(self, message: bytes) -> None:
        if self.notation.read(message)[0] != SUBSCRIBED:
            super().received(message)
        self._missing -= 1
        if not self._missing:
            self._all.set_result(None)

    _missing: int
    _all: asyncio.Future[None]
