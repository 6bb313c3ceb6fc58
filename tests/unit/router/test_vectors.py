"""The conversations of tests/vectors against the protocol core, in each serializer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead_router import errors
from fairlead_router.features import ROUTER_ROLES
from fairlead_router.transcode import Codec
from support.core import Core, Peer
from support.vectors import Setting, binary_as_json, load, play, title

VECTORS = load()
TURNS = 4
"""Of the loop: until an authorizer has been asked that is a procedure, and its answer is known."""

ELSEWHERE = {errors.PayloadSizeExceeded.uri, errors.Unavailable.uri, errors.Suspended.uri}
"""The first takes a receiver with a limit (tests/integration/test_router_rawsocket.py), the second is for callees, the
last takes a realm that serves nobody for now (tests/unit/authz/test_serving.py)."""


class CorePeer:
    """A peer of the core, as the vectors see it."""

    def __init__(self, core: Core, codec: Codec) -> None:
        self._peer = Peer(core, codec)
        self._arrived: list[list[Any]] = []

    async def send(self, message: list[Any]) -> None:
        self._peer.send(binary_as_json(self._peer.codec, message))

    async def receive(self) -> list[Any]:
        if not self._arrived:
            await self.rest()
        assert self._arrived, "nothing arrives"
        return self._arrived.pop(0)

    async def rest(self) -> list[list[Any]]:
        for _ in range(TURNS):
            self._arrived += self._peer.take()
            await asyncio.sleep(0)
        return self._arrived

    async def closed(self) -> None:
        assert await self.rest() == []
        assert self._peer.network.is_closed

    async def leave(self) -> None:
        self._peer.vanish()


class CoreRouter:
    """A core whose peers all speak one serializer."""

    def __init__(self, codec: Codec, setting: Setting | None = None) -> None:
        setting = setting or Setting()
        self._core = Core(setting.limits, setting.judge(), setting.options)
        self._core.realm1.authenticator = setting.authenticator()
        self._codec = codec

    async def connect(self) -> CorePeer:
        return CorePeer(self._core, self._codec)

    async def wait(self, seconds: float) -> None:
        self._core.host.advance(seconds)


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
@pytest.mark.parametrize("vector", VECTORS, ids=title)
async def test_vector(vector: dict[str, Any], codec: Codec) -> None:
    await play(vector, CoreRouter(codec, Setting.of(vector)))


async def test_a_conversation_that_goes_another_way_fails() -> None:
    wrong = {"name": "wrong", "steps": [{"send": [32, 1, {}, "com.x"]}, {"receive": [33, 2, "*"]}]}
    with pytest.raises(AssertionError, match=r"expected \[33, 2, '\*'\], received \[33, 1, \d+\]"):
        await play(wrong, CoreRouter("json"))


async def test_a_message_that_is_not_mentioned_fails() -> None:
    silent = {"name": "silent", "steps": [{"send": [32, 1, {}, "com.x"]}]}
    with pytest.raises(AssertionError, match="a also received"):
        await play(silent, CoreRouter("json"))


def test_every_feature_that_is_announced_has_conversations() -> None:
    announced = {name for role in ROUTER_ROLES.values() for name, has in role["features"].items() if has}
    assert announced == {vector["feature"] for vector in VECTORS if "feature" in vector}


def test_every_error_is_sent_in_some_conversation() -> None:
    kinds = [each for kind in (errors.RequestError, errors.SessionError) for each in kind.__subclasses__()]
    uris = {each.uri for each in kinds if each.__module__ == errors.__name__}
    said = {value for vector in VECTORS for step in vector["steps"] for value in _strings(step)}
    assert uris - said == ELSEWHERE


def test_no_two_conversations_have_the_same_title() -> None:
    assert len({title(vector) for vector in VECTORS}) == len(VECTORS)


def _strings(step: dict[str, Any]) -> list[str]:
    """What stands in a message or as the end of a session."""
    return [value for value in [*step.get("receive", []), step.get("ends")] if isinstance(value, str)]
