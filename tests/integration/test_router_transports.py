"""One acceptance test over every endpoint, transport and serializer; then what is special to each endpoint."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from fairlead_router import (
    AnonymousAuthenticator,
    HelloRequest,
    Limits,
    Payload,
    PeerDetails,
    Principal,
    Router,
    TlsOptions,
)
from support.certificates import Authority, der_of
from support.core import EVERY_FEATURE
from support.waiting import eventually
from support.wamp import RAW_MESSAGE, Client, RawSocketClient, dial, dumps, raw_frame

Connect = Callable[..., Awaitable[Client]]
Place = tuple[int | str, ssl.SSLContext | None]

CODECS: tuple[Any, ...] = ("json", "msgpack", "cbor")
BIG = "x" * 300_000
KERNEL_BYTES = 128 << 10
"""What two sockets hold, the small receive buffer of the reader among it; up to 100 kB were measured."""
TLS_CLIENT_BYTES = 256 << 10
"""What asyncio's TLS reads on when its user has paused reading."""


class Curious(AnonymousAuthenticator):
    """Everybody is anonymous, and what is known of them is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.peers: list[PeerDetails] = []

    def authenticate(self, hello: HelloRequest) -> Principal:
        self.peers.append(hello.peer)
        return super().authenticate(hello)


@pytest.fixture
def curious() -> Curious:
    return Curious()


@pytest.fixture
async def router(curious: Curious) -> AsyncIterator[Router]:
    router = Router(Limits(close_timeout_s=0.3))
    router.add_realm("realm1", curious)
    yield router
    await router.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server_certificate(authority: Authority) -> str:
    return str(authority.issue("server"))


@pytest.fixture(params=["tcp", "tls", "unix", "fd"])
async def place(
    router: Router, authority: Authority, server_certificate: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Place:
    """An endpoint of each kind: the port or path to dial, and how to speak TLS there."""
    where = await _listen(router, request.param, server_certificate, tmp_path)
    return where, authority.client_context() if request.param == "tls" else None


@pytest.fixture
async def connect(place: Place) -> Connect:
    """Connects to an endpoint of each kind: give the client's class, its serializer and options."""
    where, context = place

    async def connect(client_type: type[Client], codec: Any, **options: Any) -> Client:
        return await client_type.connect(where, codec, tls=context, **options)

    return connect


async def _listen(router: Router, kind: str, certificate: str, directory: Path) -> int | str:
    path = str(directory / "router.sock")
    if kind == "unix":
        await router.listen(f"unix://{path}")
        return path
    if kind == "fd":
        inherited = socket.create_server(("127.0.0.1", 0))
        port: int = inherited.getsockname()[1]
        await router.listen(f"fd://{inherited.detach()}")
        return port
    if kind == "tls":
        return (await router.listen("tls://127.0.0.1:0", tls=TlsOptions(certificate=certificate))).port
    return (await router.listen("tcp://127.0.0.1:0")).port


TCP_OPTIONS = {
    "nodelay": socket.TCP_NODELAY,
    "unsent": 25,  # TCP_NOTSENT_LOWAT, for which Python 3.11 has no name
    "idle": socket.TCP_KEEPIDLE,
    "interval": socket.TCP_KEEPINTVL,
    "probes": socket.TCP_KEEPCNT,
}

