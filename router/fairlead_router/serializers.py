"""Serializers: bytes to messages and messages to bytes, for JSON, MessagePack and CBOR.

Decoding checks every type and bound of the message's head in C and leaves args and kwargs as bytes.
Encoding writes the head and splices in payload bytes of the same serializer: no payload is parsed.
An array header of MessagePack and CBOR is one byte for up to 15 elements, more than any message has.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol

import cbor2
import msgspec

from fairlead_router.errors import ProtocolViolation
from fairlead_router.messages import ABSENT, Message, Received
from fairlead_router.payload import NO_PAYLOAD, Payload
from fairlead_router.transcode import Codec


class Serializer(Protocol):
    """One way of writing messages. `subprotocol` is its name in the WebSocket handshake."""

    codec: Codec
    subprotocol: str
    is_text: bool

    def decode(self, data: bytes) -> Received:
        """Raises ProtocolViolation, which says where the message is wrong."""

    def encode(self, message: Message, payload: Payload) -> bytes:
        """`payload` must be in this serializer already (`Payload.to`)."""


class _TypedSerializer:
    """What JSON and MessagePack share: msgspec decodes the head and checks it."""

    def __init__(self, read: Callable[[bytes], Received], write: Callable[[Message], bytes]) -> None:
        self._read = read
        self._write = write

    def decode(self, data: bytes) -> Received:
        """Raises ProtocolViolation, which says where the message is wrong."""
        try:
            return self._read(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise _malformed(error) from error


class JsonSerializer(_TypedSerializer):
    """`wamp.2.json`."""

    codec: Codec = "json"
    subprotocol = "wamp.2.json"
    is_text = True

    def __init__(self) -> None:
        super().__init__(msgspec.json.Decoder(Received).decode, msgspec.json.Encoder().encode)

    def encode(self, message: Message, payload: Payload) -> bytes:
        """`payload` must be in this serializer already."""
        head = self._write(message)
        if payload.kwargs_bytes:
            return b"%b,%b,%b]" % (head[:-1], payload.args_bytes or b"[]", payload.kwargs_bytes)
        if payload.args_bytes:
            return b"%b,%b]" % (head[:-1], payload.args_bytes)
        return head


class MessagePackSerializer(_TypedSerializer):
    """`wamp.2.msgpack`."""

    codec: Codec = "msgpack"
    subprotocol = "wamp.2.msgpack"
    is_text = False

    def __init__(self) -> None:
        super().__init__(msgspec.msgpack.Decoder(Received).decode, msgspec.msgpack.Encoder().encode)

    def encode(self, message: Message, payload: Payload) -> bytes:
        """`payload` must be in this serializer already."""
        return _with_payload(self._write(message), payload, empty_array=b"\x90")


class CborSerializer:
    """`wamp.2.cbor`. cbor2 has no lazy value: the message is read item by item, the payload cut out by position."""

    codec: Codec = "cbor"
    subprotocol = "wamp.2.cbor"
    is_text = False

    def decode(self, data: bytes) -> Received:
        """Raises ProtocolViolation, which says where the message is wrong."""
        try:
            head, payload = _split_cbor(data)
            message: Received = msgspec.convert(head, Received)
        except (cbor2.CBORDecodeError, msgspec.DecodeError, RecursionError, UnicodeDecodeError, TypeError) as error:
            raise _malformed(error) from error
        if payload:
            _attach_payload(message, payload)
        return message

    def encode(self, message: Message, payload: Payload) -> bytes:
        """`payload` must be in this serializer already."""
        return _with_payload(cbor2.dumps(msgspec.to_builtins(message)), payload, empty_array=b"\x80")


_CBOR_ARRAY = 0x80
_LARGEST_SHORT_INTEGER = 0xFFFFFFFF
_CBOR_LONGEST_SHORT_ARRAY = 0x97
_PAYLOAD_POSITION = {8: 5, 16: 4, 48: 4, 70: 3}
"""Message type -> index of its args: ERROR, PUBLISH, CALL, YIELD."""


class _InertTags(dict[int, Any]):
    """Every tagged item becomes one object that no message takes: cbor2's own table would act on it.

    In a payload only its length matters here; transcode.py refuses the tag where the payload is read.
    """

    def __getitem__(self, tag: int) -> Callable[[Any, bool], object]:
        return _skip_tagged


_TAGGED = object()
_INERT_TAGS = _InertTags()


def _skip_tagged(_value: Any, _immutable: bool) -> object:
    return _TAGGED


def _split_cbor(data: bytes) -> tuple[list[Any], list[msgspec.Raw]]:
    """The decoded head of a message and the undecoded items of its payload. A definite short array is required."""
    if not data or not _CBOR_ARRAY <= data[0] <= _CBOR_LONGEST_SHORT_ARRAY:
        raise msgspec.ValidationError("a message must be an array of definite length")
    stream = BytesIO(data)
    stream.seek(1)
    decoder = cbor2.CBORDecoder(stream, semantic_decoders=_INERT_TAGS)
    head: list[Any] = []
    payload: list[msgspec.Raw] = []
    payload_position = len(data)
    for index in range(data[0] - _CBOR_ARRAY):
        start = stream.tell()
        value = decoder.decode()
        if index == 0 and isinstance(value, int):
            payload_position = _PAYLOAD_POSITION.get(value, payload_position)
        if index < payload_position:
            head.append(id_of_javascript(value))
        elif len(payload) < 2:
            payload.append(msgspec.Raw(data[start : stream.tell()]))
        else:
            raise msgspec.ValidationError("a message has elements behind its kwargs")
    if stream.tell() != len(data):
        raise msgspec.ValidationError(f"{len(data) - stream.tell()} bytes follow the message")
    return head, payload


def id_of_javascript(value: Any) -> Any:
    """cbor-x, of wampy and many others, has floats only for what exceeds 32 bits, as most of our ids do."""
    if isinstance(value, float) and value > _LARGEST_SHORT_INTEGER and value.is_integer():
        return int(value)
    return value


def _attach_payload(message: Any, payload: list[msgspec.Raw]) -> None:
    message.args = payload[0]
    if len(payload) > 1:
        message.kwargs = payload[1]


def _with_payload(head: bytes, payload: Payload, empty_array: bytes) -> bytes:
    """The head with its array header raised by one or two, then the payload."""
    if payload.kwargs_bytes:
        return b"%c%b%b%b" % (head[0] + 2, head[1:], payload.args_bytes or empty_array, payload.kwargs_bytes)
    if payload.args_bytes:
        return b"%c%b%b" % (head[0] + 1, head[1:], payload.args_bytes)
    return head


def _malformed(error: Exception) -> ProtocolViolation:
    if isinstance(error, RecursionError):
        return ProtocolViolation("message is nested too deeply")
    return ProtocolViolation(f"malformed message: {error}")


def payload_of(message: Any, codec: Codec) -> Payload:
    """The payload of a received message that has `args` and `kwargs`."""
    args = bytes(message.args)
    if not args:
        return NO_PAYLOAD
    return Payload(codec, args, b"" if message.kwargs is ABSENT else bytes(message.kwargs))


SERIALIZERS: tuple[Serializer, ...] = (JsonSerializer(), MessagePackSerializer(), CborSerializer())
"""In the order of preference, for a client that offers several and prefers none."""

BY_CODEC = {serializer.codec: serializer for serializer in SERIALIZERS}
