"""The conversations of tests/vectors/messages.json against the protocol core, in each serializer."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.auth import AnonymousAuthenticator
from fairlead_router.transcode import Codec
from support.core import Core, Peer
from support.vectors import binary_as_json, load, play


class CorePeer:
    """A peer of the core, as the vectors see it."""

    def __init__(self, core: Core, codec: Codec) -> None:
        self._peer = Peer(core, codec)
        self._arrived: list[list[Any]] = []

    async def send(self, message: list[Any]) -> None:
        self._peer.send(binary_as_json(self._peer.codec, message))

    async def receive(self) -> list[Any]:
        await self.rest()
        assert self._arrived, "nothing arrives"
        return self._arrived.pop(0)

    async def rest(self) -> list[list[Any]]:
        self._arrived += self._peer.take()
        return self._arrived

    async def leave(self) -> None:
        self._peer.vanish()


class CoreRouter:
    """A core whose peers all speak one serializer."""

    def __init__(self, codec: Codec) -> None:
        self._core = Core()
        self._core.realm1.authenticator = AnonymousAuthenticator()
        self._codec = codec

    async def connect(self) -> CorePeer:
        return CorePeer(self._core, self._codec)


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
@pytest.mark.parametrize("vector", load(), ids=lambda vector: vector["name"])
async def test_vector(vector: dict[str, Any], codec: Codec) -> None:
    await play(vector, CoreRouter(codec))


async def test_a_conversation_that_goes_another_way_fails() -> None:
    wrong = {"name": "wrong", "steps": [{"send": [32, 1, {}, "com.x"]}, {"receive": [33, 2, "*"]}]}
    with pytest.raises(AssertionError, match=r"expected \[33, 2, '\*'\], received \[33, 1, \d+\]"):
        await play(wrong, CoreRouter("json"))


async def test_a_message_that_is_not_mentioned_fails() -> None:
    silent = {"name": "silent", "steps": [{"send": [32, 1, {}, "com.x"]}]}
    with pytest.raises(AssertionError, match="a also received"):
        await play(silent, CoreRouter("json"))
