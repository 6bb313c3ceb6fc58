"""What is no message: tests/vectors/malformed.json, and every wrong type in every place of every message.

`text` is JSON, `hex` are bytes, `repeat` is how many times. Where the bytes are a message and only its
payload cannot be carried (`error` in the file), the request fails and the session goes on; anything else ends it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from msgspec import inspect

from fairlead_router.errors import InvalidArgument, ProtocolViolation
from fairlead_router.messages import Received
from fairlead_router.serializers import BY_CODEC, payload_of
from fairlead_router.transcode import Codec
from support.core import Core
from support.vectors import VECTORS
from support.wamp import dumps

MALFORMED = json.loads((VECTORS / "malformed.json").read_text(encoding="utf-8"))
EACH_CODEC = pytest.mark.parametrize("codec", BY_CODEC)


def data_of(vector: dict[str, Any]) -> bytes:
    data: bytes = vector["text"].encode() if "text" in vector else bytes.fromhex(vector["hex"])
    return data * vector.get("repeat", 1)


@pytest.mark.parametrize("vector", MALFORMED, ids=lambda vector: f"{vector['codec']}-{vector['why']}")
def test_malformed_bytes_are_refused(vector: dict[str, Any]) -> None:
    peer = Core().join(codec=vector["codec"])
    peer.send_bytes(data_of(vector))
    [answer] = peer.take()
    if "error" in vector:
        assert (answer[:3], answer[4]) == ([8, 16, 1], vector["error"])
        assert peer.has_session
    else:
        assert (answer[0], answer[2]) == (3, "wamp.error.protocol_violation")
        assert peer.network.is_closed


@EACH_CODEC
@pytest.mark.parametrize(
    "vector", [each for each in MALFORMED if "error" not in each], ids=lambda vector: vector["why"]
)
def test_no_serializer_is_confused_by_what_is_malformed_in_another(vector: dict[str, Any], codec: Codec) -> None:
    """Whatever it makes of the bytes, the session ends by the rules or goes on."""
    peer = Core().join(codec=codec)
    peer.send_bytes(data_of(vector))
    peer.take()
    assert peer.has_session or peer.network.is_closed


# ---- computed from the structs ----

JSON_VALUES: dict[str, Any] = {
    "null": None,
    "bool": True,
    "int": 7,
    "negative": -1,
    "float": 1.5,
    "str": "com.x",
    "list": [],
    "dict": {},
}


def kinds(shape: inspect.Type) -> set[str]:
    """Which of the values fit a field of this type."""
    match shape:
        case inspect.UnionType(types=types):
            return set().union(*map(kinds, types))
        case inspect.LiteralType(values=values):
            return {name for name, value in JSON_VALUES.items() if value in values and type(value) is not bool}
        case inspect.IntType(ge=least):
            return {"int"} if least is not None and least >= 0 else {"int", "negative"}
        case inspect.AnyType():
            return {*JSON_VALUES, "binary"}
    simple: dict[type, str] = {
        inspect.NoneType: "null",
        inspect.BoolType: "bool",
        inspect.StrType: "str",
        inspect.ListType: "list",
        inspect.DictType: "dict",
        inspect.StructType: "dict",
    }
    return {simple[type(shape)]}


def right(shape: inspect.Type) -> Any:
    """A value that fits."""
    match shape:
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.StructType(fields=fields):
            return {field.encode_name: right(field.type) for field in fields if field.required}
        case inspect.RawType():  # Raw: the args of a message
            return []
    return JSON_VALUES[min(kinds(shape) & JSON_VALUES.keys())]


def values_of(codec: Codec) -> dict[str, Any]:
    """One of each type that the serializer has."""
    return JSON_VALUES if codec == "json" else {**JSON_VALUES, "binary": b"x"}


def wrong(shape: inspect.Type, codec: Codec) -> Iterator[Any]:
    """All that does not fit, also inside: in the fields of a struct, in the items of a list."""
    fitting = kinds(shape)
    yield from (value for name, value in values_of(codec).items() if name not in fitting)
    for part in shape.types if isinstance(shape, inspect.UnionType) else (shape,):
        if isinstance(part, inspect.StructType):
            yield from ({field.encode_name: bad} for field in part.fields for bad in wrong(field.type, codec))
        elif isinstance(part, inspect.ListType):
            yield from ([bad] for bad in wrong(part.item_type, codec))


SHAPES: dict[str, inspect.StructType] = {
    message.__name__: shape
    for message in get_args(Received)
    if isinstance(shape := inspect.type_info(message), inspect.StructType)
}
EACH_MESSAGE = pytest.mark.parametrize("name", SHAPES)


def heads(shape: inspect.StructType) -> list[inspect.Field]:
    """The fields that a router looks at: all but args and kwargs."""
    return [field for field in shape.fields if not isinstance(field.type, inspect.RawType)]


def is_refused(codec: Codec, message: list[Any]) -> bool:
    try:
        BY_CODEC[codec].decode(dumps(codec, message))
    except ProtocolViolation:
        return True
    return False


@EACH_CODEC
@EACH_MESSAGE
def test_value_of_a_wrong_type_is_refused_in_each_place(name: str, codec: Codec) -> None:
    shape = SHAPES[name]
    fields = heads(shape)
    message = [shape.tag, *(right(field.type) for field in fields)]
    assert not is_refused(codec, message), message
    taken = [
        spoiled
        for place, field in enumerate(fields, 1)
        for bad in wrong(field.type, codec)
        if not is_refused(codec, spoiled := [*message[:place], bad, *message[place + 1 :]])
    ]
    assert taken == []


@EACH_CODEC
@EACH_MESSAGE
def test_message_with_an_element_too_few_or_too_many_is_refused(name: str, codec: Codec) -> None:
    shape = SHAPES[name]
    required = [right(field.type) for field in shape.fields if field.required]
    everything = [shape.tag, *(right(field.type) for field in shape.fields)]
    assert not is_refused(codec, everything)
    assert is_refused(codec, [shape.tag, *required[:-1]])
    assert is_refused(codec, [*everything, {}])


WITH_PAYLOAD = [name for name, shape in SHAPES.items() if len(heads(shape)) < len(shape.fields)]


@EACH_CODEC
@pytest.mark.parametrize("name", WITH_PAYLOAD)
def test_payload_is_an_array_and_a_map(name: str, codec: Codec) -> None:
    """It is not looked at before the request is: so the request fails, and not the session."""
    head = [SHAPES[name].tag, *(right(field.type) for field in heads(SHAPES[name]))]
    values = values_of(codec)
    assert {kind for kind, value in values.items() if is_carried(codec, [*head, value])} == {"list"}
    assert {kind for kind, value in values.items() if is_carried(codec, [*head, [], value])} == {"dict"}


def is_carried(codec: Codec, message: list[Any]) -> bool:
    try:
        payload_of(BY_CODEC[codec].decode(dumps(codec, message)), codec).check()
    except InvalidArgument:
        return False
    return True
