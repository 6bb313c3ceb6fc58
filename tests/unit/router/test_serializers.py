"""Bytes to messages and back: payloads are cut out and spliced in unread."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_router.errors import InvalidArgument, ProtocolViolation
from fairlead_router.messages import Event, Invocation, Published, RevokedSubscription, Unsubscribe
from fairlead_router.payload import NO_PAYLOAD, Payload
from fairlead_router.serializers import SERIALIZERS, CborSerializer, JsonSerializer, Serializer, payload_of
from fairlead_router.transcode import Codec

JSON, MSGPACK, CBOR = SERIALIZERS
LOADS: dict[Codec, Any] = {"json": msgspec.json.decode, "msgpack": msgspec.msgpack.decode, "cbor": cbor2.loads}
EACH = pytest.mark.parametrize("serializer", SERIALIZERS, ids=lambda each: each.codec)


# ---- writing ----


@EACH
@pytest.mark.parametrize(
    ("payload", "tail"),
    [
        (NO_PAYLOAD, []),
        (Payload.from_values([]), []),
        (Payload.from_values([1, "x"]), [[1, "x"]]),
        (Payload.from_values([], {}), [[], {}]),
        (Payload.from_values([], {"k": 1}), [[], {"k": 1}]),
        (Payload("json", b"", b'{"k":1}'), [[], {"k": 1}]),
        (Payload.from_values([{"a": None}], {}), [[{"a": None}], {}]),
    ],
)
def test_payload_is_spliced_in(serializer: Serializer, payload: Payload, tail: list[Any]) -> None:
    encoded = serializer.encode(Event(5, 6, {"topic": "com.x"}), payload.to(serializer.codec))
    assert LOADS[serializer.codec](encoded) == [36, 5, 6, {"topic": "com.x"}, *tail]


@EACH
def test_messages_without_payload(serializer: Serializer) -> None:
    loads = LOADS[serializer.codec]
    assert loads(serializer.encode(Published(1, 2), NO_PAYLOAD)) == [17, 1, 2]
    revoked = RevokedSubscription(0, {"subscription": 7, "reason": "a.b"})
    assert loads(serializer.encode(revoked, NO_PAYLOAD)) == [35, 0, {"subscription": 7, "reason": "a.b"}]
    assert loads(serializer.encode(Invocation(1, 2, {}), NO_PAYLOAD)) == [68, 1, 2, {}]


# ---- reading ----


def test_an_id_that_cbor_of_javascript_wrote_as_a_float_is_an_integer() -> None:
    assert CBOR.decode(cbor2.dumps([34, 1, float(2**52 + 1)])) == Unsubscribe(1, 2**52 + 1)
    with pytest.raises(ProtocolViolation):
        CBOR.decode(cbor2.dumps([34, 1, 2.0**54]))


@EACH
def test_payload_is_cut_out_as_it_came(serializer: Serializer) -> None:
    args: dict[Codec, bytes] = {
        "json": b'[ 1.50 , "\\u00e9" ]',
        "msgpack": b"\x91\xcd\x00\x01",
        "cbor": b"\x81\x19\x00\x01",
    }
    head: dict[Codec, bytes] = {
        "json": b'[16,1,{},"t", %b]',
        "msgpack": b"\x95\x10\x01\x80\xa1t%b",
        "cbor": b"\x85\x10\x01\xa0\x61t%b",
    }
    message: Any = serializer.decode(head[serializer.codec] % args[serializer.codec])
    payload = payload_of(message, serializer.codec)
    assert payload.args_bytes.strip() == args[serializer.codec]
    assert payload.kwargs_bytes == b""
    payload.check()


@EACH
@pytest.mark.parametrize("tail", [b" ", b"\0", b"[]", b"\xf6"])
def test_bytes_after_the_message_are_refused(serializer: Serializer, tail: bytes) -> None:
    data = _encoded(serializer, [34, 1, 2]) + tail
    if serializer.codec == "json" and tail == b" ":
        serializer.decode(data)
    else:
        with pytest.raises(ProtocolViolation):
            serializer.decode(data)


@EACH
def test_truncated_message_is_refused(serializer: Serializer) -> None:
    data = _encoded(serializer, [16, 1, {"acknowledge": True}, "com.x", [1, "x", {"a": []}], {"k": 1.5}])
    for length in range(len(data)):
        with pytest.raises(ProtocolViolation):
            serializer.decode(data[:length])


@EACH
@pytest.mark.parametrize("levels", [64, 500, 5_000, 200_000])
def test_deep_nesting_is_refused_and_breaks_nothing(serializer: Serializer, levels: int) -> None:
    opening: dict[Codec, bytes] = {"json": b"[", "msgpack": b"\x91", "cbor": b"\x81"}
    closing: dict[Codec, bytes] = {"json": b"]", "msgpack": b"", "cbor": b""}
    leaf: dict[Codec, bytes] = {"json": b"1", "msgpack": b"\x01", "cbor": b"\x01"}
    codec = serializer.codec
    nested = opening[codec] * levels + leaf[codec] + closing[codec] * levels
    message = {
        "json": b'[16,1,{},"t",%b]',
        "msgpack": b"\x95\x10\x01\x80\xa1t%b",
        "cbor": b"\x85\x10\x01\xa0\x61t%b",
    }[codec] % nested
    with pytest.raises((ProtocolViolation, InvalidArgument)) as caught:
        payload_of(serializer.decode(message), codec).check()
    assert "nest" in str(caught.value) or "deep" in str(caught.value), caught.value


def test_text_that_is_no_utf8_is_refused_in_the_head() -> None:
    """Text frames are checked as a whole by the transport; JSON's decoder skips what it does not need."""
    with pytest.raises(ProtocolViolation):
        MSGPACK.decode(b"\x94\x20\x01\x80\xa1\xff")
    with pytest.raises(ProtocolViolation):
        CBOR.decode(b"\x84\x18\x20\x01\xa0\x61\xff")


