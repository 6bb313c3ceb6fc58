"""A server takes over who may join and the permissions of its changed file; what they take away ends at once."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fairlead_authz import Authz, Put
from fairlead_server import config
from fairlead_server.composition import Server
from fairlead_server.datadir import DataDirectory
from fairlead_server.errors import ConfigError
from support.running import serving, without_page_note
from support.serving import COMMAND_S, line_with
from support.wamp import ROLES, Client

REVOCABLE = {**ROLES, "subscriber": {"features": {"subscription_revocation": True}}}
ALLOW = '{ uri = "com.", match = "prefix", roles = ["*"], allow = ["publish", "subscribe"] }'
DENY = '{ uri = "com.secret", roles = ["*"], deny = ["subscribe"] }'
IN_A_TERMINAL = """
import fcntl, os, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.closerange(3, 256)
from fairlead_server.main import main
main()
"""
ENDED = "fairlead.close.user_ended"


def user(authid: str, ticket: str = "", role: str = "user") -> str:
    return f'[[realms.users]]\nauthid = "{authid}"\nrole = "{role}"\nticket = "{ticket or authid}"\n'


def realm(*permissions: str, name: str = "r2", keys: str = "") -> str:
    return f'[[realms]]\nname = "{name}"\npermissions = [{", ".join(permissions)}]\n{keys}\n'


class Reloadable:
    """A server in this process, and its file."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "fairlead.toml"
        self.data = directory / "data"
        self.server: Server
        self.port: int

    @property
    def admin_token(self) -> str:
        return DataDirectory(self.data).admin_token.read_text().strip()

    def write(self, *parts: str) -> None:
        head = f'listen = "127.0.0.1:0"\ndata = "{self.data}"\n'
        self.file.write_text(head + "".join(parts), encoding="utf-8")

    async def open(self, *parts: str) -> None:
        self.write(*parts)
        self.server = await Server.open(config.load(self.file))
        self.port = self.server.port

    def reload(self, *parts: str) -> list[str]:
        self.write(*parts)
        return self.server.reload(config.load(self.file))

    @asynccontextmanager
    async def joined(self, authid: str, ticket: str = "", realm: str = "r2", **how: Any) -> AsyncIterator[Client]:
        async with await Client.connect(self.port, **how) as client:
            welcome = await join(client, authid, ticket or authid, realm)
            assert welcome[0] == 2, welcome
            yield client


async def hello(client: Client, authid: str, realm: str, *others: str) -> list[Any]:
    methods = [*others, "ticket"]
    return await client.ask([1, realm, {"roles": REVOCABLE, "authid": authid, "authmethods": methods}])


async def join(client: Client, authid: str, ticket: str, realm: str = "r2") -> list[Any]:
    """WELCOME or ABORT."""
    challenge = await hello(client, authid, realm)
    assert challenge[0] == 4, challenge
    return await client.ask([5, ticket, {}])


async def goodbye(client: Client) -> str:
    [message] = await client.receive_until(6)
    reason: str = message[2]
    return reason


@pytest.fixture
async def reloadable(tmp_path: Path) -> AsyncIterator[Reloadable]:
    it = Reloadable(tmp_path)
    yield it
    await it.server.close()


async def test_lost_permission_ends_the_subscription_in_the_same_turn(reloadable: Reloadable) -> None:
    await reloadable.open(realm(ALLOW), user("alice"), user("bob"))
    async with reloadable.joined("alice") as alice, reloadable.joined("bob") as bob:
        subscription = await alice.subscribe("com.secret")
        assert await alice.subscribe("com.open")
        assert reloadable.reload(realm(ALLOW, DENY), user("alice"), user("bob")) == []
        bob.send([16, 1, {}, "com.secret", ["secret"]], [16, 2, {}, "com.open", ["open"]])
        revoked = await alice.receive()
        assert (revoked[:2], revoked[2]["subscription"]) == ([35, 0], subscription)
        assert (await alice.receive())[4] == ["open"]


async def test_new_permission_holds_without_a_new_session(reloadable: Reloadable) -> None:
    await reloadable.open(realm(), user("alice"))
    async with reloadable.joined("alice") as alice:
        assert (await alice.ask([32, 1, {}, "com.x"]))[0] == 8
        reloadable.reload(realm(ALLOW), user("alice"))
        assert (await alice.ask([32, 2, {}, "com.x"]))[0] == 33


@pytest.mark.parametrize(
    "changed", [user("bob", role="guest"), user("bob", "another secret"), ""], ids=["role", "secret", "gone"]
)
async def test_user_who_is_not_who_it_was_is_sent_away_and_nobody_else(reloadable: Reloadable, changed: str) -> None:
    await reloadable.open(realm(ALLOW), user("alice"), user("bob"))
    async with reloadable.joined("alice") as alice, reloadable.joined("bob") as bob:
        reloadable.reload(realm(ALLOW), user("alice"), changed)
        assert await goodbye(bob) == ENDED
        assert await alice.subscribe("com.x")


