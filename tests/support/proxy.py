"""A bad network: a TCP proxy before a port, or a Unix socket, whose connections stall, crawl, break and vanish.

    async with Proxy(port) as network:
        client = await Client.joined(network.port)
        network.hold()          # the connection stays open, and nothing gets through in either direction
        network.to_client.hold()    # or in one

What is held is not lost: as with TCP, whose packets are sent again, it arrives once the network is good again.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Self

WHOLE = 1 << 16


class Direction:
    """One direction of all connections."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        """How long each piece takes."""
        self.piece_bytes = WHOLE
        """The size of a piece: 1 for a connection that trickles."""
        self._is_free = asyncio.Event()
        self._is_free.set()

    def hold(self) -> None:
        """Let nothing through, and take little more: the sender's buffers fill."""
        self._is_free.clear()

    def release(self) -> None:
        """Let everything through, that which was held first."""
        self._is_free.set()

    async def passage(self) -> None:
        """Until a piece has got through."""
        await asyncio.sleep(self.delay_s)
        await self._is_free.wait()


class Proxy:
    """Enter it, and it listens on `port`."""

    def __init__(self, target: int | Path, host: str = "127.0.0.1") -> None:
        self.port = 0
        self.to_router = Direction()
        self.to_client = Direction()
        self._host = host
        self._target = target
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._client_sides: set[asyncio.StreamWriter] = set()
        self._router_sides: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    # ---- what can happen to a network; to all its connections ----

    def hold(self) -> None:
        """A black hole."""
        self.to_router.hold()
        self.to_client.hold()

    def release(self) -> None:
        """A good network again."""
        self.to_router.release()
        self.to_client.release()

    def reset(self) -> None:
        """RST to both sides."""
        for writer in self._client_sides | self._router_sides:
            _reset(writer)

    def vanish(self) -> None:
        """The clients are gone, and the router hears nothing of it: no FIN, no RST."""
        self.hold()
        for writer in self._client_sides:
            _reset(writer)

    def half_close(self) -> None:
        """FIN to the router, while what it sends still gets through."""
        for writer in self._router_sides:
            writer.write_eof()

    # ---- relaying ----

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._client_sides.add(writer)
        try:
            with suppress(OSError):  # the router is away
                await self._between(reader, writer)
        finally:
            self._client_sides.discard(writer)
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(self._host, self._target)

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._connect()
        self._router_sides.add(far_writer)
        try:
            await asyncio.gather(
                _pump(reader, far_writer, self.to_router),
                _pump(far_reader, writer, self.to_client),
            )
        finally:
            self._router_sides.discard(far_writer)
            far_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
    try:
        while data := await reader.read(direction.piece_bytes):
            await direction.passage()
            writer.write(data)
            await writer.drain()
        await direction.passage()
        writer.write_eof()
    except (OSError, RuntimeError):  # one side is gone, by RST; uvloop says so with a RuntimeError
        await direction.passage()
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
