"""RawSocket on the wire: the handshake and the frames (spec: Advanced Profile, RawSocket Transport). No I/O.

The handshake is four octets each way: 0x7F, then LENGTH and SERIALIZER in one, then two reserved ones. A
frame is a prefix of four octets (type, 24 bits of length, and a 25th for exactly 16 MiB) and its payload.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from functools import cache

import msgspec

from fairlead_router.errors import ProtocolViolation
from fairlead_router.limits import Limits
from fairlead_router.messages import Message
from fairlead_router.outbox import ByteWire
from fairlead_router.oversize import shortened
from fairlead_router.payload import Payload
from fairlead_router.serializers import BY_CODEC, Serializer
from fairlead_router.transcode import Codec

MAGIC = 0x7F
HANDSHAKE_BYTES = 4

_CODECS: dict[int, Codec] = {1: "json", 2: "msgpack", 3: "cbor"}
_SHORTEST = 9
"""LENGTH 0 means 2**9 octets."""
_LONGEST = 24
_LONGEST_BYTES = 1 << _LONGEST

_PREFIX = struct.Struct("!I")
_LENGTH_BITS = 0x00FF_FFFF
_EXTRA_BIT = 0x0800_0000
_RESERVED_BITS = 0xF000_0000
_TYPE_SHIFT = 24
_TYPE_BITS = 0b111


class HandshakeError(IntEnum):
    """Why a handshake is refused."""

    SERIALIZER_UNSUPPORTED = 1
    LENGTH_UNACCEPTABLE = 2
    RESERVED_BITS = 3
    CONNECTION_COUNT = 4

    def reply(self) -> bytes:
        """The four octets that say so."""
        return bytes([MAGIC, self << 4, 0, 0])


class FrameType(IntEnum):
    """What a frame carries."""

    MESSAGE = 0
    PING = 1
    PONG = 2


class RawSocketWire(ByteWire):
    """Messages of one serializer as RawSocket frames, none longer than `max_bytes`.

    One instance for all connections that have both in common, so frames are shared.
    """

    def __init__(self, serializer: Serializer, max_bytes: int) -> None:
        self.codec: Codec = serializer.codec
        self.max_bytes = max_bytes
        self._encode = serializer.encode

    def frame(self, message: Message, payload: Payload) -> bytes:
        """One frame. Raises PayloadSizeExceeded or ProtocolViolation if there is none that the peer takes."""
        body = self._encode(message, payload.to(self.codec))
        if len(body) > self.max_bytes:
            body = shortened(message, len(body), self._encode, self.max_bytes)
        return frame(FrameType.MESSAGE, body)


class Handshake(msgspec.Struct, frozen=True):
    """What a client asks for, accepted."""

    serializer: Serializer
    wire: RawSocketWire
    reply: bytes


def accept(request: bytes, limits: Limits) -> Handshake | HandshakeError:
    """Judge the first four octets of a client, the first of which is MAGIC."""
    codec = _CODECS.get(request[1] & 0x0F)
    longest_bytes = 1 << ((request[1] >> 4) + _SHORTEST)
    if request[2] or request[3]:
        return HandshakeError.RESERVED_BITS
    if codec is None:
        return HandshakeError.SERIALIZER_UNSUPPORTED
    if longest_bytes < limits.rawsocket_message_bytes:
        return HandshakeError.LENGTH_UNACCEPTABLE
    length = longest_message(limits).bit_length() - 1 - _SHORTEST
    reply = bytes([MAGIC, length << 4 | request[1] & 0x0F, 0, 0])
    return Handshake(BY_CODEC[codec], _wire(codec, longest_bytes), reply)


@cache
def _wire(codec: Codec, max_bytes: int) -> RawSocketWire:
    """At most three serializers times sixteen lengths."""
    return RawSocketWire(BY_CODEC[codec], max_bytes)


def longest_message(limits: Limits) -> int:
    """What we announce: the greatest power of two that is not above `message_bytes`, as far as LENGTH reaches."""
    exponent = limits.message_bytes.bit_length() - 1
    return 1 << min(max(exponent, _SHORTEST), _LONGEST)


def frame(kind: FrameType, payload: bytes) -> bytes:
    """A frame of any type."""
    size = len(payload)
    length = _EXTRA_BIT if size == _LONGEST_BYTES else size
    return _PREFIX.pack(kind << _TYPE_SHIFT | length) + payload


class FrameReader:
    """Bytes in, frames out, however the bytes are split. Keeps what is not whole yet: one frame at most."""

    __slots__ = ("_max_bytes", "_rest")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[FrameType, bytes]]:
        """The frames that are whole now. Raises ProtocolViolation behind the last good one; nothing is read then."""
        unread: bytes | bytearray = data
        if self._rest:
            self._rest += data
            unread, self._rest = self._rest, bytearray()
        position = 0
        with memoryview(unread) as view:
            while len(view) - position >= _PREFIX.size:
                kind, length = self._prefix(_PREFIX.unpack_from(view, position)[0])
                start = position + _PREFIX.size
                if len(view) - start < length:
                    break
                position = start + length
                yield kind, bytes(view[start:position])
        if isinstance(unread, bytearray) and not position:
            self._rest = unread  # a long frame comes in many pieces: it is not copied with each
        elif position < len(unread):
            self._rest = bytearray(unread[position:])

    def _prefix(self, prefix: int) -> tuple[FrameType, int]:
        length = prefix & _LENGTH_BITS
        kind = prefix >> _TYPE_SHIFT & _TYPE_BITS
        if prefix & _RESERVED_BITS or kind not in _FRAME_TYPES:
            raise ProtocolViolation(f"frame prefix 0x{prefix:08x} has reserved bits or an unknown type")
        if prefix & _EXTRA_BIT:
            if length:
                raise ProtocolViolation(f"frame prefix 0x{prefix:08x} has the 25th length bit and others")
            length = _LONGEST_BYTES
        if length > self._max_bytes:
            raise ProtocolViolation(f"a frame of {length} bytes came where {self._max_bytes} were agreed")
        return _FRAME_TYPES[kind], length


_FRAME_TYPES = {int(kind): kind for kind in FrameType}