async def test_who_may_join_is_who_stands_in_the_file_now(reloadable: Reloadable) -> None:
    await reloadable.open(realm(ALLOW), user("alice"))
    reloadable.reload(realm(ALLOW), user("bob"))
    async with reloadable.joined("bob"), await Client.connect(reloadable.server.port) as client:
        assert (await join(client, "alice", "alice"))[2] == "wamp.error.authentication_failed"


async def test_proof_that_was_begun_before_is_good_for_nothing(reloadable: Reloadable) -> None:
    await reloadable.open(realm(ALLOW), user("alice"), user("bob"))
    ports = reloadable.server.port
    async with await Client.connect(ports) as alice, await Client.connect(ports) as bob:
        await hello(alice, "alice", "r2")
        await hello(bob, "bob", "r2")
        reloadable.reload(realm(ALLOW), user("alice"))
        assert (await bob.ask([5, "bob", {}]))[2] == "wamp.error.authentication_failed"
        assert (await alice.ask([5, "alice", {}]))[0] == 2


async def test_cookie_of_a_user_who_is_not_who_it_was_is_forgotten(reloadable: Reloadable) -> None:
    cookies = {"Cookie": "fairlead_id=" + "c" * 32}
    parts = realm(ALLOW, keys="cookies = true")
    await reloadable.open(parts, user("alice"))
    async with reloadable.joined("alice", headers=cookies):
        pass
    async with await Client.connect(reloadable.server.port, headers=cookies) as client:
        assert (await hello(client, "alice", "r2", "cookie"))[0] == 2
    reloadable.reload(parts, user("alice", "another secret"))
    async with await Client.connect(reloadable.server.port, headers=cookies) as client:
        assert (await hello(client, "alice", "r2", "cookie"))[:2] == [4, "ticket"]


async def test_anonymous_sessions_end_with_their_role(reloadable: Reloadable) -> None:
    await reloadable.open(realm(ALLOW, keys='anonymous_role = "guest"'), user("alice"))
    async with await Client.connect(reloadable.server.port) as guest, reloadable.joined("alice") as alice:
        assert (await guest.ask([1, "r2", {"roles": ROLES}]))[0] == 2
        reloadable.reload(realm(ALLOW), user("alice"))
        assert await goodbye(guest) == ENDED
        assert await alice.subscribe("com.x")


async def test_realms_on_demand_follow_whether_they_are_there_or_not(reloadable: Reloadable) -> None:
    def file(*permissions: str) -> str:
        return realm(*permissions, name="room.", keys="on_demand = true")

    await reloadable.open(file(ALLOW), user("alice"), user("bob"))
    async with reloadable.joined("alice", realm="room.1") as alice, reloadable.joined("bob", realm="room.1") as bob:
        subscription = await alice.subscribe("com.secret")
        reloadable.reload(file(ALLOW, DENY), user("alice"))
        assert (await alice.receive())[2]["subscription"] == subscription
        assert await goodbye(bob) == ENDED
    async with reloadable.joined("alice", realm="room.2") as alice:
        assert (await alice.ask([32, 1, {}, "com.secret"]))[0] == 8


async def test_rules_before_an_authorizer_follow(reloadable: Reloadable) -> None:
    judge = '{ uri = "org.authorize", authids = ["judge"], allow = ["register"] }'
    keys = 'authorizer = "org.authorize"'
    await reloadable.open(realm(ALLOW, judge, keys=keys), user("alice"))
    async with reloadable.joined("alice") as alice:
        subscription = await alice.subscribe("com.secret")
        reloadable.reload(realm(ALLOW, judge, DENY, keys=keys), user("alice"))
        assert (await alice.receive())[2]["subscription"] == subscription


async def test_main_realm_takes_over_its_users_and_leaves_tokens_alone(reloadable: Reloadable, tmp_path: Path) -> None:
    def dispatcher(secret: str) -> str:
        return f'[[auth.users]]\nauthid = "dispatcher"\nwampcra = {{ secret = "{secret}" }}\n'

    reloadable.data.mkdir(mode=0o700)
    authz = await Authz.open(DataDirectory(reloadable.data).permissions_url, "realm1")
    await authz.apply([Put("user", "dispatcher")])
    token = await authz.create_token("dispatcher")
    await authz.close()
    await reloadable.open()
    asking = [1, "realm1", {"roles": ROLES, "authid": "dispatcher", "authmethods": ["wampcra"]}]
    async with await Client.connect(reloadable.server.port) as client:
        assert (await client.ask(asking))[2] == "wamp.error.no_matching_auth_method"
    async with reloadable.joined("dispatcher", token, "realm1") as with_token:
        reloadable.reload(dispatcher("s"))
        async with await Client.connect(reloadable.server.port) as client:
            assert (await client.ask(asking))[:2] == [4, "wampcra"]
        reloadable.reload(dispatcher("t"))
        assert (await with_token.ask([48, 1, {}, "fairlead.log.list"]))[0] == 50


