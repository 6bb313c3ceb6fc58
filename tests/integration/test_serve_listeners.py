"""`[[listeners]]`: a server with endpoints beside the first one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead_server.composition import Server
from fairlead_server.config import Config
from fairlead_server.config.listeners import ListenerTable, TlsTable
from fairlead_server.errors import CommandError
from support.certificates import Authority
from support.wamp import Client, RawSocketClient, dial


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def config(tmp_path: Path, authority: Authority) -> Config:
    return Config(
        listen="127.0.0.1:0",
        data=str(tmp_path / "data"),
        listeners=(
            ListenerTable(endpoint=f"unix://{tmp_path}/router.sock", unix_mode="0660"),
            ListenerTable(endpoint="tls://127.0.0.1:0", tls=TlsTable(certificate=str(authority.issue("server")))),
        ),
    )


@pytest.fixture
async def server(config: Config) -> AsyncIterator[Server]:
    server = await Server.open(config)
    yield server
    await server.close()


async def test_each_endpoint_serves_wamp_and_http(server: Server, authority: Authority, tmp_path: Path) -> None:
    unix, tls = server.other_endpoints
    assert unix == f"unix://{tmp_path}/router.sock"
    port = int(tls.removeprefix("tls://127.0.0.1:"))
    context = authority.client_context()
    ends = ((server.port, None), (unix.removeprefix("unix://"), None), (port, context))
    for where, tls_context in ends:
        for client_type in (Client, RawSocketClient):
            async with await client_type.connect(where, tls=tls_context) as client:
                await client.join()
        reader, writer = await dial(where, tls=tls_context)
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_socket_file_goes_with_the_server(config: Config, tmp_path: Path) -> None:
    server = await Server.open(config)
    socket = tmp_path / "router.sock"
    assert socket.stat().st_mode & 0o777 == 0o660
    await server.close()
    assert not socket.exists()


@pytest.mark.parametrize(
    ("listener", "text"),
    [
        (ListenerTable(endpoint="unix:///nowhere/router.sock"), "unix:///nowhere/router.sock: No such file"),
        (
            ListenerTable(endpoint="tls://127.0.0.1:0", tls=TlsTable(certificate="/nowhere")),
            "there is no file '/nowhere'",
        ),
        (
            ListenerTable(endpoint="tls://127.0.0.1:0", tls=TlsTable(certificate="/etc/passwd")),
            "there must be a certificate and its key in '/etc/passwd', as PEM",
        ),
        (
            ListenerTable(endpoint="tls://127.0.0.1:0", tls=TlsTable(certificate="", client_ca="/etc/passwd")),
            "there is no file ''",
        ),
        (
            ListenerTable(endpoint="unix:///tmp"),
            "unix:///tmp: another program listens there, or it is a file and no socket",
        ),
        (ListenerTable(endpoint="fd://999"), "fd://999: Bad file descriptor"),
    ],
)
async def test_endpoint_that_cannot_be_had_is_one_line(tmp_path: Path, listener: ListenerTable, text: str) -> None:
    config = Config(listen="127.0.0.1:0", data=str(tmp_path / "data"), listeners=(listener,))
    with pytest.raises(CommandError, match=f"cannot listen on .*{text}"):
        await Server.open(config)
