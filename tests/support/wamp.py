"""A raw WAMP client on a real socket, for tests of the wire: lists go in and out, and every frame can be made wrong.

    async with await Client.connect(port) as client:
        await client.join()
        assert await client.ask([32, 1, {}, "com.x"]) == [33, 1, 4711]

Where a port is asked for, the path of a Unix socket or (host, port) does as well. RawSocketClient is the same over
RawSocket.

It checks nothing and answers nothing by itself (no GOODBYE, no PONG, no close frame), and can stop reading.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
import struct
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Any

import cbor2
import msgspec

from fairlead_router.transcode import Codec

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
RAW_MESSAGE, RAW_PING, RAW_PONG = 0, 1, 2
Where = int | str | tuple[str, int]
RAW_SERIALIZERS: dict[Codec, int] = {"json": 1, "msgpack": 2, "cbor": 3}
ROLES: dict[str, Any] = {"publisher": {}, "subscriber": {}, "caller": {}, "callee": {}}


class ClosedError(Exception):
    """The router has closed: with this close frame, or (0, "") without one."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code} {reason}")
        self.code = code
        self.reason = reason


class RefusedError(Exception):
    """The handshake was answered by something else than 101."""

    def __init__(self, status: int, head: str, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.head = head
        self.body = body


class HandshakeError(Exception):
    """The RawSocket handshake was answered by this error."""

    def __init__(self, number: int) -> None:
        super().__init__(f"RawSocket handshake error {number}")
        self.number = number


class Client:
    """One connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, codec: Codec, is_batched: bool = False
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.codec: Codec = codec
        self.is_batched = is_batched
        self.session_id = 0
        self.bytes_received = 0
        self.answer = ""
        """The head of the router's answer to the handshake."""
        self._batch: deque[bytes] = deque()

    # ---- opening and closing ----

    @classmethod
    async def connect(
        cls,
        where: Where,
        codec: Codec = "json",
        *,
        path: str = "/ws",
        headers: dict[str, str] | None = None,
        receive_buffer: int | None = None,
        is_batched: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> Client:
        """Shake hands. Raises RefusedError. A small `receive_buffer` makes a client that stops reading felt at once."""
        reader, writer = await dial(where, receive_buffer, tls)
        fields = {
            "Host": f"127.0.0.1:{where}" if isinstance(where, int) else "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": f"wamp.2.{codec}.batched" if is_batched else f"wamp.2.{codec}",
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        try:
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
            status = int(answer.split(" ", 2)[1])
            if status != 101:
                raise RefusedError(status, answer, (await reader.read()).decode())
        except BaseException:
            writer.close()
            raise
        client = cls(reader, writer, codec, is_batched)
        client.answer = answer
        return client

    @classmethod
    async def joined(
        cls, where: Where, codec: Codec = "json", receive_buffer: int | None = None, **details: Any
    ) -> Client:
        """Connected, with an open session."""
        client = await cls.connect(where, codec, receive_buffer=receive_buffer)
        await client.join(**details)
        return client

    async def join(self, roles: dict[str, Any] | None = None, **details: Any) -> list[Any]:
        """Returns WELCOME."""
        welcome = await self.ask([1, "realm1", {"roles": roles or ROLES, **details}])
        assert welcome[0] == 2, welcome
        self.session_id = welcome[1]
        return welcome

    async def close(self) -> None:
        """Close the socket without a word."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    def reset(self) -> None:
        self.writer.transport.abort()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    # ---- sending ----

    def send(self, *messages: list[Any]) -> None:
        """Whole messages, in one write."""
        opcode = TEXT if self.codec == "json" else BINARY
        bodies = [dumps(self.codec, message) for message in messages]
        if self.is_batched:
            bodies = [b"".join(batch_part(self.codec, body) for body in bodies)]
        self.writer.write(b"".join(frame(opcode, body) for body in bodies))

    def send_frame(self, opcode: int, payload: bytes, **how: Any) -> None:
        """One frame, right or wrong: see `frame`."""
        self.writer.write(frame(opcode, payload, **how))

    async def ask(self, *messages: list[Any]) -> list[Any]:
        """Send, and return the next message that arrives."""
        self.send(*messages)
        return await self.receive()

    async def subscribe(self, topic: str, **options: Any) -> int:
        answer = await self.ask([32, 1000, options, topic])
        assert answer[0] == 33, answer
        subscription: int = answer[2]
        return subscription

    # ---- receiving ----

    async def receive(self) -> list[Any]:
        """The next message. Raises ClosedError."""
        while True:
            if self._batch:
                message: list[Any] = loads(self.codec, self._batch.popleft())
                return message
            opcode, payload = await self.receive_frame()
            if opcode in (TEXT, BINARY):
                self._batch.extend(batch_parts(self.codec, payload) if self.is_batched else [payload])
            if opcode == CLOSE:
                code = struct.unpack("!H", payload[:2])[0] if payload else 1005
                raise ClosedError(code, payload[2:].decode())

    async def receive_frame(self) -> tuple[int, bytes]:
        """The next frame. Raises ClosedError(0) when there is none any more."""
        try:
            first, size = await self.reader.readexactly(2)
            if size == 126:
                [size] = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                [size] = struct.unpack("!Q", await self.reader.readexactly(8))
            payload = await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise ClosedError(0, "") from error
        assert first & 0x80, "the router sends no fragments"
        self.bytes_received += size
        return first & 0x0F, payload

    async def receive_until(self, message_type: int) -> list[list[Any]]:
        """All messages up to and with the first of this type."""
        messages = [await self.receive()]
        while messages[-1][0] != message_type:
            messages.append(await self.receive())
        return messages

    async def closed(self, only: int | None = None) -> ClosedError:
        """Read until the router has closed, whatever comes before, or only messages of one type."""
        while True:
            try:
                message = await self.receive()
            except ClosedError as end:
                return end
            assert only in {None, message[0]}, message

    async def frames_left(self) -> set[int]:
        """The opcodes of all frames that still come before the end of the connection."""
        opcodes = set()
        while True:
            try:
                opcodes.add((await self.receive_frame())[0])
            except ClosedError:
                return opcodes

    def stop_reading(self) -> None:
        """Leave what comes to the kernel. Works best with a small receive_buffer."""
        transport: Any = self.writer.transport
        transport.pause_reading()

    def read_on(self) -> None:
        transport: Any = self.writer.transport
        transport.resume_reading()


class RawSocketClient(Client):
    """One RawSocket connection. `longest` is the LENGTH that it announces: 2 ** (9 + longest) bytes."""

    @classmethod
    async def connect(
        cls,
        where: Where,
        codec: Codec = "json",
        *,
        longest: int = 15,
        receive_buffer: int | None = None,
        tls: ssl.SSLContext | None = None,
        **_: Any,
    ) -> Client:
        """Shake hands. Raises HandshakeError."""
        reader, writer = await dial(where, receive_buffer, tls)
        writer.write(bytes([0x7F, longest << 4 | RAW_SERIALIZERS[codec], 0, 0]))
        try:
            magic, answer, *reserved = await reader.readexactly(4)
            assert (magic, reserved) == (0x7F, [0, 0])
            if not answer & 0x0F:
                raise HandshakeError(answer >> 4)
            assert answer & 0x0F == RAW_SERIALIZERS[codec]
        except BaseException:
            writer.close()
            raise
        return cls(reader, writer, codec)

    def send(self, *messages: list[Any]) -> None:
        self.writer.write(b"".join(raw_frame(RAW_MESSAGE, dumps(self.codec, message)) for message in messages))

    async def receive(self) -> list[Any]:
        while True:
            kind, payload = await self.receive_frame()
            if kind == RAW_MESSAGE:
                message: list[Any] = loads(self.codec, payload)
                return message

    async def receive_frame(self) -> tuple[int, bytes]:
        try:
            [prefix] = struct.unpack("!I", await self.reader.readexactly(4))
            payload = await self.reader.readexactly(prefix & 0xFF_FFFF or (prefix >> 27 & 1) << 24)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise ClosedError(0, "") from error
        self.bytes_received += len(payload)
        return prefix >> 24 & 7, payload


def raw_frame(kind: int, payload: bytes) -> bytes:
    """A RawSocket frame; `kind` is the whole first octet."""
    return struct.pack("!I", kind << 24 | len(payload)) + payload


def batch_part(codec: Codec, body: bytes) -> bytes:
    """A message as a part of a batch."""
    return body + b"\x1e" if codec == "json" else struct.pack("!I", len(body)) + body


def batch_parts(codec: Codec, batch: bytes) -> list[bytes]:
    """A batch taken apart."""
    if codec == "json":
        *parts, rest = batch.split(b"\x1e")
        assert rest == b""
        return parts
    parts = []
    while batch:
        [size] = struct.unpack_from("!I", batch)
        parts.append(batch[4 : 4 + size])
        batch = batch[4 + size :]
    return parts


async def dial(
    where: Where, receive_buffer: int | None = None, tls: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection to a port of this machine, to a Unix socket, or to another host."""
    bare = socket.socket(socket.AF_UNIX) if isinstance(where, str) else socket.socket()
    bare.setblocking(False)
    if receive_buffer is not None:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        address: Any = ("127.0.0.1", where) if isinstance(where, int) else where
        await asyncio.get_running_loop().sock_connect(bare, address)
        name = None if tls is None else "localhost"
        return await asyncio.open_connection(sock=bare, limit=receive_buffer or 1 << 22, ssl=tls, server_hostname=name)
    except BaseException:
        bare.close()
        raise


def frame(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0, is_masked: bool = True) -> bytes:
    """A client's frame (RFC 6455, 5.2). The mask is zero, so that what is on the wire can be read."""
    size = len(payload)
    mask_bit = 0x80 if is_masked else 0
    if size < 126:
        length = bytes([mask_bit | size])
    elif size < 1 << 16:
        length = struct.pack("!BH", mask_bit | 126, size)
    else:
        length = struct.pack("!BQ", mask_bit | 127, size)
    return (
        bytes([(0x80 if fin else 0) | reserved << 4 | opcode]) + length + (b"\0\0\0\0" if is_masked else b"") + payload
    )


def dumps(codec: Codec, message: Any) -> bytes:
    """A message, or any value, in a serializer, unchecked."""
    if codec == "json":
        return msgspec.json.encode(message)
    if codec == "msgpack":
        return msgspec.msgpack.encode(message)
    return cbor2.dumps(message)


def loads(codec: Codec, data: bytes) -> Any:
    if codec == "json":
        return msgspec.json.decode(data)
    if codec == "msgpack":
        return msgspec.msgpack.decode(data)
    return cbor2.loads(data)