def rule(uri: str, **levels: str) -> str:
    return f"[[rules]]\nuri = '{uri}'\n" + "".join(f"{action} = '{level}'\n" for action, level in levels.items())


STATE = rule("com.app.{object}.state", subscribe="read")


async def test_subscriptions_that_rest_on_a_rule_that_is_gone_end_and_no_others(reloadable: Reloadable) -> None:
    await reloadable.open(STATE, rule("com.other.{object}", subscribe="read"))
    async with reader(reloadable, "com.app.x.state", "com.other.x") as (alice, [lost, _]):
        assert reloadable.reload(rule("com.other.{object}", subscribe="read")) == []
        await publish_as_admin(reloadable, "com.app.x.state", "com.other.x")
        revoked, event = await alice.receive(), await alice.receive()
        assert (revoked[:2], revoked[2]["subscription"]) == ([35, 0], lost)
        assert event[4] == ["com.other.x"]


async def test_pattern_over_a_rule_that_is_gone_ends(reloadable: Reloadable) -> None:
    await reloadable.open(STATE)
    async with reader(reloadable, "com.app.", match="prefix") as (alice, [lost]):
        reloadable.reload(rule("com.app.x.{object}", subscribe="read"))
        revoked = await alice.receive()
        assert (revoked[:2], revoked[2]["subscription"]) == ([35, 0], lost)


async def test_switch_of_what_is_visible_ends_what_it_takes_and_nothing_else(reloadable: Reloadable) -> None:
    subscribe = rule("com.app.{object}.state", subscribe="read")
    await reloadable.open(subscribe)
    async with reader(reloadable, "com.app.x.state", "com.app.all-users.state", "com.app.admin.state") as (alice, ids):
        assert reloadable.reload("[permissions]\nroles_visible = false\nusers_visible = false\n", subscribe) == []
        ended = [(await alice.receive())[2]["subscription"]]
        await publish_as_admin(reloadable, *(f"com.app.{each}.state" for each in ("x", "admin", "all-users")))
        rest = [await alice.receive() for _ in range(2)]
        assert ended == [ids[2]]
        assert [message[4] for message in rest] == [["com.app.x.state"], ["com.app.all-users.state"]]


async def test_new_rule_holds_without_a_new_session(reloadable: Reloadable) -> None:
    await reloadable.open()
    async with reader(reloadable) as (alice, _):
        assert (await alice.ask([32, 1, {}, "com.app.x.state"]))[0] == 8
        reloadable.reload(STATE)
        assert (await alice.ask([32, 2, {}, "com.app.x.state"]))[0] == 33


async def test_other_keys_are_named_and_left_as_they_are(reloadable: Reloadable) -> None:
    await reloadable.open(realm(ALLOW), user("alice"))
    new = realm(ALLOW, keys="cookies = true")
    assert reloadable.reload("hosts = ['x']\n[limits]\nuri_length = 256\n", new, user("bob")) == [
        "hosts",
        "limits",
        "realms",
    ]
    async with reloadable.joined("bob") as bob:
        assert await bob.subscribe("com.a." + "x" * 300)
    assert reloadable.reload(realm(ALLOW), user("bob")) == []


