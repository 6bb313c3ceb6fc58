"""NATS' own text protocol: what an event costs without WAMP and WebSocket, in the server that is known for it.

A call is a request with a reply subject, as NATS' clients make it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar, cast
from urllib.parse import urlsplit

from bench.load.dialects.base import Dialect, OnReply

CONNECT = b'CONNECT {"verbose":false,"pedantic":false}\r\n'
PING, PONG = b"PING\r\n", b"PONG\r\n"
TIMEOUT_S = 30.0
INBOX = b"_INBOX.%d"


class Nats(Dialect):
    """See the module."""

    marker = b"#"

    def __init__(self, url: str, payload_bytes: int) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 0
        payload = self.marker + b"x" * (payload_bytes - 1)
        self._tail = b" %d\r\n%b\r\n" % (len(payload), payload)
        self._inboxes = 0

    async def subscribe(self, topic: str, receiver: asyncio.BufferedProtocol) -> None:
        await self._subscribe(topic, receiver)

    async def publisher(self, topic: str, on_close: Callable[[], None]) -> Callable[[], None]:
        connection = await self._connect(Connection(on_close))
        return self._publish(connection.transport, topic)

    async def link(self, topic: str, receiver: asyncio.BufferedProtocol, to: str) -> Callable[[], None]:
        return self._publish(await self._subscribe(topic, receiver), to)

    async def callee(self, procedure: str, on_close: Callable[[], None]) -> None:
        callee = await self._connect(Callee(self._tail, on_close))
        await callee.ask(b"SUB %b 1\r\n" % procedure.encode())

    async def caller(self, procedure: str, on_reply: OnReply, on_close: Callable[[], None]) -> Callable[[], None]:
        self._inboxes += 1
        inbox = INBOX % self._inboxes
        caller = await self._connect(Caller(on_reply, on_close))
        await caller.ask(b"SUB %b.* 1\r\n" % inbox)
        write, head, number = caller.transport.write, b"PUB %b %b." % (procedure.encode(), inbox), -1

        def call() -> None:
            nonlocal number
            number += 1
            write(b"%b%d%b" % (head, number, self._tail))

        return call

    async def visit(self, secret: str | None = None) -> None:
        (await self._connect(Connection())).leave()

    async def hold(self, topics: Sequence[str], patterns: Sequence[str], on_close: Callable[[], None]) -> None:
        connection = await self._connect(Connection(on_close))
        wanted = [*topics, *(f"{pattern}>" for pattern in patterns)]
        await connection.ask(b"".join(b"SUB %b %d\r\n" % (subject.encode(), at) for at, subject in enumerate(wanted)))

    def _publish(self, transport: asyncio.Transport, topic: str) -> Callable[[], None]:
        message, write = b"PUB %b%b" % (topic.encode(), self._tail), transport.write
        return lambda: write(message)

    async def _subscribe(self, topic: str, receiver: asyncio.BufferedProtocol) -> asyncio.Transport:
        connection = await self._connect(Connection())
        await connection.ask(b"SUB %b 1\r\n" % topic.encode())
        connection.transport.set_protocol(receiver)
        return connection.transport

    async def _connect(self, connection: AnyConnection) -> AnyConnection:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: connection, self._host, self._port)
        await connection.ask(CONNECT)
        return connection


class Connection(asyncio.Protocol):
    """One that sends, and is asked for what comes before the measured part."""

    transport: asyncio.Transport

    def __init__(self, on_close: Callable[[], None] = lambda: None) -> None:
        self._on_close = on_close
        self._rest = b""
        self._ponged: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass of it

    async def ask(self, commands: bytes) -> None:
        """Sends commands; returns when the server has taken them."""
        self._ponged = asyncio.get_running_loop().create_future()
        self.transport.write(commands + PING)
        await asyncio.wait_for(self._ponged, TIMEOUT_S)
        self._ponged = None

    def leave(self) -> None:
        """Closes the connection; that is not told to anybody."""
        self._on_close = lambda: None
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        data, position = self._rest + data, 0
        while (end := data.find(b"\r\n", position)) >= 0:
            line, following = data[position:end], end + 2
            if line.startswith(b"MSG"):
                following += int(line[line.rindex(b" ") + 1 :]) + 2
                if following > len(data):
                    break
                self.received(line)
            elif line == b"PONG":
                if self._ponged is not None and not self._ponged.done():
                    self._ponged.set_result(None)
            elif line == b"PING":
                self.transport.write(PONG)
            position = following
        self._rest = data[position:]

    def received(self, line: bytes) -> None:
        """The head of a message."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_close()


AnyConnection = TypeVar("AnyConnection", bound=Connection)


class Callee(Connection):
    """Answers each request, in one write each."""

    def __init__(self, tail: bytes, on_close: Callable[[], None]) -> None:
        super().__init__(on_close)
        self._tail = tail

    def received(self, line: bytes) -> None:
        self.transport.write(b"PUB %b%b" % (line.split(b" ")[3], self._tail))


class Caller(Connection):
    """Reports each reply, whose subject ends with the call's number."""

    def __init__(self, on_reply: OnReply, on_close: Callable[[], None]) -> None:
        super().__init__(on_close)
        self._on_reply = on_reply

    def received(self, line: bytes) -> None:
        subject = line.split(b" ", 2)[1]
        self._on_reply(int(subject[subject.rindex(b".") + 1 :]), True)
