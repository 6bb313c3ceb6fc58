"""The conversations of tests/vectors over real sockets: each in each serializer, and each of those another way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

import pytest

from fairlead_router import Router
from fairlead_router.transcode import Codec
from support.vectors import ABORT, GOODBYE, Setting, binary_as_json, load, play, title
from support.wamp import Client, ClosedError, RawSocketClient

VECTORS = load()
CODECS: tuple[Codec, ...] = ("json", "msgpack", "cbor")
WAYS: dict[str, Callable[[int, Codec], Awaitable[Client]]] = {
    "websocket": Client.connect,
    "batched": partial(Client.connect, is_batched=True),
    "rawsocket": RawSocketClient.connect,
}
PLAYED = [
    (vector, way, CODECS[(index + offset) % len(CODECS)])
    for index, vector in enumerate(VECTORS)
    for offset, way in enumerate(WAYS)
]

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

    async def closed(self) -> None:
        self._ended_with = GOODBYE
        try:
            message = await self._client.receive()
        except ClosedError:
            return
        raise AssertionError(f"{message} arrives")

    async def leave(self) -> None:
        self._ended_with = GOODBYE
        await self._client.close()


class WireRouter:
    """A listening router whose clients all speak one serializer in one way. Closes them and itself in the end."""

    def __init__(self, way: str, codec: Codec, setting: Setting) -> None:
        self._dial = WAYS[way]
        self._codec = codec
        self._router = Router(setting.limits)
        self._router.add_realm("realm1", setting.authenticator(), setting.judge(), setting.options)
        self._opened = AsyncExitStack()
        self._port = 0

    async def __aenter__(self) -> WireRouter:
        self._port = (await self._router.listen("tcp://127.0.0.1:0")).port
        self._opened.push_async_callback(self._router.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def connect(self) -> WirePeer:
        client = await self._dial(self._port, self._codec)
        self._opened.push_async_callback(client.close)
        return WirePeer(client)

    async def wait(self, seconds: float) -> None:
        """The clock runs by itself."""


@pytest.mark.parametrize(
    ("vector", "way", "codec"), PLAYED, ids=lambda value: title(value) if isinstance(value, dict) else value
)
async def test_vector(vector: dict[str, Any], way: str, codec: Codec) -> None:
    async with WireRouter(way, codec, Setting.of(vector)) as router:
        await play(vector, router)
