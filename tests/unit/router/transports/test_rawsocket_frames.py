"""RawSocket's handshake and frames, however the bytes arrive."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_router.errors import PayloadSizeExceeded, ProtocolViolation
from fairlead_router.limits import Limits
from fairlead_router.messages import (
    Abort,
    Error,
    Event,
    Goodbye,
    Invocation,
    Result,
    RevokedRegistration,
    RevokedSubscription,
    Welcome,
)
from fairlead_router.payload import NO_PAYLOAD, Payload
from fairlead_router.serializers import BY_CODEC
from fairlead_router.transports.rawsocket_frames import (
    FrameReader,
    FrameType,
    Handshake,
    HandshakeError,
    RawSocketWire,
    accept,
    frame,
    longest_message,
)

MAX = 1 << 16
FRAMES = st.lists(st.tuples(st.sampled_from(FrameType), st.binary(max_size=300)), max_size=20)


def read(data: bytes, sizes: list[int], max_bytes: int = MAX) -> list[tuple[FrameType, bytes]]:
    """Frames of the data, fed in pieces of these sizes, and the rest in one."""
    reader = FrameReader(max_bytes)
    frames: list[tuple[FrameType, bytes]] = []
    for size in sizes:
        frames += reader.feed(data[:size])
        data = data[size:]
    return frames + list(reader.feed(data))


# ---- the handshake ----


@pytest.mark.parametrize(("serializer", "codec"), [(1, "json"), (2, "msgpack"), (3, "cbor")])
@pytest.mark.parametrize("length", [2, 7, 15])
def test_handshake_is_accepted_and_our_own_length_told(serializer: int, codec: str, length: int) -> None:
    handshake = accept(bytes([0x7F, length << 4 | serializer, 0, 0]), Limits(message_bytes=1 << 20))
    assert isinstance(handshake, Handshake)
    assert handshake.serializer.codec == codec
    assert handshake.wire.max_bytes == 2 ** (9 + length)
    assert handshake.reply == bytes([0x7F, 11 << 4 | serializer, 0, 0])


@pytest.mark.parametrize(
    ("request_bytes", "error"),
    [
        (b"\x7f\xf0\0\0", HandshakeError.SERIALIZER_UNSUPPORTED),
        (b"\x7f\xf4\0\0", HandshakeError.SERIALIZER_UNSUPPORTED),
        (b"\x7f\xff\0\0", HandshakeError.SERIALIZER_UNSUPPORTED),
        (b"\x7f\x01\0\0", HandshakeError.LENGTH_UNACCEPTABLE),
        (b"\x7f\x11\0\0", HandshakeError.LENGTH_UNACCEPTABLE),
        (b"\x7f\xf1\1\0", HandshakeError.RESERVED_BITS),
        (b"\x7f\xf1\0\x80", HandshakeError.RESERVED_BITS),
    ],
)
def test_handshake_is_refused(request_bytes: bytes, error: HandshakeError) -> None:
    assert accept(request_bytes, Limits()) is error
    assert error.reply() == bytes([0x7F, error << 4, 0, 0])


def test_wires_are_shared_by_who_have_serializer_and_length_in_common() -> None:
    one, other, shorter = (accept(bytes([0x7F, octet, 0, 0]), Limits()) for octet in (0xF1, 0xF1, 0x81))
    assert isinstance(one, Handshake)
    assert isinstance(other, Handshake)
    assert isinstance(shorter, Handshake)
    assert one.wire is other.wire
    assert one.wire is not shorter.wire


@pytest.mark.parametrize(
    ("message_bytes", "longest"),
    [(1 << 20, 1 << 20), ((1 << 20) - 1, 1 << 19), ((1 << 20) + 1, 1 << 20), (100, 512), (1 << 30, 1 << 24)],
)
def test_what_we_announce_is_never_more_than_we_take(message_bytes: int, longest: int) -> None:
    """Except where RawSocket cannot say so little."""
    assert longest_message(Limits(message_bytes=message_bytes)) == longest


# ---- frames ----


@given(FRAMES, st.lists(st.integers(1, 50), max_size=200))
def test_any_split_of_the_bytes_gives_the_same_frames(frames: list[tuple[FrameType, bytes]], sizes: list[int]) -> None:
    data = b"".join(frame(kind, payload) for kind, payload in frames)
    assert read(data, sizes) == frames


@given(FRAMES, st.sampled_from([0x08, 0x10, 0x80, 0x03, 0x07]), st.binary(max_size=20), st.integers(0, 40))
def test_frames_before_a_bad_one_count(
    frames: list[tuple[FrameType, bytes]], first: int, rest: bytes, size: int
) -> None:
    """A bit that is not ours, an unknown type, or the 25th length bit beside others."""
    data = b"".join(frame(kind, payload) for kind, payload in frames) + bytes([first, 0, 0, 1]) + rest
    reader, seen = FrameReader(MAX), []
    pieces = [piece for piece in (data[:size], data[size:]) if piece]
    try:
        for each in chain.from_iterable(map(reader.feed, pieces)):
            seen.append(each)  # noqa: PERF402 - the exception must not lose what came before it
    except ProtocolViolation:
        assert seen == frames
    else:
        raise AssertionError("a bad frame was taken")


def test_longest_frame_is_taken_and_a_longer_one_is_refused_by_its_prefix() -> None:
    longest = b"x" * MAX
    assert read(frame(FrameType.MESSAGE, longest), [1000] * 10) == [(FrameType.MESSAGE, longest)]
    with pytest.raises(ProtocolViolation, match="65537 bytes came where 65536 were agreed"):
        list(FrameReader(MAX).feed(frame(FrameType.MESSAGE, longest + b"x")[:4]))


def test_sixteen_mebibytes_have_a_bit_of_their_own() -> None:
    payload = bytes(1 << 24)
    whole = frame(FrameType.MESSAGE, payload)
    assert whole[:4] == b"\x08\0\0\0"
    assert frame(FrameType.MESSAGE, payload[1:])[:4] == b"\0\xff\xff\xff"
    [(kind, received)] = FrameReader(1 << 24).feed(whole)
    assert (kind, len(received)) == (FrameType.MESSAGE, 1 << 24)
    with pytest.raises(ProtocolViolation, match="16777216 bytes came"):
        list(FrameReader(1 << 23).feed(whole))


# ---- messages that are longer than the peer takes ----


LONG = Payload.from_values(["x" * 5000])
LONG_URI = "com." + "\u4e2d" * 1020
"""As long as URIs may be, in characters."""

DETAILS: dict[str, Any] = {"topic": "com.x", "publisher": 7}


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
@pytest.mark.parametrize(
    ("message", "instead"),
    [
        (Event(1, 2, DETAILS), Event(1, 2, {**DETAILS, "payload_limit_exceeded": True})),
        (Event(1, 2, {"topic": "x" * 5000}), Event(1, 2, {"payload_limit_exceeded": True})),
        (Result(1, {"progress": True}), Result(1, {"progress": True, "payload_limit_exceeded": True})),
        (Result(1, {}), Error(48, 1, {"payload_limit_exceeded": True}, "wamp.error.payload_size_exceeded")),
        (Error(48, 1, {}, "com.failed"), Error(48, 1, {"payload_limit_exceeded": True}, "com.failed")),
        (Abort({"message": "x" * 5000}, "com.failed"), Abort({}, "com.failed")),
        (Goodbye({"message": "x" * 5000}, "com.failed"), Goodbye({}, "com.failed")),
        (Error(48, 7, {}, LONG_URI), Error(48, 7, {"payload_limit_exceeded": True}, PayloadSizeExceeded.uri)),
        (Abort({}, LONG_URI), Abort({}, PayloadSizeExceeded.uri)),
        (Goodbye({}, LONG_URI), Goodbye({}, PayloadSizeExceeded.uri)),
        (
            RevokedSubscription(0, {"subscription": 7, "reason": LONG_URI}),
            RevokedSubscription(0, {"subscription": 7, "reason": PayloadSizeExceeded.uri}),
        ),
        (
            RevokedRegistration(0, {"registration": 7, "reason": LONG_URI}),
            RevokedRegistration(0, {"registration": 7, "reason": PayloadSizeExceeded.uri}),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_too_long_is_said_without_its_payload(codec: Any, message: Any, instead: Any) -> None:
    wire = RawSocketWire(BY_CODEC[codec], 2048)
    assert wire.frame(message, LONG) == wire.frame(instead, NO_PAYLOAD)


def test_what_fits_exactly_is_sent_whole() -> None:
    body = BY_CODEC["json"].encode(Event(1, 2, {}), LONG)
    whole = RawSocketWire(BY_CODEC["json"], len(body)).frame(Event(1, 2, {}), LONG)
    assert whole == frame(FrameType.MESSAGE, body)


def test_invocation_that_is_too_long_is_the_callers_error() -> None:
    with pytest.raises(PayloadSizeExceeded, match=r"INVOCATION has 50\d\d bytes, and its receiver takes at most 2048"):
        RawSocketWire(BY_CODEC["json"], 2048).frame(Invocation(1, 2, {}), LONG)


def test_welcome_that_is_too_long_ends_the_session() -> None:
    with pytest.raises(ProtocolViolation, match="WELCOME"):
        RawSocketWire(BY_CODEC["json"], 2048).frame(Welcome(1, {"authextra": "x" * 5000}), NO_PAYLOAD)
