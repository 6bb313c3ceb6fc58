"""A WAMP peer on a real WebSocket, as small as it can be: aiohttp and the messages by hand.

It shows what is on the wire, in JSON, MessagePack or CBOR, and can stop reading.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import cbor2
import msgspec

_ENCODE: dict[str, Callable[[Any], bytes]] = {"msgpack": msgspec.msgpack.encode, "cbor": cbor2.dumps}
_DECODE: dict[str, Callable[[Any], Any]] = {
    "json": msgspec.json.decode,
    "msgpack": msgspec.msgpack.decode,
    "cbor": cbor2.loads,
}

WELCOME, ERROR, SUBSCRIBED, EVENT, RESULT = 2, 8, 33, 36, 50


class WirePeer:
    """One session. Messages are kept as they come, while it is reading."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, codec: str) -> None:
        self._socket = socket
        self._codec = codec
        self._requests = 0
        self._may_read = asyncio.Event()
        self._may_read.set()
        self.messages: list[list[Any]] = []
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._task = asyncio.ensure_future(self._read())

    async def send(self, *message: Any) -> None:
        if self._codec == "json":
            await self.send_text(msgspec.json.encode(message).decode())
        else:
            await self._socket.send_bytes(_ENCODE[self._codec](message))

    async def send_text(self, message: str) -> None:
        """A message as it stands."""
        await self._socket.send_str(message)

    async def call(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        """The whole answer: a RESULT or an ERROR."""
        request = await self.request(48, {}, f"fairlead.log.{procedure}", list(args), kwargs)
        return await self.first(lambda message: message[:2] == [RESULT, request] or message[:3] == [ERROR, 48, request])

    async def request(self, kind: int, *rest: Any) -> int:
        self._requests += 1
        await self.send(kind, self._requests, *rest)
        return self._requests

    async def first(self, condition: Callable[[list[Any]], bool]) -> list[Any]:
        """The first message that fits."""
        await self.until(lambda: any(condition(message) for message in self.messages))
        return next(message for message in self.messages if condition(message))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for messages until something is so."""
        if not condition():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((condition, future))
            await asyncio.wait_for(future, 20)

    @property
    def dicts(self) -> list[Any]:
        """The dicts of events and progressive results, in order."""
        events = [message[4][0] for message in self.messages if message[0] == EVENT]
        return events + [message[3][0] for message in self.messages if message[0] == RESULT and message[2]]

    def stop_reading(self) -> None:
        self._may_read.clear()

    def go_on(self) -> None:
        self._may_read.set()

    async def close(self) -> None:
        self._may_read.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._socket.close()

    async def _read(self) -> None:
        while True:
            await self._may_read.wait()
            frame = await self._socket.receive()
            if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                return
            self.messages.append(_DECODE[self._codec](frame.data))
            self._wake()

    def _wake(self) -> None:
        for condition, future in list(self._waiting):
            if not future.done() and condition():
                future.set_result(None)
                self._waiting.remove((condition, future))


@contextlib.asynccontextmanager
async def wire_peer(url: str, codec: str = "json") -> AsyncIterator[WirePeer]:
    """A peer that has joined `realm1` anonymously."""
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(url, protocols=[f"wamp.2.{codec}"], max_msg_size=0)
        peer = WirePeer(socket, codec)
        roles: dict[str, Any] = {"caller": {}, "subscriber": {}, "publisher": {}, "callee": {}}
        await peer.send(1, "realm1", {"roles": roles})
        await peer.first(lambda message: message[0] == WELCOME)
        try:
            yield peer
        finally:
            await peer.close()
