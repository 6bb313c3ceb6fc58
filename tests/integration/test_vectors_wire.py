"""The conversations of tests/vectors/messages.json over real sockets, in each serializer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from fairlead_router import Router
from fairlead_router.transcode import Codec
from support.vectors import ABORT, GOODBYE, binary_as_json, load, play
from support.wamp import Client, ClosedError

WELCOME, ERROR = 2, 8
PROBE = [34, 9_007_199_254_740_991, 1]
"""An UNSUBSCRIBE that fails: its answer comes behind everything that was on the way."""


class WirePeer:
    """A client on a socket, as the vectors see it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ended_with: int | None = None
        self._rest: list[list[Any]] = []

    async def send(self, message: list[Any]) -> None:
        self._client.send(binary_as_json(self._client.codec, message))

    async def receive(self) -> list[Any]:
        if self._rest:
            return self._rest.pop(0)
        try:
            message = await self._client.receive()
        except ClosedError as error:
            raise AssertionError(f"nothing arrives: {error}") from error
        if message[0] in {ABORT, GOODBYE}:
            self._ended_with = message[0]
        elif message[0] == WELCOME:
            self._ended_with = None
        return message

    async def rest(self) -> list[list[Any]]:
        if self._ended_with == ABORT:
            with suppress(ClosedError):
                while True:
                    self._rest.append(await self._client.receive())
            self._ended_with = GOODBYE
        elif self._ended_with is None:
            self._client.send(PROBE)
            arrived = await self._client.receive_until(ERROR)
            while arrived[-1][:3] != [ERROR, *PROBE[:2]]:
                arrived += await self._client.receive_until(ERROR)
            self._rest += arrived[:-1]
        return self._rest

    async def leave(self) -> None:
        self._ended_with = GOODBYE
        await self._client.close()


@pytest.fixture
async def clients() -> AsyncIterator[AsyncExitStack]:
    """Closes them in the end."""
    async with AsyncExitStack() as opened:
        yield opened


class WireRouter:
    """A listening router whose clients all speak one serializer."""

    def __init__(self, port: int, codec: Codec, clients: AsyncExitStack) -> None:
        self._port = port
        self._codec = codec
        self._clients = clients

    async def connect(self) -> WirePeer:
        client = await Client.connect(self._port, self._codec)
        self._clients.push_async_callback(client.close)
        return WirePeer(client)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    router = Router()
    router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    yield listener.port
    await router.close()


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
@pytest.mark.parametrize("vector", load(), ids=lambda vector: vector["name"])
async def test_vector(vector: dict[str, Any], codec: Codec, port: int, clients: AsyncExitStack) -> None:
    await play(vector, WireRouter(port, codec, clients))
