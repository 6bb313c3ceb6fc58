"""Bytes against the serializers: whatever comes, a message or a ProtocolViolation, never another exception.

What was decoded is then checked, converted to the other serializers and decoded as values, as a router would.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from random import Random
from typing import Any

import cbor2
import msgspec

from fairlead_router.errors import InvalidArgument, ProtocolViolation
from fairlead_router.messages import CallMessage, Publish, ReceivedError, Yield
from fairlead_router.serializers import BY_CODEC, Serializer, payload_of
from fairlead_router.transcode import Codec
from fuzz.generate import Generator, Ids, mutate

SERIALIZERS: dict[Codec, Serializer] = BY_CODEC
WITH_PAYLOAD = (Publish, CallMessage, Yield, ReceivedError)
CODECS: tuple[Codec, ...] = ("json", "msgpack", "cbor")


class CodecTarget:
    """One case: one message, mutated or not, in one serializer."""

    name = "codecs"

    def run(self, random: Random) -> int:
        """Returns the number of messages that were tried."""
        codec = random.choice(CODECS)
        data = encoded(codec, Generator(random, Ids(random)).message())
        if data is None:
            return 0
        if random.random() < 0.7:
            data = mutate(random, data)
        with suppress(ProtocolViolation):
            message = SERIALIZERS[codec].decode(data)
            if isinstance(message, WITH_PAYLOAD):
                _use(message, codec)
        return 1

    def finish(self) -> None:
        """Nothing stays."""


def _use(message: Any, codec: Codec) -> None:
    payload = payload_of(message, codec)
    try:
        payload.check()
    except InvalidArgument:
        return
    for other in CODECS:
        converted = payload.to(other)
        assert converted.args == payload.args or payload.args != payload.args, (payload.args, converted.args)


def encoded(codec: Codec, message: list[Any]) -> bytes | None:
    """The message in a serializer, None where that cannot say it. JSON may hold what no encoder of WAMP would write."""
    try:
        if codec == "json":
            return json.dumps(message, default=_binary).encode()
        if codec == "msgpack":
            return msgspec.msgpack.encode(message)
        return cbor2.dumps(message)
    except (UnicodeEncodeError, OverflowError, cbor2.CBOREncodeError):
        return None


def _binary(value: Any) -> str:
    assert isinstance(value, bytes)
    return "\0" + base64.b64encode(value).decode()
