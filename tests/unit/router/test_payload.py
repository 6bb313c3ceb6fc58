"""Payloads: bytes that are copied through, and converted at most once per serializer."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.errors import InvalidArgument
from fairlead_router.payload import NO_PAYLOAD, Payload
from fairlead_router.transcode import Codec


def test_values_come_back_as_they_went_in() -> None:
    payload = Payload.of(1, "é", b"\x00", [None, True], k={"n": 0.5})
    assert payload.args == [1, "é", b"\x00", [None, True]]
    assert payload.kwargs == {"k": {"n": 0.5}}


def test_values_are_new_objects_each_time() -> None:
    payload = Payload.of([1])
    assert payload.args == payload.args
    assert payload.args[0] is not payload.args[0]


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ([], None, (b"", b"")),
        ([], {}, (b"[]", b"{}")),
        ([1], None, (b"[1]", b"")),
        ([1], {}, (b"[1]", b"{}")),
    ],
)
def test_absent_is_not_empty(args: list[Any], kwargs: dict[str, Any] | None, expected: tuple[bytes, bytes]) -> None:
    payload = Payload.from_values(args, kwargs)
    assert (payload.args_bytes, payload.kwargs_bytes) == expected
    assert payload.size == len(expected[0]) + len(expected[1])


@pytest.mark.parametrize("codec", ["msgpack", "cbor"])
def test_conversion_is_made_once_and_back_again_is_the_same(codec: Codec) -> None:
    payload = Payload.of({"binary": b"\xff", "text": "x"}, n=1)
    other = payload.to(codec)
    assert payload.to(codec) is other
    assert payload.to("json") is payload
    back = other.to("json")
    assert (back.args_bytes, back.kwargs_bytes) == (payload.args_bytes, payload.kwargs_bytes)


def test_absent_stays_absent_in_every_serializer() -> None:
    other = Payload("json", b"[1]").to("msgpack")
    assert (other.args_bytes, other.kwargs_bytes) == (b"\x91\x01", b"")
    assert (NO_PAYLOAD.args, NO_PAYLOAD.kwargs, NO_PAYLOAD.size) == ([], {}, 0)


@pytest.mark.parametrize("value", [float("nan"), 2**64, -(2**63) - 1, {1: 1}, {"\0": 1}, "\0", "\ud800", object()])
def test_value_outside_the_common_model_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgument):
        Payload.of(value)


@pytest.mark.parametrize(
    ("args", "kwargs"), [(b"{}", b""), (b"[]", b"[]"), (b"1", b""), (b"[", b""), (b'["\\u0000"', b"")]
)
def test_bytes_of_the_wrong_shape_are_refused(args: bytes, kwargs: bytes) -> None:
    payload = Payload("json", args, kwargs)
    with pytest.raises(InvalidArgument):
        payload.check()
    with pytest.raises(InvalidArgument):
        _ = payload.args, payload.kwargs
