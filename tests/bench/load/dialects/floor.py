"""The bare loop of `peers/floor`: topics and messages of one size, no protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from bench.load.dialects.base import Dialect

TIMEOUT_S = 30.0


class Floor(Dialect):
    """Only what a fan-out needs."""

    marker = b"#"

    def __init__(self, url: str, payload_bytes: int) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 0
        self._message = self.marker + b"x" * (payload_bytes - 1)

    async def subscribe(self, topic: str, receiver: asyncio.BufferedProtocol) -> None:
        (await self._introduced(f"S {topic}", lambda: None)).set_protocol(receiver)

    async def publisher(self, topic: str, on_close: Callable[[], None]) -> Callable[[], None]:
        transport = await self._introduced(f"P {topic} {len(self._message)}", on_close)
        write, message = transport.write, self._message
        return lambda: write(message)

    async def _introduced(self, line: str, on_close: Callable[[], None]) -> asyncio.Transport:
        """A connection that has said what it is, and is understood."""
        loop = asyncio.get_running_loop()
        understood: asyncio.Future[None] = loop.create_future()
        transport, _ = await loop.create_connection(lambda: Introduced(understood, on_close), self._host, self._port)
        transport.write(line.encode())
        await asyncio.wait_for(understood, TIMEOUT_S)
        return transport


class Introduced(asyncio.Protocol):
    """Waits for the one byte that says so."""

    def __init__(self, understood: asyncio.Future[None], on_close: Callable[[], None]) -> None:
        self._understood = understood
        self._on_close = on_close

    def data_received(self, data: bytes) -> None:
        self._understood.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_close()
