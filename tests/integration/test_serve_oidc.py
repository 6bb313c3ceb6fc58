"""A server whose users come with JWTs of a real issuer, over a real socket, by a raw client and by Autobahn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from autobahn.asyncio.component import Component

from fairlead_server import config
from fairlead_server.composition import Server
from fairlead_server.datadir import DataDirectory
from support.issuer import Issuer, key_set, public_jwk
from support.waiting import eventually
from support.wamp import ROLES, Client


class Site:
    """A server in this process, its file, and an issuer beside it."""

    def __init__(self, directory: Path, issuer: Issuer) -> None:
        self.file = directory / "fairlead.toml"
        self.data = directory / "data"
        self.issuer = issuer
        self.server: Server

    def write(self, *keys: str, prefix: str = "a-") -> None:
        """One issuer."""
        head = f'listen = "127.0.0.1:0"\ndata = "{self.data}"\n'
        table = f'[[auth.oidc]]\nissuer = "{self.issuer.url}"\naudience = "fairlead"\nprefix = "{prefix}"\n'
        self.file.write_text("\n".join((head + table, *keys)), encoding="utf-8")

    async def open(self, *keys: str) -> None:
        self.write(*keys)
        self.server = await Server.open(config.load(self.file))
        await eventually(lambda: self.issuer.fetches == 1)

    def reload(self) -> list[str]:
        return self.server.reload(config.load(self.file))

    async def login(self, client: Client, ticket: str) -> list[Any]:
        """WELCOME or ABORT."""
        challenge = await client.ask([1, "realm1", {"roles": ROLES, "authmethods": ["ticket"]}])
        assert challenge[:2] == [4, "ticket"]
        return await client.ask([5, ticket, {}])

    async def answer(self, ticket: str) -> list[Any]:
        """The answer to a login that does not stay."""
        async with await Client.connect(self.server.port) as client:
            return await self.login(client, ticket)

    async def put_user(self, user: str, **keys: Any) -> None:
        async with await Client.connect(self.server.port) as admin:
            token = DataDirectory(self.data).admin_token.read_text().strip()
            assert (await self.login(admin, token))[0] == 2
            change = {"op": "put", "kind": "user", "id": user, **keys}
            assert (await admin.ask([48, 1, {}, "fairlead.authz.apply", [[change]]]))[0] == 50


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with Issuer() as issuer:
        made = Site(tmp_path, issuer)
        yield made
        issuer.is_open.set()
        await made.server.close()


@pytest.mark.parametrize("kid", ["RS256", "ES256", "EdDSA"])
async def test_a_token_of_the_issuer_is_a_ticket(site: Site, kid: str) -> None:
    await site.open("create_users = true")
    welcome = await site.answer(site.issuer.token("alice", kid))
    assert (welcome[0], welcome[2]["authid"], welcome[2]["authrole"]) == (2, "a-alice", "user")
    assert (welcome[2]["authmethod"], welcome[2]["authprovider"]) == ("ticket", site.issuer.url)


async def test_autobahn_comes_in_with_a_token(site: Site) -> None:
    await site.open("create_users = true")
    ticket = {"authid": "a-alice", "ticket": site.issuer.token("alice")}
    component = Component(
        transports=f"ws://127.0.0.1:{site.server.port}/ws", realm="realm1", authentication={"ticket": ticket}
    )
    joined: list[str] = []

    @component.on_join
    def on_join(session: Any, details: Any) -> None:
        joined.append(details.authid)
        session.leave()

    await component.start(loop=asyncio.get_running_loop())
    assert joined == ["a-alice"]


async def test_who_is_no_user_or_no_active_one_is_refused(site: Site) -> None:
    await site.open()
    assert (await site.answer(site.issuer.token("alice")))[2] == "wamp.error.authentication_failed"
    await site.put_user("a-alice")
    assert (await site.answer(site.issuer.token("alice")))[0] == 2
    await site.put_user("a-alice", is_active=False)
    assert (await site.answer(site.issuer.token("alice")))[2] == "wamp.error.authentication_failed"


async def test_a_new_key_of_the_issuer_is_found_and_one_that_is_gone_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead_authz.oidc.keys.PAUSE_S", 0.01)
    await site.open("create_users = true")
    old = site.issuer.token("alice")
    site.issuer.rotate("new")

    async def has_come() -> bool:
        return (await site.answer(site.issuer.token("alice", "new")))[0] == 2

    while not await has_come():  # within the pause after the first fetch it is refused
        pass
    assert (await site.answer(old))[2] == "wamp.error.authentication_failed"


async def test_nobody_waits_while_the_issuer_takes_its_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlead_authz.oidc.keys.PAUSE_S", 0.01)
    await site.open("create_users = true")
    assert (await site.answer(site.issuer.token("alice")))[0] == 2
    site.issuer.is_open.clear()
    known = site.issuer.token("alice")
    site.issuer.rotate("new")
    while site.issuer.discoveries == 1:  # within the pause after the first fetch it is refused
        waiting = asyncio.ensure_future(site.answer(site.issuer.token("alice", "new")))
        await eventually(lambda: waiting.done() or site.issuer.discoveries == 2)  # noqa: B023 - awaited here
    assert (await site.answer(known))[0] == 2
    assert not waiting.done()
    site.issuer.is_open.set()
    assert (await waiting)[0] == 2


async def test_a_server_opens_while_its_issuer_is_down(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    await site.issuer.stop()
    site.write("create_users = true")
    site.server = await Server.open(config.load(site.file))
    await eventually(lambda: "could not be fetched" in caplog.text)
    assert (await site.answer(site.issuer.token("alice")))[2] == "fairlead.error.issuer_unavailable"


async def test_keys_may_stand_in_a_file(site: Site, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(public_jwk(site.issuer.keys["ES256"], "ES256")))
    site.write("create_users = true", f'keys_file = "{tmp_path}/keys.json"')
    site.server = await Server.open(config.load(site.file))
    assert (await site.answer(site.issuer.token("alice")))[0] == 2
    assert (site.issuer.discoveries, site.issuer.fetches) == (0, 0)


async def test_a_session_ends_with_its_token(site: Site) -> None:
    await site.open("create_users = true", "leeway_s = 1")
    async with await Client.connect(site.server.port) as alice:
        assert (await site.login(alice, site.issuer.token("alice", exp=int(time.time()) + 2)))[0] == 2
        [goodbye] = await alice.receive_until(6)
        assert goodbye[2] == "fairlead.close.token_ended"


async def test_sessions_end_with_their_issuer_and_no_others(site: Site) -> None:
    await site.open("create_users = true")
    async with await Client.connect(site.server.port) as alice, await Client.connect(site.server.port) as admin:
        assert (await site.login(alice, site.issuer.token("alice")))[0] == 2
        assert (await site.login(admin, DataDirectory(site.data).admin_token.read_text().strip()))[0] == 2
        assert site.reload() == []
        assert (await alice.ask([48, 1, {}, "fairlead.log.list"]))[0] == 50
        site.write("create_users = true", prefix="b-")
        assert site.reload() == []
        [goodbye] = await alice.receive_until(6)
        assert goodbye[2] == "fairlead.close.user_ended"
        assert (await admin.ask([48, 1, {}, "fairlead.log.list"]))[0] == 50
