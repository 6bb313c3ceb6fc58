"""Batches: what goes out and comes in when one WebSocket message carries many of WAMP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_router.errors import ProtocolViolation
from fairlead_router.messages import Subscribed, Unsubscribed
from fairlead_router.payload import NO_PAYLOAD
from fairlead_router.serializers import BY_CODEC
from fairlead_router.transports.websocket_frames import (
    SUBPROTOCOLS,
    BatchedWire,
    header,
    split_prefixed,
    split_separated,
)


def test_every_serializer_has_a_plain_and_a_batched_subprotocol() -> None:
    assert list(SUBPROTOCOLS) == [
        f"wamp.2.{codec}{suffix}" for codec in ("json", "msgpack", "cbor") for suffix in ("", ".batched")
    ]
    assert SUBPROTOCOLS["wamp.2.cbor.batched"].serializer_name == "cbor.batched"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\0\0\0\0\0\1\0\0"),
    ],
)
def test_header_is_the_shortest_that_holds_the_size(size: int, expected: bytes) -> None:
    assert header(0x81, size) == expected


def test_json_batch_has_a_separator_behind_each_message() -> None:
    wire = BatchedWire(BY_CODEC["json"])
    parts = [wire.frame(Subscribed(1, 2), NO_PAYLOAD), wire.frame(Unsubscribed(3), NO_PAYLOAD)]
    assert wire.message(parts) == b"\x81\x13[33,1,2]\x1e[35,3]\x1e".replace(b"\x13", b"\x10")


def test_binary_batch_has_a_length_before_each_message() -> None:
    wire = BatchedWire(BY_CODEC["msgpack"])
    parts = [wire.frame(Subscribed(1, 2), NO_PAYLOAD), wire.frame(Unsubscribed(3), NO_PAYLOAD)]
    assert wire.message(parts) == b"\x82\x0f\0\0\0\4\x93\x21\1\2\0\0\0\3\x92\x23\3"


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=20))
def test_binary_batch_is_taken_apart(messages: list[bytes]) -> None:
    assert split_prefixed(b"".join(len(each).to_bytes(4) + each for each in messages)) == messages


@given(st.lists(st.text(max_size=100).map(lambda text: text.replace("\x1e", "")), min_size=1, max_size=20))
def test_json_batch_is_taken_apart(messages: list[str]) -> None:
    encoded = [each.encode() for each in messages]
    assert split_separated(b"".join(each + b"\x1e" for each in encoded)) == encoded


@pytest.mark.parametrize("batch", [b"", b"[6,{}]", b"[6,{}]\x1e[6"])
def test_json_batch_that_is_empty_or_not_whole_is_refused(batch: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="separator 0x1E"):
        split_separated(batch)


@pytest.mark.parametrize("batch", [b"", b"\0", b"\0\0\0\1", b"\0\0\0\1xy", b"\xff\xff\xff\xffx", b"\0\0\0\1x\0\0"])
def test_binary_batch_that_is_empty_or_not_whole_is_refused(batch: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="a batch"):
        split_prefixed(batch)
