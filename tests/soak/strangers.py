"""Strangers: connections that never become sessions. They leave half a handshake, nonsense, or nothing at all."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from random import Random

from soak.process import RouterProcess
from support.wamp import dial

BEGINNINGS = (
    b"", b"GET", b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"GET /other HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"\x7f", b"\x7f\xf1\0\0", b"\x7f\xf9\0\0", b"\x16\x03\x01", b"\0" * 1000, b"POST / HTTP/1.1\r\n\r\n",
)  # fmt: skip
LONGEST_S = 2.0
"""Longer than the router waits for a HELLO."""


async def knock(router: RouterProcess, random: Random) -> None:
    """One of them."""
    endpoint = random.choice(("tcp", "tls", "unix"))
    context: ssl.SSLContext | None = None
    if endpoint == "tls" and random.random() < 0.5:
        context = ssl.create_default_context()  # it does not know our authority, and breaks the handshake off
    with suppress(OSError):
        reader, writer = await dial(router.where[endpoint], tls=context)
        writer.write(random.choice(BEGINNINGS))
        with suppress(TimeoutError):
            async with asyncio.timeout(random.choice((0, 0.1, LONGEST_S))):
                await reader.read()
        writer.transport.abort()
