"""Autobahn|Python over every transport that it has: RawSocket and WebSocket on TCP, TLS and Unix sockets, batches."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from autobahn.asyncio.component import Component
from autobahn.asyncio.rawsocket import WampRawSocketClientFactory
from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import CallOptions, ComponentConfig, PublishOptions, RegisterOptions

from fairlead_router import Limits, Router, TlsOptions
from support.certificates import Authority
from support.waiting import eventually
from support.wamp import RAW_PING, RAW_PONG, RawSocketClient, raw_frame

BIG = "x" * 500_000
SERIALIZERS: dict[str, Callable[..., Any]] = {
    "json": JsonSerializer,
    "msgpack": MsgPackSerializer,
    "cbor": CBORSerializer,
}


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router(Limits(close_timeout_s=1))
    router.add_realm("realm1")
    yield router
    await router.close()


async def exchange(session: Any) -> None:
    """What a program does with a session, to itself."""
    events: list[Any] = []
    await session.subscribe(lambda *args, **kwargs: events.append((args, kwargs)), "com.x")
    options = PublishOptions(acknowledge=True, exclude_me=False)
    for number in range(20):
        await session.publish("com.x", number, BIG if number == 10 else "", k=number, options=options)
    await eventually(lambda: len(events) == 20)
    assert events == [((number, BIG if number == 10 else ""), {"k": number}) for number in range(20)]

    async def count(n: int, details: Any) -> str:
        for number in range(n):
            details.progress(number)
        return BIG

    await session.register(count, "com.count", options=RegisterOptions(details=True))
    seen: list[int] = []
    assert await session.call("com.count", 30, options=CallOptions(on_progress=seen.append)) == BIG
    assert seen == list(range(30))
    with pytest.raises(ApplicationError, match="no_such_procedure"):
        await session.call("com.nobody")


async def run(transport: dict[str, Any]) -> None:
    """One component with one session over this transport; what fails in the session fails here."""
    component = Component(transports=[{**transport, "max_retries": 0}], realm="realm1")
    result: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @component.on_join
    async def joined(session: Any, _details: Any) -> None:
        try:
            await exchange(session)
        except BaseException as error:  # noqa: BLE001 - handed on
            result.set_exception(error)
        else:
            result.set_result(None)
        session.leave()

    done = component.start(loop=asyncio.get_running_loop())
    await asyncio.wait({result, done}, return_when=asyncio.FIRST_COMPLETED)
    await done
    await result


class Place:
    """Where a router listens, and how to get there."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "router.sock")
        self.port = 0
        self.tls: ssl.SSLContext | None = None
        self._directory = directory

    async def listen(self, router: Router, endpoint: str) -> None:
        if endpoint == "unix":
            await router.listen(f"unix://{self.path}")
        elif endpoint == "tls":
            authority = Authority(self._directory)
            options = TlsOptions(certificate=str(authority.issue("server")))
            self.port = (await router.listen("tls://127.0.0.1:0", tls=options)).port
            self.tls = authority.client_context()
        else:
            self.port = (await router.listen("tcp://127.0.0.1:0")).port

    @property
    def url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://localhost:{self.port or 80}/ws"

    def component_endpoint(self) -> dict[str, Any]:
        if self.port:
            return {"type": "tcp", "host": "localhost", "port": self.port, "tls": self.tls or False}
        return {"type": "unix", "path": self.path}

    async def connect(self, factory: Any) -> None:
        loop = asyncio.get_running_loop()
        if self.port:
            name = "localhost" if self.tls else None
            await loop.create_connection(factory, "127.0.0.1", self.port, ssl=self.tls, server_hostname=name)
        else:
            await loop.create_unix_connection(factory, self.path)


@pytest.fixture
async def place(router: Router, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    place = Place(tmp_path)
    await place.listen(router, request.param)
    return place


each_endpoint = pytest.mark.parametrize("place", ["tcp", "tls", "unix"], indirect=True)
each_serializer = pytest.mark.parametrize("serializer", SERIALIZERS)


@each_serializer
@each_endpoint
async def test_component_over_websocket(place: Place, serializer: str) -> None:
    endpoint = place.component_endpoint()
    await run({"type": "websocket", "url": place.url, "endpoint": endpoint, "serializers": [serializer]})


class Session(ApplicationSession):
    """A session whose end can be waited for."""

    def __init__(self) -> None:
        super().__init__(ComponentConfig("realm1"))
        loop = asyncio.get_running_loop()
        self.joined: asyncio.Future[None] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()

    def onJoin(self, details: Any) -> None:  # noqa: N802
        self.joined.set_result(None)

    def onDisconnect(self) -> None:  # noqa: N802
        self.gone.set_result(None)


@each_serializer
@each_endpoint
async def test_session_over_rawsocket(place: Place, serializer: str) -> None:
    session = Session()
    await place.connect(WampRawSocketClientFactory(lambda: session, serializer=SERIALIZERS[serializer]()))
    await session.joined
    await exchange(session)
    session.leave()
    await session.gone


@pytest.mark.parametrize("serializer", ["msgpack", "cbor"])
@pytest.mark.parametrize("place", ["tcp"], indirect=True)
async def test_session_over_batched_websocket(place: Place, serializer: str) -> None:
    """Not JSON: Autobahn|Python ends its messages with the octal 30 (0x18) in the place of the decimal (0x1E)."""
    session = Session()
    serializers = [SERIALIZERS[serializer](batched=True)]
    await place.connect(WampWebSocketClientFactory(lambda: session, place.url, serializers=serializers))
    await session.joined
    await exchange(session)
    session.leave()
    await session.gone


async def test_silent_rawsocket_session_stays() -> None:
    """Autobahn|Python has no answer to a PING of RawSocket but to end the connection."""
    router = Router(Limits(close_timeout_s=1, ping_interval_s=0.05, ping_timeout_s=0.05))
    router.add_realm("realm1")
    session, pinged = Session(), 0
    port = (await router.listen("tcp://127.0.0.1:0")).port
    factory = WampRawSocketClientFactory(lambda: session, serializer=JsonSerializer())
    await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port)
    await session.joined
    async with await RawSocketClient.connect(port) as other:
        await other.join()
        while pinged < 3:
            kind, payload = await other.receive_frame()
            assert kind == RAW_PING
            other.writer.write(raw_frame(RAW_PONG, payload))
            pinged += 1
    await exchange(session)
    session.leave()
    await session.gone
    await router.close()
