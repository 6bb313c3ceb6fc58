"""Who may connect, how often, and what happens where there is no room; and who is behind a proxy."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead_router import AnonymousAuthenticator, HelloRequest, Limits, PeerDetails, Principal, Router
from support.waiting import eventually
from support.wamp import Client, RefusedError, dial

CROWDED = Path(__file__).with_name("crowded_router.py")


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
    router = Router(Limits(close_timeout_s=0.3, connections=3, connections_per_address=2))
    router.add_realm("realm1", curious)
    yield router
    await router.close()


# ---- too many ----


async def test_one_address_has_so_many_connections_over_all_listeners(router: Router) -> None:
    ports = [(await router.listen("tcp://127.0.0.1:0")).port for _ in range(2)]
    clients = [await Client.joined(port) for port in ports]
    with pytest.raises(RefusedError, match="connections_per_address") as caught:
        await Client.connect(ports[0])
    assert caught.value.status == 429
    assert router.counters.limits_exceeded == {"connections_per_address": 1}
    await clients.pop().close()
    await eventually(lambda: sum(listener.connections for listener in router.listeners) == 1)
    clients.append(await Client.joined(ports[0]))
    for client in clients:
        await client.close()


async def test_all_together_have_so_many_connections(router: Router, tmp_path: Path) -> None:
    path = str(tmp_path / "router.sock")
    await router.listen(f"unix://{path}")
    clients = [await Client.joined(path) for _ in range(3)]
    with pytest.raises(RefusedError, match="connections") as caught:
        await Client.connect(path)
    assert caught.value.status == 503
    await clients.pop().close()
    await eventually(lambda: router.listeners[0].connections == 2)
    clients.append(await Client.joined(path))
    for client in clients:
        await client.close()


async def test_refused_and_half_open_connections_are_forgotten(router: Router) -> None:
    listener = await router.listen("tcp://127.0.0.1:0")
    for _ in range(10):
        with pytest.raises(RefusedError):
            await Client.connect(listener.port, path="/other")
        _, writer = await dial(listener.port)
        writer.write(b"GET")
        writer.close()
    await eventually(lambda: router._admission.total == 0)
    async with await Client.joined(listener.port) as client:
        assert client.session_id


async def test_lack_of_descriptors_is_survived() -> None:
    """The kernel keeps who comes meanwhile; they are served when others have gone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        CROWDED,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    crowd = [await dial(port) for _ in range(60)]
    async with asyncio.timeout(10):
        for _, writer in crowd[:50]:
            writer.close()
        async with await Client.joined(port) as client:
            assert client.session_id
    for _, writer in crowd[50:]:
        writer.close()
    output, errors = await process.communicate(b"")
    assert int(output) >= 1
    assert b"cannot accept connections for 1 s: Too many open files" in errors
    assert b"Traceback" not in errors


# ---- proxies ----


async def test_client_of_a_trusted_proxy_is_known_by_its_own_address(router: Router, curious: Curious) -> None:
    listener = await router.listen("tcp://127.0.0.1:0", trusted_proxies=["127.0.0.0/8"], cookies=True)
    headers = {"X-Forwarded-For": "127.0.0.1, 198.51.100.7", "X-Forwarded-Proto": "https"}
    async with await Client.connect(listener.port, headers=headers) as client:
        await client.join()
        assert "; Secure\r\n" in client.answer
    peer = curious.peers[-1]
    assert (peer.address, peer.is_secure) == ("198.51.100.7", True)


async def test_nobody_becomes_somebody_else_without_a_trusted_proxy(router: Router, curious: Curious) -> None:
    listener = await router.listen("tcp://127.0.0.1:0", trusted_proxies=["10.0.0.0/8"])
    headers = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "Forwarded": "for=198.51.100.7"}
    async with await Client.connect(listener.port, headers=headers) as client:
        await client.join()
    assert (curious.peers[-1].address, curious.peers[-1].is_secure) == ("127.0.0.1", False)


async def test_connections_behind_a_proxy_count_by_the_client(router: Router) -> None:
    """Before the proxy rule one client behind it could lock all others out, or be as many as it likes."""
    listener = await router.listen("tcp://127.0.0.1:0", trusted_proxies=["127.0.0.1"])
    mine = {"X-Forwarded-For": "198.51.100.7"}
    clients = [await Client.connect(listener.port, headers=mine) for _ in range(2)]
    with pytest.raises(RefusedError) as caught:
        await Client.connect(listener.port, headers={"X-Forwarded-For": "203.0.113.5, 198.51.100.7"})
    assert caught.value.status == 429
    clients.append(await Client.connect(listener.port, headers={"X-Forwarded-For": "203.0.113.5"}))
    for client in clients:
        await client.close()


@pytest.mark.parametrize("proxy", ["proxy.example", "10.0.0.1/8"])
async def test_proxy_that_is_no_address_is_a_value_error(router: Router, proxy: str) -> None:
    with pytest.raises(ValueError):
        await router.listen("tcp://127.0.0.1:0", trusted_proxies=[proxy])
