"""`fairlead serve` as a process: ready, reachable, refusing, ending."""

from __future__ import annotations

import asyncio
import signal
import socket
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from fairlead_client import Refused
from fairlead_client.asyncio import call, connect, disconnect
from support.running import Running, refused, serving, start, without_page_note
from support.serving import COMMAND_S, FAIRLEAD, is_gone, line_with
from support.waiting import eventually
from support.wamp import ROLES, Client

# The time until the first request can be answered, imports included.
READY_LIMIT_S = 1.5


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def server(data: Path) -> AsyncIterator[Running]:
    async with serving(data) as running:
        yield running


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """For tests that leave it as it was."""
    async with serving(tmp_path_factory.mktemp("shared") / "data") as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


# ---------------------------------------------------------------- ready


async def test_the_ready_line_names_the_port_that_the_system_chose(
    shared: Running, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{shared.address}health") as response:
        assert response.status == 200
        assert (await response.json())["status"] == "ok"
    async with http.get(f"{shared.address}ready") as response:
        assert response.status == 200


async def test_it_is_ready_within_its_time(tmp_path: Path) -> None:
    times_s = []
    for attempt in range(3):  # the best one: what else the machine does is not the server's
        began_s = time.monotonic()
        async with serving(tmp_path / str(attempt)):
            times_s.append(time.monotonic() - began_s)
    assert min(times_s) < READY_LIMIT_S


async def test_one_port_serves_page_and_websocket(shared: Running, http: aiohttp.ClientSession) -> None:
    async with http.get(shared.address) as response:
        assert response.content_type in {"text/html", "text/plain"}  # plain where the page is not built
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    async with http.get(f"{shared.address}nothing/here") as response:
        assert (response.status, response.content_type) == (404, "text/plain")
    session = await connect(shared.url, token=shared.token)
    assert await call(session, "fairlead.log.list") == {"streams": [], "after": None}
    await disconnect(session)


async def test_files_and_directory_are_private(shared: Running) -> None:
    assert stat.S_IMODE(shared.data.stat().st_mode) == 0o700
    for file in shared.data.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.mark.parametrize("name", ["a?b", "a%20b", "ü x", "#h"])
async def test_any_directory_will_do(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path / name):
        assert names_in(tmp_path) == [name]
        assert {"logs.sqlite", "permissions.sqlite"} <= set(names_in(tmp_path / name))


async def test_the_admin_token_is_kept_over_a_restart(data: Path) -> None:
    async with serving(data) as first:
        token = first.token
        await first.end()
    async with serving(data) as second:
        assert second.token == token
        await disconnect(await connect(second.url, token=token))


# ---------------------------------------------------------------- who is refused


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}])
async def test_a_foreign_page_gets_403_everywhere(
    shared: Running, http: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    for path in ("", "health", "ws"):
        async with http.get(f"{shared.address}{path}", headers=headers) as response:
            assert response.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(shared.url, headers=headers, protocols=["wamp.2.json"])
    assert caught.value.status == 403


async def test_a_later_request_of_a_connection_is_judged_too(shared: Running, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{shared.address}health") as response:
        await response.read()
    async with http.get(f"{shared.address}health", headers={"Host": "evil.example"}) as response:
        assert response.status == 403


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_and_not_logged(server: Running, request_bytes: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request_bytes)
    status = (await asyncio.wait_for(reader.readline(), COMMAND_S)).split()[1]
    assert status in {b"400", b"405"}
    writer.close()
    assert without_page_note((await server.end()).stderr) == ""


async def test_a_plain_request_for_the_websocket_is_told_so(shared: Running, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{shared.address}ws") as response:
        assert (response.status, response.headers["Upgrade"]) == (426, "websocket")


async def test_without_a_token_nothing_is_allowed(shared: Running) -> None:
    session = await connect(shared.url)
    with pytest.raises(Exception, match="not_authorized"):
        await call(session, "fairlead.log.create", "job")
    await disconnect(session)


async def test_a_bad_token_is_refused(shared: Running) -> None:
    with pytest.raises(Refused, match="not valid"):
        await connect(shared.url, token="v2/no/such")


async def test_an_open_server_lets_anonymous_do_everything(data: Path) -> None:
    async with serving(data, "--open", "--listen", "127.0.0.1:0") as server:
        session = await connect(server.url)
        assert (await call(session, "fairlead.log.create", "job"))["next"] == 0
        await disconnect(session)
        assert "everybody on this machine may do everything" in (await server.end()).stderr


async def test_an_open_server_opens_the_main_realm_and_no_other(tmp_path: Path, data: Path) -> None:
    (tmp_path / "fairlead.toml").write_text(
        "listen = '127.0.0.1:0'\n[[realms]]\nname = 'other'\nanonymous_role = 'guest'\n", encoding="utf-8"
    )
    async with serving(data, "--config", "fairlead.toml", "--open") as server, await Client.connect(server.port) as one:
        await one.join()
        assert (await one.ask([48, 1, {}, "wamp.session.count"]))[0] == 50
        assert (await one.ask([64, 2, {}, "com.x"]))[0] == 65
        assert (await one.ask([64, 3, {}, "fairlead.log.append"]))[4] == "wamp.error.not_authorized"
        async with await Client.connect(server.port) as guest:
            assert (await guest.ask([1, "other", {"roles": ROLES}]))[0] == 2
            for number, request in enumerate(([32, "com.x"], [48, "wamp.session.count"], [64, "com.x"]), 1):
                assert (await guest.ask([request[0], number, {}, request[1]]))[4] == "wamp.error.not_authorized"


async def test_without_open_strangers_ask_the_meta_api_nothing(shared: Running) -> None:
    async with await Client.connect(shared.port) as client:
        await client.join()
        assert (await client.ask([48, 1, {}, "wamp.session.count"]))[4] == "wamp.error.not_authorized"
        assert (await client.ask([32, 2, {}, "wamp.session.on_join"]))[4] == "wamp.error.not_authorized"


# ---------------------------------------------------------------- what cannot start


async def test_a_busy_port_is_named(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = await refused(data, "--listen", f"127.0.0.1:{port}")
    assert said.startswith(f"fairlead: port {port} of 127.0.0.1 is in use by another program")


async def test_an_address_of_another_machine_is_named(tmp_path: Path, data: Path) -> None:
    (tmp_path / "fairlead.toml").write_text("listen = '192.0.2.1:8080'\n")
    said = await refused(data, "--config", "fairlead.toml")
    assert said == "fairlead: cannot listen on tcp://192.0.2.1:8080: this machine has no address 192.0.2.1\n"


async def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = await refused(tmp_path / "data", "--data", "file/data")
    assert said == "fairlead: cannot write to the data directory 'file/data': Not a directory\n"


async def test_a_second_server_on_the_same_data_is_refused(shared: Running) -> None:
    said = await refused(shared.data, "--listen", "127.0.0.1:0")
    assert f"in use by another server (process {shared.process.pid})" in said


async def test_a_store_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs.sqlite").write_bytes(b"this is not a database" * 100)
    assert "logs.sqlite" in await refused(tmp_path, "--listen", "127.0.0.1:0")


@pytest.mark.parametrize(
    ("toml", "options", "said"),
    [
        ("lisen = 'x'", (), "fairlead.toml:1: unknown key 'lisen'; allowed are listen, data"),
        ("listen = 'x'", (), "fairlead.toml:1: listen: 'x' must be HOST:PORT"),
        ("", ("--listen", "0.0.0.0:0"), "--listen '0.0.0.0:0' is not a loopback address"),
        ("listen = '0.0.0.0:0'", ("--open",), "--open: an open server lets everybody do everything"),
        ("=", (), "fairlead.toml: not TOML: Invalid statement"),
        ("", ("--config", "nowhere.toml"), "cannot read the configuration 'nowhere.toml': No such file or directory"),
        ("", ("--config", "."), "cannot read the configuration '.': Is a directory"),
        ("listen = 8080", (), "fairlead.toml:1: listen: Expected 'str', got 'int' (8080)"),
        ("[limits]\nwrite_bytes = 5000000", (), "limits.write_bytes: 5000000 must be at most outbox_bytes"),
        ("[options]\nslow_consumer = 'x'", (), "options.slow_consumer: Invalid enum value 'x'; allowed are"),
        ("[auth]\nusers_file = 'nowhere'", (), "auth.users_file: cannot read 'nowhere': No such file"),
        ("[[realms]]\nname = 'x'", (), "fairlead.toml:2: realms[0].name: 'x': nobody could join"),
        ("[[listeners]]\nendpoint = 'x'", (), "listeners[0].endpoint: endpoint 'x' must be tcp://HOST:PORT"),
    ],
)
async def test_a_bad_configuration_is_one_line(
    tmp_path: Path, data: Path, toml: str, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "fairlead.toml").write_text(toml)
    assert said in await refused(data, "--config", "fairlead.toml", *options)
    assert names_in(tmp_path) == ["fairlead.toml"]


async def test_a_configuration_may_open_it_to_other_machines(tmp_path: Path, data: Path) -> None:
    (tmp_path / "fairlead.toml").write_text("listen = '0.0.0.0:0'\n[limits]\nmessage_bytes = 65536\n")
    process = await start(data, "--config", "fairlead.toml")
    try:
        assert "http://0.0.0.0:" in await line_with(process.stdout, "listening")
    finally:
        process.terminate()
        await process.communicate()


# ---------------------------------------------------------------- its end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(server: Running, number: int) -> None:
    session = await connect(server.url, token=server.token)
    reasons: asyncio.Queue[str] = asyncio.Queue()
    session.session.on("leave", lambda _, details: reasons.put_nowait(details.reason))
    began_s = time.monotonic()
    done = await server.end(number)
    assert done.status == 0
    assert time.monotonic() - began_s < 5
    assert await asyncio.wait_for(reasons.get(), COMMAND_S) == "wamp.close.system_shutdown"
    assert without_page_note(done.stderr) == ""
    await disconnect(session)


async def test_a_second_signal_ends_it_at_once(server: Running) -> None:
    # A peer that does not answer GOODBYE is what an orderly end waits for.
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    server.process.terminate()
    await eventually(lambda: not is_listening(server.port), what="no new connections")
    done = await server.end()
    assert (done.status, done.stderr.splitlines()[-1]) == (143, "fairlead: stopped at once: a second signal")
    writer.close()


async def test_it_ends_with_its_parent_where_that_is_asked_for(data: Path) -> None:
    command = (*FAIRLEAD, "serve", "--data", str(data), "--listen", "127.0.0.1:0", "--exit-with-parent")
    parent = await asyncio.create_subprocess_exec(
        "sh", "-c", '"$@" & echo pid $!; wait', "sh", *command,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, cwd=data.parent,
    )  # fmt: skip
    pid = int((await line_with(parent.stdout, "pid")).split()[1])
    await line_with(parent.stdout, "listening")
    parent.kill()
    await parent.communicate()
    await is_gone(pid)
