"""WebSocket frames that go out: messages of a serializer framed once for all receivers (RFC 6455, 5.2). No I/O.

The plain subprotocols send one message of WAMP a WebSocket message. The batched ones (spec: Advanced
Profile, Message Batching) send all that is written at once as one: its parts are shared, its header is not.
"""

import struct
from collections.abc import Callable

import msgspec

from fairlead_router.errors import ProtocolViolation
from fairlead_router.messages import Message
from fairlead_router.outbox import ByteWire, Wire
from fairlead_router.payload import Payload
from fairlead_router.serializers import SERIALIZERS, Serializer
from fairlead_router.transcode import Codec

_TEXT = 0x81
_BINARY = 0x82
_SHORT = 126
_MEDIUM = 1 << 16

_SEPARATOR = b"\x1e"
_LENGTH = struct.Struct("!I")
_pack_medium = struct.Struct("!BBH").pack


def header(opcode: int, size: int) -> bytes:
    """The header of an unmasked frame that is a whole message."""
    if size < _SHORT:
        return bytes((opcode, size))
    if size < _MEDIUM:
        return _pack_medium(opcode, 126, size)
    return struct.pack("!BBQ", opcode, 127, size)


class WebSocketWire(ByteWire):
    """Messages of one serializer as WebSocket frames. One instance for all connections: frames are shared."""

    def __init__(self, serializer: Serializer) -> None:
        self.codec: Codec = serializer.codec
        self._encode = serializer.encode
        self._opcode = _TEXT if serializer.is_text else _BINARY

    def frame(self, message: Message, payload: Payload) -> bytes:
        """One unmasked frame."""
        body = self._encode(message, payload if payload.codec == self.codec else payload.to(self.codec))
        size = len(body)
        if size < _SHORT:
            return b"%c%c%b" % (self._opcode, size, body)
        if size < _MEDIUM:
            return _pack_medium(self._opcode, 126, size) + body
        return header(self._opcode, size) + body


class BatchedWire(ByteWire):
    """Messages of one serializer as parts of a batch; `message` makes a WebSocket message of several.

    The header of the batch counts for nothing in the bounds.
    """

    def __init__(self, serializer: Serializer) -> None:
        self.codec: Codec = serializer.codec
        self._encode = serializer.encode
        self._is_text = serializer.is_text

    def frame(self, message: Message, payload: Payload) -> bytes:
        """One part: JSON ends with a separator, a binary one begins with its length."""
        body = self._encode(message, payload.to(self.codec))
        return body + _SEPARATOR if self._is_text else _LENGTH.pack(len(body)) + body

    def message(self, parts: list[bytes]) -> bytes:
        """One unmasked frame around these parts."""
        opcode = _TEXT if self._is_text else _BINARY
        return b"".join((header(opcode, sum(map(len, parts))), *parts))


def split_separated(batch: bytes) -> list[bytes]:
    """The messages of a JSON batch. Raises ProtocolViolation."""
    if not batch.endswith(_SEPARATOR):
        raise ProtocolViolation("a batch must have a message, and the separator 0x1E behind each")
    return batch[:-1].split(_SEPARATOR)


def split_prefixed(batch: bytes) -> list[bytes]:
    """The messages of a binary batch. Raises ProtocolViolation."""
    messages: list[bytes] = []
    position = 0
    while position < len(batch):
        start = position + _LENGTH.size
        if start > len(batch):
            raise ProtocolViolation(f"a batch ends inside the length of its message {len(messages)}")
        position = start + int(_LENGTH.unpack_from(batch, start - _LENGTH.size)[0])
        if position > len(batch):
            raise ProtocolViolation(f"a batch ends inside its message {len(messages)}")
        messages.append(batch[start:position])
    if not messages:
        raise ProtocolViolation("a batch must have a message")
    return messages


class Subprotocol(msgspec.Struct, frozen=True):
    """What the client has chosen in the handshake. `split` takes a batch apart, None without batches."""

    name: str
    serializer: Serializer
    wire: Wire
    split: Callable[[bytes], list[bytes]] | None = None

    @property
    def serializer_name(self) -> str:
        """As `PeerDetails.serializer` has it: `json`, `json.batched`."""
        return self.name.removeprefix("wamp.2.")


def _batched(serializer: Serializer) -> Subprotocol:
    split = split_separated if serializer.is_text else split_prefixed
    return Subprotocol(f"{serializer.subprotocol}.batched", serializer, BatchedWire(serializer), split)


SUBPROTOCOLS: dict[str, Subprotocol] = {
    each.name: each
    for serializer in SERIALIZERS
    for each in (Subprotocol(serializer.subprotocol, serializer, WebSocketWire(serializer)), _batched(serializer))
}
"""All that are spoken, by the name in Sec-WebSocket-Protocol."""
