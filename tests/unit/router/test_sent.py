"""The messages that the router sends, byte by byte: tests/vectors/sent.json."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from fairlead_router import messages, transcode
from fairlead_router.messages import Message, Received
from fairlead_router.payload import Payload
from fairlead_router.serializers import BY_CODEC
from fairlead_router.transcode import Codec
from support.vectors import VECTORS, binary_as_json
from support.wamp import dumps, loads

SENT = json.loads((VECTORS / "sent.json").read_text(encoding="utf-8"))


def binary(value: Any) -> Any:
    """The values of the file, with binary as bytes."""
    if isinstance(value, str) and value.startswith("\0"):
        return base64.b64decode(value[1:])
    if isinstance(value, list):
        return [binary(each) for each in value]
    return value


def payload(vector: dict[str, Any], codec: Codec) -> Payload:
    """As it came from a peer of this serializer."""
    args, kwargs = (
        transcode.encode(codec, binary(vector[key])) if key in vector else b"" for key in ("args", "kwargs")
    )
    return Payload(codec, args, kwargs)


@pytest.mark.parametrize("source", BY_CODEC)
@pytest.mark.parametrize("codec", BY_CODEC)
@pytest.mark.parametrize("vector", SENT, ids=lambda vector: json.dumps(vector["list"]))
def test_message_is_exactly_this(vector: dict[str, Any], codec: Codec, source: Codec) -> None:
    struct: type[Message] = getattr(messages, vector["message"])
    encoded = BY_CODEC[codec].encode(struct(*vector["fields"]), payload(vector, source).to(codec))
    expected = binary_as_json(codec, binary(vector["list"]))
    assert encoded == dumps(codec, expected)
    assert loads(codec, encoded) == expected


def test_every_message_that_the_router_sends_is_there() -> None:
    received = set(Received.__args__)
    sent = {each for each in Message.__subclasses__() if each not in received}
    assert {vector["message"] for vector in SENT} == {each.__name__ for each in sent}
