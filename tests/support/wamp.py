"""A raw WAMP client on a real socket, for tests of the wire: lists go in and out, and every frame can be made wrong.

    async with await Client.connect(port) as client:
        await client.join()
        assert await client.ask([32, 1, {}, "com.x"]) == [33, 1, 4711]

It checks nothing and answers nothing by itself (no GOODBYE, no PONG, no close frame), and can stop reading.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Any

import cbor2
import msgspec

from fairlead_router.transcode import Codec

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
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


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, codec: Codec) -> None:
        self.reader = reader
        self.writer = writer
        self.codec: Codec = codec
        self.session_id = 0
        self.bytes_received = 0

    # ---- opening and closing ----

    @classmethod
    async def connect(
        cls,
        port: int,
        codec: Codec = "json",
        *,
        path: str = "/ws",
        headers: dict[str, str] | None = None,
        receive_buffer: int | None = None,
    ) -> Client:
        """Shake hands. Raises RefusedError. A small `receive_buffer` makes a client that stops reading felt at once."""
        reader, writer = await dial(port, receive_buffer)
        fields = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": f"wamp.2.{codec}",
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
        return cls(reader, writer, codec)

    @classmethod
    async def joined(
        cls, port: int, codec: Codec = "json", receive_buffer: int | None = None, **details: Any
    ) -> Client:
        """Connected, with an open session."""
        client = await cls.connect(port, codec, receive_buffer=receive_buffer)
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
        self.writer.write(b"".join(frame(opcode, dumps(self.codec, message)) for message in messages))

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
            opcode, payload = await self.receive_frame()
            if opcode in (TEXT, BINARY):
                message: list[Any] = loads(self.codec, payload)
                return message
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


async def dial(port: int, receive_buffer: int | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare TCP connection to this machine."""
    bare = socket.socket()
    bare.setblocking(False)
    if receive_buffer is not None:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await asyncio.get_running_loop().sock_connect(bare, ("127.0.0.1", port))
    except BaseException:
        bare.close()
        raise
    return await asyncio.open_connection(sock=bare, limit=receive_buffer or 1 << 22)


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