TRANSPORTS: dict[str, tuple[type[Client], dict[str, Any]]] = {
    "websocket": (Client, {}),
    "batched": (Client, {"is_batched": True}),
    "rawsocket": (RawSocketClient, {}),
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_everything_over_every_transport(connect: Connect, router: Router, transport: str, codec: Any) -> None:
    """Join, subscribe, publish, register, call with progress, large messages, goodbye."""
    client_type, options = TRANSPORTS[transport]
    alice, bob = [await connect(client_type, codec, **options) for _ in range(2)]
    for client in (alice, bob):
        await client.join(EVERY_FEATURE)
    subscription = await alice.subscribe("com.x")
    assert (await bob.ask([16, 1, {"acknowledge": True}, "com.x", [BIG], {"k": 1}]))[0] == 17
    event = await alice.receive()
    assert (event[1], event[4:]) == (subscription, [[BIG], {"k": 1}])
    assert (await alice.ask([64, 2, {}, "com.p"]))[0] == 65
    bob.send([48, 2, {"receive_progress": True}, "com.p", [1]])
    invocation = await alice.receive()
    alice.send(
        *([70, invocation[1], {"progress": True}, [number]] for number in range(3)), [70, invocation[1], {}, [BIG]]
    )
    results = [await bob.receive() for _ in range(4)]
    assert [result[3][0] for result in results] == [0, 1, 2, BIG]
    for client in (alice, bob):
        assert await client.ask([6, {}, "wamp.close.close_realm"]) == [6, {}, "wamp.close.goodbye_and_out"]
        await client.close()
    await eventually(lambda: sum(listener.connections for listener in router.listeners) == 0)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 ", b"\x7f\xb1\0\0"], ids=["http", "rawsocket"])
async def test_first_bytes_may_come_one_by_one(place: Place, answer: bytes) -> None:
    reader, writer = await dial(place[0], tls=place[1])
    for octet in b"\x7f\xf1\0\0" if answer[0] == 0x7F else b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n":
        writer.write(bytes([octet]))
        await asyncio.sleep(0.001)
    assert await reader.readexactly(len(answer)) == answer
    writer.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_close_says_goodbye_on_every_transport(connect: Connect, router: Router, transport: str) -> None:
    client_type, options = TRANSPORTS[transport]
    client = await connect(client_type, "json", **options)
    await client.join()
    closing = asyncio.ensure_future(router.close())
    assert (await client.receive())[2] == "wamp.close.system_shutdown"
    client.send([6, {}, "wamp.close.goodbye_and_out"])
    await client.closed()
    await client.close()
    await closing
    assert sum(listener.connections for listener in router.listeners) == 0


# ---- little is beyond recall ----


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_residue_of_a_reader_that_stopped_is_bounded(connect: Connect, router: Router, transport: str) -> None:
    """G3: one write, the transport's buffer, and what the kernel holds; whatever is queued above can be taken back."""
    realm = router.realm("realm1")
    assert realm is not None
    client_type, options = TRANSPORTS[transport]
    slow = await connect(client_type, "json", receive_buffer=4096, **options)
    await slow.join()
    await slow.subscribe("com.x")
    slow.stop_reading()
    for number in range(400):
        realm.pubsub.deliver("com.x", Payload.from_values([number, "x" * 8000]), {})
        await asyncio.sleep(0)
    realm.kill("com.enough", "all that is queued is taken back", session_id=slow.session_id)
    received = slow.bytes_received
    slow.read_on()
    *events, goodbye = await slow.receive_until(6)
    assert goodbye[2] == "com.enough"
    assert [event[4][0] for event in events] == list(range(len(events))), "whole and in order"
    held_by_client = TLS_CLIENT_BYTES if slow.writer.get_extra_info("ssl_object") else 0
    assert slow.bytes_received - received < 2 * (64 << 10) + KERNEL_BYTES + held_by_client, "of 3.2 MB"
    await slow.close()


async def test_tls_buffers_no_more_than_a_bare_socket(
    router: Router, authority: Authority, server_certificate: str
) -> None:
    """G3 again, exactly: aiofastnet's own TLS buffers would take 260 kB more, which nobody can take back."""
    realm = router.realm("realm1")
    assert realm is not None
    bare = await router.listen("tcp://127.0.0.1:0")
    tls = await router.listen("tls://127.0.0.1:0", tls=TlsOptions(certificate=server_certificate))
    taken: list[int] = []
    for port, context in ((bare.port, None), (tls.port, authority.client_context())):
        with await asyncio.to_thread(subscribe_and_read_nothing, port, context):
            [session] = await eventually(lambda: [peer for peer in realm.peers() if peer.memberships])
            for number in range(300):
                realm.pubsub.deliver("com.x", Payload.from_values([number, "x" * 8000]), {})
                await asyncio.sleep(0)
            taken.append(300 * 8000 - session.outbox.size)
        await eventually(lambda: realm.is_empty)
    assert taken[1] < taken[0] + (16 << 10)


def subscribe_and_read_nothing(port: int, tls: ssl.SSLContext | None) -> socket.socket:
    """A RawSocket client that leaves everything to the kernel (asyncio's TLS reads on when its user does not)."""
    client = socket.create_connection(("127.0.0.1", port))
    if tls is not None:
        client = tls.wrap_socket(client, server_hostname="localhost")
    hello = dumps("json", [1, "realm1", {"roles": {"subscriber": {}}}])
    subscribe = dumps("json", [32, 1, {}, "com.x"])
    client.sendall(b"\x7f\xf1\0\0" + raw_frame(RAW_MESSAGE, hello) + raw_frame(RAW_MESSAGE, subscribe))
    return client


@pytest.mark.parametrize("place", ["tcp", "tls"], indirect=True)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_reader_that_was_too_slow_is_reset(connect: Connect, router: Router, transport: str) -> None:
    """RST: the kernel forgets what it has not sent."""
    realm = router.realm("realm1")
    assert realm is not None
    client_type, options = TRANSPORTS[transport]
    slow = await connect(client_type, "json", receive_buffer=4096, **options)
    await slow.join()
    await slow.subscribe("com.x")
    slow.stop_reading()
    for number in range(600):
        realm.pubsub.deliver("com.x", Payload.from_values([number, "x" * 8000]), {})
        await asyncio.sleep(0)
    await eventually(lambda: sum(listener.connections for listener in router.listeners) == 0)
    assert realm.counters.sessions_too_slow == 1
    slow.read_on()
    end = await slow.closed()
    assert isinstance(end.__cause__, ConnectionResetError)
    await slow.close()


@pytest.mark.parametrize("seconds", [0.01, 10**9])
async def test_any_ping_interval_is_one_that_the_kernel_takes(seconds: float) -> None:
    router = Router(Limits(ping_interval_s=seconds, ping_timeout_s=10**9))
    router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    async with await RawSocketClient.connect(listener.port) as client:
        await client.join()
    await router.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("place", ["tcp", "tls", "fd"], indirect=True)
async def test_every_connection_has_what_its_listener_set(connect: Connect, router: Router, transport: str) -> None:
    client_type, options = TRANSPORTS[transport]
    client = await connect(client_type, "json", **options)
    await client.join()
    [listener] = router.listeners
    [peer] = listener._policy.open_peers
    accepted = cast(Any, peer)._network.get_extra_info("socket")
    limits = router.limits
    found = {name: accepted.getsockopt(socket.IPPROTO_TCP, option) for name, option in TCP_OPTIONS.items()}
    interval_s = int(limits.ping_interval_s)
    assert found == {
        "nodelay": 1,
        "unsent": limits.unsent_bytes,
        "idle": interval_s,
        "interval": interval_s,
        "probes": int(limits.ping_timeout_s / interval_s),
    }
    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    await client.close()


# ---- what is known of the peer ----


@pytest.mark.parametrize("place", ["tcp", "unix"], indirect=True)
async def test_authenticator_knows_transport_serializer_and_address(
    connect: Connect, curious: Curious, request: pytest.FixtureRequest
) -> None:
    address = {"tcp": "127.0.0.1", "unix": "unix"}[request.node.callspec.params["place"]]
    expected = {"websocket": "websocket", "batched": "websocket", "rawsocket": "rawsocket"}
    for transport, (client_type, options) in TRANSPORTS.items():
        async with await connect(client_type, "cbor", **options) as client:
            await client.join()
        serializer = "cbor.batched" if transport == "batched" else "cbor"
        assert curious.peers[-1] == PeerDetails(transport=expected[transport], serializer=serializer, address=address)


async def test_authenticator_knows_the_cookies(router: Router, curious: Curious) -> None:
    listener = await router.listen("tcp://127.0.0.1:0")
    headers = {"Cookie": 'a=1; b="two"; broken; a=3; c=x y'}
    async with await Client.connect(listener.port, headers=headers) as client:
        await client.join()
        assert "Set-Cookie" not in client.answer
    assert curious.peers[-1].cookies == {"a": "1", "b": "two"}


async def test_listener_with_cookies_gives_a_browser_an_id_once(router: Router, curious: Curious) -> None:
    listener = await router.listen("tcp://127.0.0.1:0", cookies=True, path="/wamp")
    async with await Client.connect(listener.port, path="/wamp") as client:
        await client.join()
        [cookie] = [line for line in client.answer.split("\r\n") if line.startswith("Set-Cookie: ")]
    value = curious.peers[-1].cookies["fairlead_id"]
    assert cookie == f"Set-Cookie: fairlead_id={value}; Path=/wamp; HttpOnly; SameSite=Lax"
    assert len(value) == 32
    async with await Client.connect(listener.port, path="/wamp", headers={"Cookie": f"fairlead_id={value}"}) as client:
        await client.join()
        assert "Set-Cookie" not in client.answer
    assert curious.peers[-1].cookies == {"fairlead_id": value}


async def test_with_tls_a_planted_cookie_counts_nothing(router: Router, curious: Curious) -> None:
    listener = await router.listen("tcp://127.0.0.1:0", cookies=True, trusted_proxies=["127.0.0.1"])
    headers = {"Cookie": "fairlead_id=planted", "X-Forwarded-Proto": "https"}
    async with await Client.connect(listener.port, headers=headers) as client:
        await client.join()
    value = curious.peers[-1].cookies["fairlead_id"]
    assert f"Set-Cookie: __Host-fairlead_id={value}; Path=/; HttpOnly; SameSite=Lax; Secure" in client.answer
    headers = {"Cookie": f"fairlead_id=planted; __Host-fairlead_id={value}", "X-Forwarded-Proto": "https"}
    async with await Client.connect(listener.port, headers=headers) as client:
        await client.join()
        assert "Set-Cookie" not in client.answer
    assert curious.peers[-1].cookies == {"fairlead_id": value}


# ---- Unix sockets and inherited descriptors ----


async def test_socket_file_has_its_mode_and_is_gone_afterwards(router: Router, tmp_path: Path) -> None:
    path = tmp_path / "router.sock"
    listener = await router.listen(f"unix://{path}", unix_mode=0o660)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert listener.port == 0
    await router.close()
    assert not path.exists()


async def test_socket_file_is_for_its_owner_only_unless_told_otherwise(router: Router, tmp_path: Path) -> None:
    path = tmp_path / "router.sock"
    await router.listen(f"unix://{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_stale_socket_file_is_replaced(router: Router, tmp_path: Path) -> None:
    path = tmp_path / "router.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    await router.listen(f"unix://{path}")
    async with await Client.joined(str(path)) as client:
        assert client.session_id


async def test_socket_file_in_use_is_left_alone(router: Router, tmp_path: Path) -> None:
    path = tmp_path / "router.sock"
    await router.listen(f"unix://{path}")
    with pytest.raises(OSError, match="in use") as caught:
        await router.listen(f"unix://{path}")
    assert caught.value.errno == errno.EADDRINUSE
    async with await Client.joined(str(path)) as client:
        assert client.session_id


async def test_other_files_are_left_alone(router: Router, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data", encoding="utf-8")
    with pytest.raises(OSError, match="in use"):
        await router.listen(f"unix://{path}")
    assert path.read_text(encoding="utf-8") == "data"


async def test_file_that_took_the_place_of_ours_is_left_alone(router: Router, tmp_path: Path) -> None:
    path = tmp_path / "router.sock"
    await router.listen(f"unix://{path}")
    path.rename(tmp_path / "moved")
    path.write_text("somebody else's", encoding="utf-8")
    await router.close()
    assert path.exists()


@pytest.mark.parametrize("kind", ["closed", "file", "not listening"])
async def test_descriptor_that_does_not_listen_is_an_os_error(router: Router, kind: str, tmp_path: Path) -> None:
    descriptor = {
        "closed": lambda: 1000,
        "file": lambda: os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR),
        "not listening": lambda: socket.socket().detach(),
    }[kind]()
    with pytest.raises(OSError):
        await router.listen(f"fd://{descriptor}")
    if kind != "closed":
        os.close(descriptor)


@pytest.mark.parametrize("endpoint", ["unix://relative", "unix:///", "fd://x", "fd://-1", "ftp://h:1", "tls://h"])
async def test_bad_endpoint_is_a_value_error(router: Router, endpoint: str) -> None:
    with pytest.raises(ValueError, match="must be tcp://HOST:PORT"):
        await router.listen(endpoint, tls=TlsOptions(certificate="none"))


# ---- TLS ----


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("client_type", [Client, RawSocketClient])
async def test_client_certificate_and_channel_id_are_known(
    router: Router,
    curious: Curious,
    authority: Authority,
    server_certificate: str,
    version: ssl.TLSVersion,
    client_type: type[Client],
) -> None:
    options = TlsOptions(
        certificate=server_certificate, client_ca=str(authority.certificate), client_certificate="required"
    )
    listener = await router.listen("tls://127.0.0.1:0", tls=options)
    certificate = authority.issue("alice")
    context = authority.client_context(certificate)
    context.maximum_version = version
    async with await client_type.connect(listener.port, tls=context) as client:
        await client.join()
        tls = client.writer.get_extra_info("ssl_object")
        binding = tls.get_channel_binding("tls-unique")
    peer = curious.peers[-1]
    assert peer.is_secure
    assert peer.certificate == der_of(certificate)
    assert peer.channel_id == (binding if version is ssl.TLSVersion.TLSv1_2 else None)


@pytest.mark.parametrize(("rule", "is_taken"), [("none", True), ("optional", True), ("required", False)])
async def test_client_without_a_certificate(
    router: Router, curious: Curious, authority: Authority, server_certificate: str, rule: Any, is_taken: bool
) -> None:
    options = TlsOptions(certificate=server_certificate, client_ca=str(authority.certificate), client_certificate=rule)
    listener = await router.listen("tls://127.0.0.1:0", tls=options)
    if is_taken:
        async with await Client.connect(listener.port, tls=authority.client_context()) as client:
            await client.join()
        assert curious.peers[-1].certificate is None
    else:
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await Client.connect(listener.port, tls=authority.client_context())
        assert router.counters.handshakes_failed == 1


async def test_client_certificate_of_a_stranger_fails_the_handshake(
    router: Router, authority: Authority, server_certificate: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = TlsOptions(
        certificate=server_certificate, client_ca=str(authority.certificate), client_certificate="optional"
    )
    listener = await router.listen("tls://127.0.0.1:0", tls=options)
    context = authority.client_context(Authority(tmp_path, "stranger").issue("mallory"))
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await Client.connect(listener.port, tls=context)
    await eventually(lambda: router.counters.handshakes_failed == 1)
    assert caplog.text == "", "a peer's mistake is no line in the log"


async def test_old_tls_and_no_tls_are_refused(router: Router, authority: Authority, server_certificate: str) -> None:
    options = TlsOptions(certificate=server_certificate, minimum="1.3")
    listener = await router.listen("tls://127.0.0.1:0", tls=options)
    context = authority.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await Client.connect(listener.port, tls=context)
    reader, writer = await dial(listener.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert not (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    await eventually(lambda: router.counters.handshakes_failed == 2)


async def test_stranger_that_hangs_up_within_the_tls_handshake_is_no_line_in_the_log(
    router: Router, server_certificate: str, caplog: pytest.LogCaptureFixture
) -> None:
    listener = await router.listen("tls://127.0.0.1:0", tls=TlsOptions(certificate=server_certificate))
    for beginning in (b"", b"\x16\x03\x01"):
        _, writer = await dial(listener.port)
        writer.write(beginning)
        writer.close()
    await eventually(lambda: router.counters.handshakes_failed == 2)
    assert caplog.text == ""


async def test_tls_handshake_must_come_in_time(server_certificate: str) -> None:
    router = Router(Limits(hello_timeout_s=0.1))
    listener = await router.listen("tls://127.0.0.1:0", tls=TlsOptions(certificate=server_certificate))
    reader, writer = await dial(listener.port)
    assert await reader.read() == b""
    writer.close()
    await router.close()


@pytest.mark.parametrize(
    ("endpoint", "options", "text"),
    [
        ("tls://127.0.0.1:0", None, "needs `tls`"),
        ("tcp://127.0.0.1:0", TlsOptions(certificate="x"), "does not speak TLS"),
        ("unix:///tmp/x", TlsOptions(certificate="x"), "does not speak TLS"),
        ("tls://127.0.0.1:0", TlsOptions(certificate="x", client_certificate="required"), "client_ca"),
    ],
)
async def test_tls_options_that_make_no_sense_are_a_value_error(
    router: Router, endpoint: str, options: TlsOptions | None, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        await router.listen(endpoint, tls=options)


async def test_missing_certificate_is_an_os_error(router: Router) -> None:
    with pytest.raises(FileNotFoundError, match="/nowhere"):
        await router.listen("tls://127.0.0.1:0", tls=TlsOptions(certificate="/nowhere"))
