"""NATS JetStream by its text protocol: each message is acknowledged by the server when its stream has it.

Nothing is parsed but what names the batch. A batch is a hundred messages, one a line, or one message with all lines.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec

from bench.logs.clients.base import Acknowledged
from bench.logs.lines import BATCH_LINES, Check, Lines

STREAM = "bench"
SUBJECT = b"bench.lines"
ASKING = 99
"""Not the number of a producer."""
TIMEOUT_S = 30.0
CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\n'
STORED = b'{"stream":"bench",'


class UnexpectedAnswerError(Exception):
    """The server said something else than that a message is stored."""


class Connection(asyncio.Protocol):
    """One producer's, or the one that asks."""

    def __init__(self, number: int, lines_each: int) -> None:
        self._number = number
        self._lines_each = lines_each
        self.transport: asyncio.Transport
        self._data = b""
        self._acknowledged: dict[int, Acknowledged] = {}
        self._answer: asyncio.Future[Any] | None = None
        self.highest = 0
        """The largest number that a message was stored under."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass of it
        self.transport.write(CONNECT + b"SUB _A.%d.* 1\r\nSUB _Q 2\r\n" % self._number)

    def publish(self, batch: int, messages: bytes, acknowledged: Acknowledged) -> None:
        """Send the messages of a batch, which have the reply subject `_A.<number>.<batch>`."""
        self._acknowledged[batch] = acknowledged
        self.transport.write(messages)

    async def ask(self, subject: str, request: object) -> Any:
        """A request of JetStream's API."""
        self._answer = asyncio.get_running_loop().create_future()
        body = msgspec.json.encode(request)
        self.transport.write(b"PUB $JS.API.%b _Q %d\r\n%b\r\n" % (subject.encode(), len(body), body))
        answer = await asyncio.wait_for(self._answer, TIMEOUT_S)
        if "error" in answer:
            raise UnexpectedAnswerError(str(answer["error"]))
        return answer

    def data_received(self, data: bytes) -> None:
        data, position = self._data + data, 0
        while (end := data.find(b"\r\n", position)) >= 0:
            following = end + 2
            if data.startswith(b"MSG", position):
                header, begin = data[position:end].split(), following
                following += int(header[-1]) + 2
                if following > len(data):
                    break
                self._message(header[1], data[begin : following - 2])
            elif data.startswith(b"PING", position):
                self.transport.write(b"PONG\r\n")
            position = following
        self._data = data[position:]

    def _message(self, subject: bytes, body: bytes) -> None:
        if subject == b"_Q":
            assert self._answer is not None
            self._answer.set_result(msgspec.json.decode(body))
        elif body.startswith(STORED):
            self.highest = max(self.highest, int(body[body.rindex(b":") + 1 : -1]))
            self._acknowledged[int(subject.rpartition(b".")[2])](self._lines_each)
        else:
            raise UnexpectedAnswerError(body.decode())


class JetStream:
    """See Client."""

    def __init__(self, url: str, *, is_batched: bool) -> None:
        self._address = url.removeprefix("nats://").split(":")
        self._lines_each = BATCH_LINES if is_batched else 1
        self._connections: list[Connection] = []
        self._lines: list[Lines] = []

    async def prepare(self) -> None:
        self._asking = await self._connect(ASKING)
        await self._asking.ask(f"STREAM.CREATE.{STREAM}", {"name": STREAM, "subjects": ["bench.*"], "storage": "file"})

    async def connect(self, producer: int) -> None:
        self._connections.append(await self._connect(producer))
        self._lines.append(Lines(producer))

    def send(self, producer: int, batch: int, acknowledged: Acknowledged) -> None:
        texts = self._lines[producer].plain(batch)
        if self._lines_each > 1:
            texts = [b"\n".join(texts)]
        head = b"PUB %b _A.%d.%d %d\r\n" % (SUBJECT, producer, batch, len(texts[0]))
        messages = head + (b"\r\n" + head).join(texts) + b"\r\n"
        self._connections[producer].publish(batch, messages, acknowledged)

    async def stored(self) -> Check:
        """What the server counts; a message is stored once, for every one has a number of its own."""
        state = (await self._asking.ask(f"STREAM.INFO.{STREAM}", {}))["state"]
        check = Check()
        check.lines = state["messages"] * self._lines_each
        check.disordered = state["last_seq"] - max(connection.highest for connection in self._connections)
        return check

    async def _connect(self, number: int) -> Connection:
        host, port = self._address
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(number, self._lines_each), host, int(port)
        )
        return connection
