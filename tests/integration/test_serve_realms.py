"""A server with several realms and methods, made of a configuration file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from autobahn.wamp.auth import compute_wcs

from fairlead_authz import Authz, Put
from fairlead_server import config
from fairlead_server.composition import Server
from fairlead_server.datadir import DataDirectory
from support.wamp import ROLES, Client

CONFIG = """
listen = "127.0.0.1:0"
data = "{data}"

[[auth.users]]
authid = "dispatcher"
wampcra = {{ secret = "secret-d" }}

[[auth.users]]
authid = "stranger"
wampcra = {{ secret = "secret-s" }}

[[realms]]
name = "org.example.sensors"
anonymous_role = "guest"
cookies = true
permissions = [
  {{ uri = "org.example.", match = "prefix", roles = ["device"], allow = ["publish", "subscribe"] }},
  {{ uri = "org.example.authenticate", roles = ["keeper"], allow = ["register"] }},
]

[[realms.users]]
authid = "thermometer"
role = "device"
ticket = "secret-t"

[[realms.users]]
authid = "keeper"
role = "keeper"
ticket = "secret-k"

[[realms]]
name = "org.example.room."
on_demand = true
authenticator = "org.example.authenticate"
authenticator_methods = ["ticket"]
authenticator_realm = "org.example.sensors"
permissions = [{{ uri = "", match = "prefix", roles = ["visitor"], allow = ["publish", "subscribe"] }}]

