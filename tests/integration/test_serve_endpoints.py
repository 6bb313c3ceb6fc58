"""One server, one file, every endpoint: Autobahn and the `fairlead` command on each, and an end that leaves nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from autobahn.asyncio.rawsocket import WampRawSocketClientFactory
from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer
from autobahn.wamp.types import CloseDetails, ComponentConfig, PublishOptions

from support.certificates import Authority
from support.running import Running, serving, without_page_note
from support.serving import COMMAND_S, Commands
from support.waiting import eventually

CONFIG = """
listen = "127.0.0.1:0"
open = true

[[listeners]]
endpoint = "unix://{directory}/router.sock"
unix_mode = "0660"

[[listeners]]
endpoint = "tls://127.0.0.1:0"

[listeners.tls]
certificate = "{certificate}"
"""


class Session(ApplicationSession):
    """What it hears, and why it ends."""

    def __init__(self) -> None:
        super().__init__(ComponentConfig("realm1"))
        loop = asyncio.get_running_loop()
        self.joined: asyncio.Future[None] = loop.create_future()
        self.reason: asyncio.Future[str] = loop.create_future()
        self.heard: list[str] = []

    def onJoin(self, details: Any) -> None:  # noqa: N802
        self.joined.set_result(None)

    def onLeave(self, details: CloseDetails) -> None:  # noqa: N802
        self.reason.set_result(str(details.reason))
        self.disconnect()


class Site:
    """A server, and how to get to each of its endpoints."""

    def __init__(self, server: Running, authority: Authority) -> None:
        self.server = server
        self.authority = authority
        self.socket, self.tls = [endpoint.partition("://")[2] for endpoint in server.others]

    @property
    def wss_url(self) -> str:
        return f"wss://localhost:{self.tls.rpartition(':')[2]}/ws"

    async def sessions(self) -> list[Session]:
        """One by WebSocket and one by RawSocket on each endpoint."""
        loop = asyncio.get_running_loop()
        tls: dict[str, Any] = {"ssl": self.authority.client_context(), "server_hostname": "localhost"}
        tls_port = int(self.tls.rpartition(":")[2])
        sessions = []
        for url, serializer in ((self.server.url, JsonSerializer()), (None, CBORSerializer())):
            for connect, where in (
                (loop.create_connection, ("127.0.0.1", self.server.port)),
                (loop.create_unix_connection, (self.socket,)),
                (loop.create_connection, ("127.0.0.1", tls_port)),
            ):
                session = Session()
                factory = _factory(session, url, serializer)
                await connect(factory, *where, **(tls if where[-1] == tls_port else {}))
                sessions.append(session)
        await asyncio.wait_for(asyncio.gather(*(session.joined for session in sessions)), COMMAND_S)
        return sessions


def _factory(session: Session, url: str | None, serializer: Any) -> Callable[[], Any]:
    if url is None:
        return WampRawSocketClientFactory(lambda: session, serializer=serializer)
    return WampWebSocketClientFactory(lambda: session, url, serializers=[serializer])


def _has_heard(session: Session, events: list[str]) -> bool:
    return session.heard == events


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    authority = Authority(tmp_path)
    file = tmp_path / "fairlead.toml"
    file.write_text(CONFIG.format(directory=tmp_path, certificate=authority.issue("server")), encoding="utf-8")
    async with serving(tmp_path / "data", "--config", str(file)) as server:
        yield Site(server, authority)


async def test_sessions_of_all_endpoints_meet_and_end_together(site: Site, tmp_path: Path) -> None:
    sessions = await site.sessions()
    assert len(sessions) == 6
    for session in sessions:
        await session.subscribe(session.heard.append, "com.news")
    for number, session in enumerate(sessions):
        await session.publish("com.news", str(number), options=PublishOptions(acknowledge=True, exclude_me=False))
    for session in sessions:
        await eventually(partial(_has_heard, session, [str(number) for number in range(6)]))

    done = await site.server.end(signal.SIGINT)
    assert done.status == 0
    assert "Traceback" not in done.stderr
    assert [await asyncio.wait_for(session.reason, COMMAND_S) for session in sessions] == [
        "wamp.close.system_shutdown"
    ] * 6
    assert not (tmp_path / "router.sock").exists()
    for port in (site.server.port, int(site.tls.rpartition(":")[2])):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
    assert without_page_note(done.stderr) == (
        "fairlead: --open: everybody on this machine may do everything in the realm 'realm1'\n"
    )


async def test_commands_work_with_and_without_tls(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(site.authority.certificate))
    by_tls = Commands(site.wss_url, site.server.data, tmp_path)
    plain = Commands(site.server.url, site.server.data, tmp_path)
    assert (await by_tls.fairlead("run", "--object", "job", "--", "echo", "hello")).stdout == b"hello\n"
    assert (await plain.fairlead("logs", "-f", "job")).stdout == b"hello\n"
    assert (await by_tls.fairlead("token", "bob", "--create")).status == 0
    assert (await plain.fairlead("grant", "bob", "read", "job")).status == 0
    assert b"yes" in (await by_tls.fairlead("can", "bob", "read", "job")).stdout


async def test_commands_do_not_trust_just_any_server(site: Site, tmp_path: Path) -> None:
    done = await Commands(site.wss_url, site.server.data, tmp_path).fairlead("can", "bob", "read", "job")
    assert (done.status, done.stderr.count("\n")) == (125, 1)
    assert "its certificate is not trusted: unable to get local issuer certificate" in done.stderr


async def test_command_says_that_an_endpoint_speaks_no_tls(site: Site, tmp_path: Path) -> None:
    url = site.server.url.replace("ws://", "wss://")
    done = await Commands(url, site.server.data, tmp_path).fairlead("can", "bob", "read", "job")
    assert (done.status, done.stderr) == (125, f"fairlead: cannot reach {url}: TLS failed: wrong version number\n")
