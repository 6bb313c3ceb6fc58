"""A server that is cut off from the database of its permissions, or stopped, serves nobody by rights that may be old.

Another one takes the realm over and revokes; from its acknowledgement on the first one hands nothing to anybody. Where
the lease is switched off these tests see the leak.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from fairlead_authz import Authz, Grant, Put, Revoke, UriRule
from fairlead_router import Principal, Realm, Router
from fairlead_store import DatabaseInUse
from support import postgres
from support.proxy import Proxy
from support.waiting import eventually
from support.wamp import Client

LEASE_S = 2.0
RULE = UriRule("com.app.{object}", subscribe="read")
EVENT, GOODBYE, ABORT = 36, 6, 3
SUSPENDED = "fairlead.close.suspended"
PROGRAM = Path(__file__).with_name("leased_server.py")


@pytest.fixture
async def url() -> str:
    """A realm in which bob reads x."""
    url = postgres.new_database()
    authz = await Authz.open(url)
    await authz.apply([Put("user", "bob"), Put("object", "x"), Grant("bob", "read", "x")])
    await authz.close()
    return url


async def revoked_elsewhere(url: str) -> bool:
    """Whether another server has taken the realm and revoked: it is refused while the lease of the first one runs."""
    try:
        other = await Authz.open(url, lease_s=LEASE_S)
    except DatabaseInUse:
        return False
    await other.apply([Revoke("bob", "read", "x")])
    await other.close()
    return True


async def subscribed(port: int, token: str) -> Client:
    """A session of bob's with a subscription to the events of x."""
    client = await Client.connect(port)
    await join(client, token)
    await client.subscribe("com.app.x")
    return client


async def join(client: Client, token: str) -> list[Any]:
    challenge = await client.ask([1, "realm1", {"roles": {"subscriber": {}}, "authmethods": ["ticket"]}])
    assert challenge[0] == 4
    return await client.ask([5, token, {}])


class Served:
    """A realm in this process, whose database is behind a bad network."""

    def __init__(self, realm: Realm, authz: Authz, port: int, network: Proxy) -> None:
        self.realm = realm
        self.authz = authz
        self.port = port
        self.network = network
        self._service = realm.join(Principal("service", "service"))

    def publish(self, text: str) -> None:
        self._service.publish("com.app.x", [text])


@asynccontextmanager
async def behind_a_network(url: str) -> AsyncIterator[Served]:
    socket = Path(str(make_url(url).query["host"])) / ".s.PGSQL.5432"
    async with Proxy(socket) as network:
        far_url = f"postgresql://{postgres.USER}@127.0.0.1:{network.port}/{make_url(url).database}"
        authz = await Authz.open(far_url, rules=(RULE,), lease_s=LEASE_S)
        async with Router() as router:
            realm = router.add_realm("realm1", authz.authenticator, authz.authorizer)
            authz.bind(realm)
            await router.listen("tcp://127.0.0.1:0", path="/ws")
            yield Served(realm, authz, router.listeners[0].port, network)
        network.release()
        network.reset()
        await authz.close()


async def test_who_is_cut_off_ends_its_sessions_before_another_one_can_revoke(url: str) -> None:
    async with behind_a_network(url) as served:
        async with await subscribed(served.port, await served.authz.create_token("bob")) as bob:
            served.publish("before")
            assert (await bob.receive())[4] == ["before"]
            served.network.hold()
            await eventually(lambda: revoked_elsewhere(url), timeout_s=10)
            served.publish("after the revocation")
            goodbye = await bob.receive()
            assert (goodbye[0], goodbye[2]) == (GOODBYE, SUSPENDED)
        served.network.release()
        await eventually(lambda: served.authz.serving.is_taken_over)


async def test_nobody_joins_a_server_that_is_cut_off_until_it_has_the_store_again(url: str) -> None:
    async with behind_a_network(url) as served:
        token = await served.authz.create_token("bob")
        served.network.hold()
        await eventually(lambda: not served.authz.serving.is_serving)
        async with await Client.connect(served.port) as client:
            abort = await join(client, token)
            assert (abort[0], abort[2]) == (ABORT, SUSPENDED)
        served.network.release()
        await eventually(lambda: served.authz.serving.is_serving)
        async with await subscribed(served.port, token) as bob:
            served.publish("again")
            assert (await bob.receive())[4] == ["again"]


async def test_an_outage_shorter_than_the_lease_disturbs_nobody(url: str) -> None:
    async with behind_a_network(url) as served:
        lease: Any = served.authz.serving._lease
        bob = await subscribed(served.port, await served.authz.create_token("bob"))
        served.network.reset()
        after_us = lease.until_us + round(LEASE_S * 1_000_000)
        await eventually(lambda: lease.until_us > after_us)
        served.publish("undisturbed")
        assert (await bob.receive())[4] == ["undisturbed"]
        await bob.close()


async def test_a_stopped_server_that_goes_on_delivers_nothing_by_old_rights(url: str) -> None:
    authz = await Authz.open(url)
    token = await authz.create_token("bob")
    await authz.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable, PROGRAM, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with await subscribed(int(await process.stdout.readline()), token) as bob:
            process.stdin.write(b"x before\n")
            assert (await bob.receive())[4] == ["before"]
            process.send_signal(signal.SIGSTOP)
            await eventually(lambda: revoked_elsewhere(url), timeout_s=10)
            process.stdin.write(b"x after\n" * 10)
            process.send_signal(signal.SIGCONT)
            goodbye = await bob.receive()
            assert (goodbye[0], goodbye[2]) == (GOODBYE, SUSPENDED)
    finally:
        process.kill()
        await process.communicate()
