"""Bytes against a listening router: handshakes and frames, right and wrong, in any pieces, by peers that break off.

Beside them one healthy client publishes to itself after each case: the router must neither hang nor forget it. At the
end every connection is gone, and the process has not grown.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
from contextlib import suppress
from random import Random
from typing import Any

import uvloop

from fairlead_router import Limits, Router
from fairlead_router.transcode import Codec
from fuzz.codecs import CODECS, encoded
from fuzz.generate import Generator, Ids, mutate
from support.core import EVERY_FEATURE
from support.wamp import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Client, batch_part, frame, raw_frame

CONNECTIONS = 8
MESSAGES = 15
HEALTHY_WITHIN_S = 5.0
GROWTH_MIB = 64
"""From the first hundred cases to the end: buffers and caches have limits, so the rest would be a leak."""
LIMITS = Limits(message_bytes=1 << 16, hello_timeout_s=2.0, close_timeout_s=0.5)


class _Complaints(logging.Handler):
    """What the router logs of itself: a traceback of ours is a failure, also where the connection survives it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


class WireTarget:
    """One case: some connections at once, each with its own stream of bytes."""

    name = "wire"

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._complaints = _Complaints()
        self._loop.set_exception_handler(lambda _loop, context: self._complaints.records.append(str(context)))
        logging.getLogger().addHandler(self._complaints)
        self._router, self._port, self._healthy = self._loop.run_until_complete(_opened())
        self._cases = 0
        self._grown_to_kib = 0

    def run(self, random: Random) -> int:
        """Returns the number of messages that were sent, at the most."""
        self._loop.run_until_complete(self._case(random))
        self._cases += 1
        if self._cases == 100:
            self._grown_to_kib = _peak_kib()
        return CONNECTIONS * MESSAGES

    def finish(self) -> None:
        """Raises if connections stay open, or the process has grown."""
        try:
            self._loop.run_until_complete(self._end())
        finally:
            logging.getLogger().removeHandler(self._complaints)
            self._loop.close()
        if self._grown_to_kib:
            grown_mib = (_peak_kib() - self._grown_to_kib) / 1024
            assert grown_mib < GROWTH_MIB, f"the process has grown by {grown_mib:.0f} MiB"

    async def _case(self, random: Random) -> None:
        streams = [random.choice(_STREAMS)(Random(random.getrandbits(64)), self._port) for _ in range(CONNECTIONS)]
        await asyncio.gather(*(stream.play() for stream in streams))
        async with asyncio.timeout(HEALTHY_WITHIN_S):
            self._healthy.send([16, 1, {"exclude_me": False}, "healthy"])
            assert (await self._healthy.receive())[0] == 36
        assert not self._complaints.records, self._complaints.records

    async def _end(self) -> None:
        await self._healthy.close()
        async with asyncio.timeout(LIMITS.hello_timeout_s + 10):
            await self._router.close()
        gc.collect()
        assert not self._complaints.records, self._complaints.records


async def _opened() -> tuple[Router, int, Client]:
    router = Router(LIMITS)
    router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    router.add_realm("healthy")  # of its own: the others may end every session of theirs
    healthy = await Client.connect(listener.port)
    await healthy.ask([1, "healthy", {"roles": EVERY_FEATURE}])
    await healthy.subscribe("healthy")
    return router, listener.port, healthy


class _Stream:
    """One connection: its bytes, and the pieces in which they are sent."""

    def __init__(self, random: Random, port: int) -> None:
        self.random = random
        self.port = port
        self.codec: Codec = random.choice(CODECS)
        self.generator = Generator(random, Ids(random))

    async def play(self) -> None:
        """Dial, send everything without looking at the answers, and break off or close."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with suppress(OSError):
            for piece in self.pieces():
                writer.write(piece)
                await writer.drain()
                if self.random.random() < 0.3:
                    await asyncio.sleep(0)
            if self.random.random() < 0.5:
                writer.write(self.farewell())
                async with asyncio.timeout(0.02):
                    await reader.read(1 << 16)
        writer.transport.abort()

    def pieces(self) -> list[bytes]:
        handshake = self.handshake()
        if self.random.random() < 0.05:
            handshake = mutate(self.random, handshake)
        data = handshake + b"".join(map(self.framed, self.messages()))
        if self.random.random() < 0.2:
            data = mutate(self.random, data)
        if self.random.random() < 0.5:
            return [data]
        cuts = sorted(self.random.randrange(len(data) + 1) for _ in range(self.random.randrange(1, 12)))
        return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    def messages(self) -> list[bytes]:
        hello = [1, "realm1", {"roles": EVERY_FEATURE}]
        messages: list[Any] = [hello, *(self.generator.message() for _ in range(MESSAGES - 1))]
        return [data for message in messages if (data := encoded(self.codec, message)) is not None]

    # ---- what a transport is made of ----

    def handshake(self) -> bytes:
        raise NotImplementedError

    def framed(self, data: bytes) -> bytes:
        """A message, mostly as it should be."""
        raise NotImplementedError

    def farewell(self) -> bytes:
        """What a peer says that closes."""
        raise NotImplementedError


class _WebSocketStream(_Stream):
    """Sometimes fragments, control frames between them, and frames that may not be."""

    subprotocol = "wamp.2.{}"

    def handshake(self) -> bytes:
        return (
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {self.subprotocol.format(self.codec)}\r\n\r\n"
        ).encode()

    def farewell(self) -> bytes:
        return frame(CLOSE, b"\x03\xe8")

    def framed(self, data: bytes) -> bytes:
        random = self.random
        opcode = TEXT if self.codec == "json" else BINARY
        chance = random.random()
        if chance < 0.85:
            return frame(opcode, data)
        if chance < 0.9:
            cut = random.randrange(len(data) + 1)
            between = frame(random.choice((PING, PONG)), b"x") if random.random() < 0.5 else b""
            return frame(opcode, data[:cut], fin=False) + between + frame(CONTINUATION, data[cut:])
        if chance < 0.95:
            return frame(random.choice((PING, PONG)), data[:125])
        return frame(
            random.randrange(16),
            mutate(random, data),
            fin=random.random() < 0.7,
            reserved=random.choice((0, 0, 1, 4)),
            is_masked=random.random() < 0.8,
        )


class _BatchedStream(_WebSocketStream):
    """Several messages a frame."""

    subprotocol = "wamp.2.{}.batched"

    def messages(self) -> list[bytes]:
        parts = [batch_part(self.codec, data) for data in super().messages()]
        size = self.random.randrange(1, 5)
        return [b"".join(parts[start : start + size]) for start in range(0, len(parts), size)]


class _RawSocketStream(_Stream):
    """Sometimes PING and PONG, unknown frame types, and lengths that are not true."""

    def handshake(self) -> bytes:
        return bytes([0x7F, 0xF0 | CODECS.index(self.codec) + 1, 0, 0])

    def farewell(self) -> bytes:
        return raw_frame(0, encoded(self.codec, [6, {}, "wamp.close.normal"]) or b"")

    def framed(self, data: bytes) -> bytes:
        chance = self.random.random()
        if chance < 0.95:
            return raw_frame(self.random.choices((0, 1, 2), (90, 5, 5))[0], data)
        return mutate(self.random, raw_frame(self.random.randrange(256), data))


_STREAMS = (_WebSocketStream, _WebSocketStream, _BatchedStream, _RawSocketStream)


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