[[realms]]
name = "org.example.judged."
on_demand = true
anonymous_role = "guest"
authenticator = "org.example.authenticate"
authenticator_methods = ["ticket"]
authenticator_realm = "org.example.sensors"
permissions = [{{ uri = "org.example.authorize", roles = ["judge"], allow = ["register"] }}]
authorizer = "org.example.authorize"
"""


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    data = tmp_path / "data"
    data.mkdir()
    authz = await Authz.open(DataDirectory(data).permissions_url, "realm1")
    await authz.apply([Put("user", "dispatcher")])
    await authz.close()
    path = tmp_path / "fairlead.toml"
    path.write_text(CONFIG.format(data=data), encoding="utf-8")
    server = await Server.open(config.load(path))
    yield server.port
    await server.close()


async def join(client: Client, realm: str, ticket: str | None = None, **details: Any) -> list[Any]:
    """WELCOME or ABORT."""
    if ticket is None:
        return await client.ask([1, realm, {"roles": ROLES, **details}])
    details = {"authmethods": ["ticket"], **details}
    answer = await client.ask([1, realm, {"roles": ROLES, **details}])
    return answer if answer[0] != 4 else await client.ask([5, ticket, {}])


async def join_with_secret(client: Client, authid: str, secret: str) -> list[Any]:
    challenge = await client.ask([1, "realm1", {"roles": ROLES, "authmethods": ["wampcra"], "authid": authid}])
    assert challenge[:2] == [4, "wampcra"]
    answer = await client.ask([5, compute_wcs(secret, challenge[2]["challenge"]).decode(), {}])
    if answer[0] == 2:
        assert json.loads(challenge[2]["challenge"])["session"] == answer[1]
    return answer


async def test_main_realm_takes_tokens_and_the_configured_users_of_the_graph(port: int) -> None:
    async with await Client.connect(port) as client:
        welcome = await join_with_secret(client, "dispatcher", "secret-d")
        assert (welcome[0], welcome[2]["authid"], welcome[2]["authmethod"]) == (2, "dispatcher", "wampcra")
    async with await Client.connect(port) as client:
        assert (await client.join())[2]["authrole"] == "anonymous"


@pytest.mark.parametrize(("authid", "secret"), [("dispatcher", "x"), ("stranger", "secret-s"), ("nobody", "secret-d")])
async def test_main_realm_takes_nobody_else(port: int, authid: str, secret: str) -> None:
    async with await Client.connect(port) as client:
        abort = await join_with_secret(client, authid, secret)
        assert (abort[0], abort[2]) == (3, "wamp.error.authentication_failed")


async def test_other_realm_has_users_and_permissions_of_its_own(port: int) -> None:
    async with await Client.connect(port) as device, await Client.connect(port) as guest:
        welcome = await join(device, "org.example.sensors", "secret-t")
        assert (welcome[2]["authid"], welcome[2]["authrole"]) == ("thermometer", "device")
        assert await device.subscribe("org.example.temperature")
        assert (await join(guest, "org.example.sensors"))[2]["authrole"] == "guest"
        refused = await guest.ask([32, 1, {}, "org.example.temperature"])
        assert (refused[0], refused[4]) == (8, "wamp.error.not_authorized")


async def test_realm_on_demand_asks_the_procedure_of_another_realm(port: int) -> None:
    async with await Client.connect(port) as keeper, await Client.connect(port) as visitor:
        await join(keeper, "org.example.sensors", "secret-k")
        assert (await keeper.ask([64, 1, {}, "org.example.authenticate"]))[0] == 65
        visitor.send([1, "org.example.room.7", {"roles": ROLES, "authmethods": ["ticket"], "authid": "v"}])
        assert (await visitor.receive())[:2] == [4, "ticket"]
        visitor.send([5, "let me in", {}])
        invocation = await keeper.receive()
        assert invocation[4][:2] == ["org.example.room.7", "v"]
        assert invocation[4][2]["ticket"] == "let me in"
        keeper.send([70, invocation[1], {}, [{"role": "visitor"}]])
        welcome = await visitor.receive()
        assert (welcome[2]["realm"], welcome[2]["authrole"]) == ("org.example.room.7", "visitor")


async def test_realm_on_demand_takes_nobody_while_the_procedure_is_not_there(port: int) -> None:
    async with await Client.connect(port) as visitor:
        abort = await join(visitor, "org.example.room.7", "let me in", authid="v")
        assert (abort[0], abort[2]) == (3, "wamp.error.authentication_failed")
        assert abort[1] == {"message": "the peer could not be authenticated"}


async def test_authorizer_of_a_realm_judges_what_no_permission_does(port: int) -> None:
    """Each realm that is made on demand has its own: who judges in one says nothing in another."""
    keeper, judge, guest, elsewhere = [await Client.connect(port) for _ in range(4)]
    await join(keeper, "org.example.sensors", "secret-k")
    assert (await keeper.ask([64, 1, {}, "org.example.authenticate"]))[0] == 65
    judge.send([1, "org.example.judged.1", {"roles": ROLES, "authmethods": ["ticket"], "authid": "j"}])
    await judge.receive()
    judge.send([5, "let me judge", {}])
    keeper.send([70, (await keeper.receive())[1], {}, [{"role": "judge"}]])
    assert (await judge.receive())[0] == 2
    assert (await judge.ask([64, 1, {}, "org.example.authorize"]))[0] == 65

    await join(guest, "org.example.judged.1")
    guest.send([32, 1, {}, "org.example.news"])
    invocation = await judge.receive()
    assert invocation[4][1:] == ["org.example.news", "subscribe", {"match": "exact"}]
    judge.send([70, invocation[1], {}, [True]])
    assert (await guest.receive())[0] == 33

    await join(elsewhere, "org.example.judged.2")
    assert (await elsewhere.ask([32, 1, {}, "org.example.news"]))[4] == "wamp.error.authorization_failed"
    for client in (keeper, judge, guest, elsewhere):
        await client.close()


async def test_realm_that_nothing_says_does_not_exist(port: int) -> None:
    async with await Client.connect(port) as client:
        abort = await join(client, "org.example.other")
        assert (abort[0], abort[2]) == (3, "wamp.error.no_such_realm")


async def test_browser_proves_once_who_it_is(port: int) -> None:
    cookies = {"Cookie": "fairlead_id=" + "c" * 32}
    async with await Client.connect(port, headers=cookies) as client:
        assert (await join(client, "org.example.sensors", "secret-t"))[0] == 2
    async with await Client.connect(port, headers=cookies) as client:
        welcome = await join(client, "org.example.sensors", "nothing", authmethods=["cookie", "ticket"])
        assert (welcome[0], welcome[2]["authid"], welcome[2]["authmethod"]) == (2, "thermometer", "cookie")
