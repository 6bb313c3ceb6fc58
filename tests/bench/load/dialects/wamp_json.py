"""WAMP in JSON over WebSocket, with as little work per message as Python allows.

picows does the WebSocket; requests are built from constant bytes; of what arrives in the measured part only the
request id is read. A subscriber's connection goes further: once subscribed, its socket is handed to a receiver
that counts bytes and parses no frames at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import picows

from bench.load.dialects.base import OnReply

HELLO = b'[1,"realm1",{"agent":"bench","roles":{"publisher":{},"subscriber":{},"caller":{},"callee":{}}}]'
WELCOME, SUBSCRIBED, REGISTERED = 2, 33, 65
RESULT_PREFIX, INVOCATION_PREFIX, CALL_ERROR_PREFIX = b"[50,", b"[68,", b"[8,48,"
TEXT = picows.WSMsgType.TEXT
SUBPROTOCOL = {"Sec-WebSocket-Protocol": "wamp.2.json"}
REPLY_TIMEOUT_S = 30.0
MARKER = ord("#")


class UnexpectedMessageError(Exception):
    """The router sent something else than what must come now."""


class WampJson:
    """See Dialect."""

    marker = MARKER

    def __init__(self, url: str, payload_bytes: int) -> None:
        check_marker(payload_bytes)
        self._url = url
        self._args = b'["#' + b"x" * (payload_bytes - 1) + b'"]'

    async def subscribe(self, topic: str, receiver: asyncio.BufferedProtocol) -> None:
        session = await join(self._url, Session())
        await session.request(b'[32,1,{},"%s"]' % topic.encode(), SUBSCRIBED)
        session.transport.underlying_transport.set_protocol(receiver)

    async def publisher(self, topic: str, on_close: Callable[[], None]) -> Callable[[], None]:
        session = await join(self._url, Session(on_close))
        tail = b',{},"%s",%s]' % (topic.encode(), self._args)
        send, request = session.transport.send, 0

        def publish() -> None:
            nonlocal request
            request += 1
            send(TEXT, b"[16,%d%s" % (request, tail))

        return publish

    async def callee(self, procedure: str, on_close: Callable[[], None]) -> None:
        callee = await join(self._url, Callee(self._args, on_close))
        await callee.request(b'[64,1,{},"%s"]' % procedure.encode(), REGISTERED)

    async def caller(self, procedure: str, on_reply: OnReply, on_close: Callable[[], None]) -> Callable[[], None]:
        caller = await join(self._url, Caller(on_reply, on_close))
        tail = b',{},"%s",%s]' % (procedure.encode(), self._args)
        send, request = caller.transport.send, 0

        def call() -> None:
            nonlocal request
            request += 1
            send(TEXT, b"[48,%d%s" % (request, tail))

        return call


class Session(picows.WSListener):
    """A connection on which one request at a time is made and answered: what comes before the measured part."""

    transport: picows.WSTransport

    def __init__(self, on_close: Callable[[], None] = lambda: None) -> None:
        self._on_close = on_close
        self._reply: asyncio.Future[Any] | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    async def request(self, message: bytes, answer: int) -> list[Any]:
        """Sends a message; the next one to arrive must be of the type `answer`."""
        self._reply = asyncio.get_running_loop().create_future()
        self.transport.send(TEXT, message)
        reply: list[Any] = await asyncio.wait_for(self._reply, REPLY_TIMEOUT_S)
        self._reply = None
        if reply[0] != answer:
            raise UnexpectedMessageError(f"{reply} came in answer to {message.decode()}")
        return reply

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type is not TEXT:
            return
        if self._reply is None:
            self.received(frame.get_payload_as_bytes())
        elif not self._reply.done():
            self._reply.set_result(msgspec.json.decode(frame.get_payload_as_bytes()))

    def received(self, message: bytes) -> None:
        """A message of the measured part."""
        raise UnexpectedMessageError(f"{message.decode()} is not expected here")

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._on_close()
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(UnexpectedMessageError("the router closed the connection"))


AnySession = TypeVar("AnySession", bound=Session)


async def join(url: str, session: AnySession) -> AnySession:
    """Opens the session's connection and joins the realm."""
    await picows.ws_connect(lambda: session, url, extra_headers=SUBPROTOCOL)
    await session.request(HELLO, WELCOME)
    return session


class Callee(Session):
    """Answers each invocation with a YIELD of its own, in one write each, as the client libraries do."""

    def __init__(self, args: bytes, on_close: Callable[[], None]) -> None:
        super().__init__(on_close)
        self._tail = b",{},%s]" % args

    def received(self, message: bytes) -> None:
        if not message.startswith(INVOCATION_PREFIX):
            super().received(message)
        self.transport.send(TEXT, b"[70,%s%s" % (message[4 : message.index(b",", 4)], self._tail))


class Caller(Session):
    """Reports each answer. Request ids are numbered from 1, calls from 0."""

    def __init__(self, on_reply: OnReply, on_close: Callable[[], None]) -> None:
        super().__init__(on_close)
        self._on_reply = on_reply

    def received(self, message: bytes) -> None:
        if message.startswith(RESULT_PREFIX):
            self._on_reply(int(message[4 : message.index(b",", 4)]) - 1, True)
        elif message.startswith(CALL_ERROR_PREFIX):
            self._on_reply(int(message[6 : message.index(b",", 6)]) - 1, False)
        else:
            super().received(message)


def check_marker(payload_bytes: int) -> None:
    """Raises ValueError where the length in the header of an event's frame could contain the marker.

    An EVENT is the payload and 10 to 120 bytes around it (ids, details); every byte else is JSON without a '#'.
    """
    for length in range(payload_bytes + 10, payload_bytes + 120):
        header = length.to_bytes(2 if length < 1 << 16 else 8, "big") if length > 125 else bytes([length])
        if MARKER in header:
            raise ValueError(f"a payload of {payload_bytes} B can make frames whose length holds the byte '#'")
