"""WAMP's serializers, as the load generator needs them: requests from constant bytes, and which request is answered."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import picows

ERROR = 8


class Notation(Protocol):
    """One serializer."""

    subprotocol: str
    frame_type: picows.WSMsgType
    marker: bytes
    """Occurs exactly once in each event."""

    def args(self, payload_bytes: int) -> bytes:
        """Encoded arguments: a string of this length, which begins with the marker."""
        ...

    def encode(self, message: list[Any]) -> bytes: ...

    def decode(self, message: bytes) -> Any: ...

    def parts(self, kind: int, rest: list[Any], args: bytes) -> tuple[Callable[[int], bytes], bytes]:
        """A message `[kind, request id, *rest, args]`: what makes its begin from the id, and the rest."""
        ...

    def read(self, message: bytes) -> tuple[int, int]:
        """The type of a message and the id of its request, also where it is an ERROR."""
        ...

    def framed(self, message: bytes) -> bytes:
        """As a WebSocket frame of a client, whose mask is zero."""
        ...


class Json:
    """`wamp.2.json`."""

    subprotocol = "wamp.2.json"
    frame_type = picows.WSMsgType.TEXT
    marker = b"#"

    def __init__(self) -> None:
        self.encode = msgspec.json.encode
        self.decode = msgspec.json.decode

    def args(self, payload_bytes: int) -> bytes:
        check_marker(payload_bytes)
        return b'["' + _text(self.marker, payload_bytes) + b'"]'

    def parts(self, kind: int, rest: list[Any], args: bytes) -> tuple[Callable[[int], bytes], bytes]:
        begin = b"[%d," % kind
        return lambda number: b"%b%d" % (begin, number), b",%b,%b]" % (self.encode(rest)[1:-1], args)

    def read(self, message: bytes) -> tuple[int, int]:
        begin, end = 1, message.index(b",")
        kind = int(message[begin:end])
        if kind == ERROR:
            end = message.index(b",", end + 1)
        begin, end = end + 1, message.index(b",", end + 1)
        return kind, int(message[begin:end])

    def framed(self, message: bytes) -> bytes:
        return _framed(0x81, message)


class MessagePack:
    """`wamp.2.msgpack`. An id may hold any byte, so the marker is longer than what could be there by chance."""

    subprotocol = "wamp.2.msgpack"
    frame_type = picows.WSMsgType.BINARY
    marker = b"#~#!"

    def __init__(self) -> None:
        self.encode = msgspec.msgpack.encode
        self.decode = msgspec.msgpack.decode

    def args(self, payload_bytes: int) -> bytes:
        return self.encode([_text(self.marker, payload_bytes).decode()])

    def parts(self, kind: int, rest: list[Any], args: bytes) -> tuple[Callable[[int], bytes], bytes]:
        begin, encode = bytes((0x90 + 3 + len(rest), kind)), self.encode
        return lambda number: begin + encode(number), self.encode(rest)[1:] + args

    def read(self, message: bytes) -> tuple[int, int]:
        kind = message[1]
        return kind, _unsigned(message, 3 if kind == ERROR else 2)

    def framed(self, message: bytes) -> bytes:
        return _framed(0x82, message)


JSON = Json()
MESSAGE_PACK = MessagePack()


def _text(marker: bytes, payload_bytes: int) -> bytes:
    return marker + b"x" * (payload_bytes - len(marker))


def _unsigned(message: bytes, at: int) -> int:
    """MessagePack's unsigned integer there."""
    first = message[at]
    if first < 0x80:
        return first
    size = 1 << (first - 0xCC)  # 0xCC to 0xCF: 1, 2, 4, 8 bytes
    return int.from_bytes(message[at + 1 : at + 1 + size], "big")


def _framed(opcode: int, message: bytes) -> bytes:
    size = len(message)
    if size < 126:
        return struct.pack("!BBI", opcode, 0x80 | size, 0) + message
    if size < 1 << 16:
        return struct.pack("!BBHI", opcode, 0x80 | 126, size, 0) + message
    return struct.pack("!BBQI", opcode, 0x80 | 127, size, 0) + message


def check_marker(payload_bytes: int) -> None:
    """Raises ValueError where the length in the header of an event's frame could contain JSON's marker.

    An EVENT is the payload and 10 to 190 bytes around it (ids, details); every byte else is JSON without a '#'.
    """
    (marker,) = Json.marker
    for length in range(payload_bytes + 10, payload_bytes + 190):
        header = length.to_bytes(2 if length < 1 << 16 else 8, "big") if length > 125 else bytes([length])
        if marker in header:
            raise ValueError(f"a payload of {payload_bytes} B can make frames whose length holds the byte '#'")