def test_payload_of_a_message_without_one_is_nothing() -> None:
    assert payload_of(JSON.decode(b'[16,1,{},"t"]'), "json") is NO_PAYLOAD


# ---- CBOR's oddities ----


@pytest.mark.parametrize(
    "data",
    [
        b"\x9f\x18\x22\x01\x02\xff",  # array of indefinite length
        b"\x98\x03\x18\x22\x01\x02",  # a length of its own byte
        b"\xd8\x37\x83\x18\x22\x01\x02",  # a tag before the message
        b"\xa1\x01\x02",
        b"\x18\x22",
        b"\xff",
        b"\x83\xff\x01\x02",
        b"\x83\x18\x22\x01\xff",
        b"\x83\x18\x22\x01\xf7",  # undefined
        b"\x83\x18\x22\x01\xf9\x3c\x00",  # 1.0 for an id
        b"\x83\x18\x22\x01\xc2\x41\x02",  # 2 as a big number
        b"\x84\x18\x20\x01\xa0\xd8\x23\x61(",  # a regular expression that does not compile
        b"\x84\x18\x20\x01\xa0\xc0\x61x",  # a date that is none
        b"\x84\x18\x20\x01\xa0\xd8\x1c\x80",  # shared value
        b"\x84\x18\x20\x01\xa0\xd8\x1d\x05",  # reference to a shared value that is not there
        b"\x84\x18\x20\x01\xa0\xd8\x1e\x82\x01\x00",  # a fraction by zero
        b"\x84\x18\x20\x01\xa0\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",  # a huge decimal
        b"\x84\x18\x20\x01\xa0\xd8\x25\x41\x01",  # a UUID of one byte
        b"\x84\x18\x20\x01\xa0\xd9\x01\x04\x41\x01",  # a network address of one byte
        b"\x84\x18\x20\x01\xa1\x80\x01\x61t",  # an array as a key
        b"\x84\x18\x20\x01\xa0\x9b\x00\x00\x00\x00\xff\xff\xff\xff",  # four billion elements announced
        b"\x84\x18\x20\x01\xa0\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",  # a string of 2^63 bytes announced
        b"\x84\x18\x20\x01\xa0\xfc",  # a reserved item
    ],
    ids=lambda data: data.hex(),
)
def test_cbor_oddity_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        CBOR.decode(data)


@pytest.mark.parametrize(
    "item",
    [
        b"\x81\xd8\x23\x61(",
        b"\x81\xc1\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00",
        b"\x81\xd8\x1e\x82\x01\x00",
        b"\x81\xc2\x41\x02",
        b"\xd8\x1c\x81\xd8\x1d\x00",  # a list that holds itself
        b"\x81\xf7",
    ],
    ids=lambda data: data.hex(),
)
def test_cbor_oddity_in_a_payload_is_refused(item: bytes) -> None:
    """By its payload: the session goes on. No tag is acted upon."""
    message = CBOR.decode(b"\x85\x10\x01\xa0\x61t" + item)
    with pytest.raises(InvalidArgument):
        payload_of(message, "cbor").check()


def test_cbor_indefinite_lengths_inside_are_taken() -> None:
    """Jackson writes them."""
    message: Any = CBOR.decode(b"\x85\x10\x01\xbf\xff\x7f\x61t\xff\x9f\x01\xff")
    assert message.topic == "t"
    assert Payload("cbor", bytes(message.args)).args == [1]


def test_cbor_long_form_of_numbers_is_taken() -> None:
    message: Any = CBOR.decode(
        b"\x83\x19\x00\x22\x1b\x00\x00\x00\x00\x00\x00\x00\x01\x1b\x00\x20\x00\x00\x00\x00\x00\x00"
    )
    assert (message.request, message.subscription) == (1, 1 << 53)


# ---- whatever arrives ----


@EACH
@given(data=st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_message_or_a_violation(serializer: Serializer, data: bytes) -> None:
    with suppress(ProtocolViolation):
        serializer.decode(data)


@EACH
@given(
    tail=st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
        max_size=7,
    ),
    number=st.integers(0, 75),
)
@settings(max_examples=300, deadline=None)
def test_any_elements_are_a_message_or_a_violation(serializer: Serializer, number: int, tail: list[Any]) -> None:
    with suppress(ProtocolViolation):
        serializer.decode(_encoded(serializer, [number, *tail]))


@given(data=st.binary(min_size=1, max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_cbor_payload_is_taken_or_refused(data: bytes) -> None:
    with suppress(ProtocolViolation, InvalidArgument):
        payload_of(CBOR.decode(b"\x85\x10\x01\xa0\x61t" + data), "cbor").check()


def _encoded(serializer: Serializer, message: list[Any]) -> bytes:
    if serializer.codec == "json":
        return msgspec.json.encode(message)
    if serializer.codec == "msgpack":
        return msgspec.msgpack.encode(message)
    stream = io.BytesIO()
    cbor2.dump(message, stream)
    return stream.getvalue()


def test_serializers_are_offered_in_the_order_of_preference() -> None:
    assert [type(each) for each in SERIALIZERS][0::2] == [JsonSerializer, CborSerializer]
    assert [each.subprotocol for each in SERIALIZERS] == ["wamp.2.json", "wamp.2.msgpack", "wamp.2.cbor"]