async def test_secret_that_goes_while_it_is_read_changes_nothing(reloadable: Reloadable, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s", encoding="utf-8")
    await reloadable.open(realm(ALLOW), user("alice"))
    reloadable.write(realm(ALLOW), f'[[realms.users]]\nauthid = "bob"\nticket_file = "{tmp_path}/secret"\n')
    read = config.load(reloadable.file)
    (tmp_path / "secret").unlink()
    with pytest.raises(ConfigError, match="ticket_file"):
        reloadable.server.reload(read)
    async with reloadable.joined("alice"):
        pass


@asynccontextmanager
async def reader(reloadable: Reloadable, *topics: str, match: str = "exact") -> AsyncIterator[tuple[Client, list[int]]]:
    """A session of alice, who may read x, and her subscriptions."""
    async with reloadable.joined("admin", reloadable.admin_token, "realm1") as admin:
        changes = [
            {"op": "put", "kind": "user", "id": "alice"},
            {"op": "put", "kind": "object", "id": "x"},
            {"op": "grant", "user": "alice", "level": "read", "object": "x"},
        ]
        assert (await admin.ask([48, 1, {}, "fairlead.authz.apply", [changes]]))[0] == 50
        token = (await admin.ask([48, 2, {}, "fairlead.authz.token", ["alice"]]))[3][0]["token"]
    async with reloadable.joined("alice", token, "realm1") as alice:
        answers = [await alice.ask([32, 1, {"match": match}, topic]) for topic in topics]
        yield alice, [answer[2] for answer in answers]


async def publish_as_admin(reloadable: Reloadable, *topics: str) -> None:
    """To each topic its own name."""
    async with reloadable.joined("admin", reloadable.admin_token, "realm1") as admin:
        for topic in topics:
            assert (await admin.ask([16, 1, {"acknowledge": True}, topic, [topic]]))[0] == 17


# ---------------------------------------------------------------- the process


async def test_sighup_swaps_the_rules_and_a_bad_rule_leaves_the_old_ones_in_force(tmp_path: Path) -> None:
    it = Reloadable(tmp_path)
    it.write(STATE)
    async with serving(it.data, "--config", str(it.file)) as server:
        it.port = server.port
        async with reader(it, "com.app.x.state") as (alice, [subscription]):
            it.write(rule("com.app.{object}.state", subscribe="raed"))
            server.process.send_signal(signal.SIGHUP)
            said = await line_with(server.process.stderr, "reloaded")
            assert "rules" in said
            assert "raed" in said
            assert "allowed are manage, read, write" in said
            await publish_as_admin(it, "com.app.x.state")
            assert (await alice.receive())[4] == ["com.app.x.state"]
            it.write(rule("com.other.{object}", subscribe="read"))
            server.process.send_signal(signal.SIGHUP)
            assert (await alice.receive())[2]["subscription"] == subscription


async def test_sighup_has_the_file_read_again(tmp_path: Path) -> None:
    it = Reloadable(tmp_path)
    it.write(realm(ALLOW), user("alice"), user("bob"))
    async with serving(it.data, "--config", str(it.file)) as server, await Client.connect(server.port) as alice:
        assert (await join(alice, "alice", "alice"))[0] == 2
        assert await alice.subscribe("com.secret")
        it.write("hosts = ['x']\n", realm(ALLOW, DENY), user("alice"))
        server.process.send_signal(signal.SIGHUP)
        assert (await alice.receive())[:2] == [35, 0]
        stderr = without_page_note((await server.end()).stderr)
    assert stderr == (
        f"fairlead: {it.file}: reloaded users, users_file, oidc, anonymous_role, permissions and rules\n"
        f"fairlead: {it.file}: hosts: other changes there take a restart\n"
    )


async def test_of_the_permissions_the_store_takes_a_restart(reloadable: Reloadable) -> None:
    await reloadable.open()
    switches = "[permissions]\nroles_visible = false\n"
    assert reloadable.reload(switches) == []
    assert reloadable.reload(switches, "database = 'sqlite:////tmp/other.sqlite'\n") == ["permissions.database"]


@pytest.mark.parametrize("wrong", ["listen = ", "lisen = 'x'", realm(ALLOW, "{ uri = 'com.x' }")])
async def test_file_that_is_wrong_changes_nothing(tmp_path: Path, wrong: str) -> None:
    it = Reloadable(tmp_path)
    it.write(realm(ALLOW), user("alice"))
    async with serving(it.data, "--config", str(it.file)) as server, await Client.connect(server.port) as alice:
        assert (await join(alice, "alice", "alice"))[0] == 2
        it.file.write_text(wrong, encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        assert (await line_with(server.process.stderr, "reloaded")).startswith(f"fairlead: not reloaded: {it.file}:")
        assert await alice.subscribe("com.secret")


async def test_sighup_ends_a_server_without_a_file_in_order(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as server, await Client.connect(server.port) as client:
        await client.join()
        server.process.send_signal(signal.SIGHUP)
        assert await goodbye(client) == "wamp.close.system_shutdown"
        client.send([6, {}, "wamp.close.goodbye_and_out"])
        assert await asyncio.wait_for(server.process.wait(), COMMAND_S) == 0


async def test_server_ends_with_the_terminal_that_it_runs_in(tmp_path: Path) -> None:
    it = Reloadable(tmp_path)
    it.write(realm(ALLOW), user("alice"))
    window, terminal = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IN_A_TERMINAL, "serve", "--config", str(it.file),
        stdin=terminal, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    try:
        await line_with(process.stdout, "listening")
        os.close(window)
        assert await asyncio.wait_for(process.wait(), COMMAND_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
