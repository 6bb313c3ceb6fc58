"""Permissions on real sockets: tokens at the door, and what a revocation puts on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fairlead_authz import Authz, Delete, Grant, Put, Revoke, UriRule
from fairlead_router import Limits, Listener, Member, Principal, Router
from fairlead_router.transcode import Codec
from support.wamp import Client

RULE = UriRule("com.app.{object}", subscribe="read", publish="write")
WELCOME, ABORT, CHALLENGE, AUTHENTICATE, GOODBYE, SUBSCRIBE, UNSUBSCRIBED, EVENT = 2, 3, 4, 5, 6, 32, 35, 36
ANNOUNCES_REVOCATION = {"subscriber": {"features": {"subscription_revocation": True}}}


class Site:
    """A router with permissions on a port: bob may read x, carol may read it by two paths."""

    def __init__(self, authz: Authz, listener: Listener, publisher: Member) -> None:
        self.authz = authz
        self.port = listener.port
        self.publisher = publisher

    async def enter(
        self, token: str, authid: str | None = None, codec: Codec = "json", roles: dict[str, Any] | None = None
    ) -> tuple[Client, list[Any]]:
        """A client that has answered the challenge, and the router's last word to it."""
        client = await Client.connect(self.port, codec)
        details: dict[str, Any] = {"roles": roles or {"subscriber": {}}, "authmethods": ["ticket"]}
        if authid is not None:
            details["authid"] = authid
        challenge = await client.ask([1, "realm1", details])
        assert challenge[:2] == [CHALLENGE, "ticket"]
        return client, await client.ask([AUTHENTICATE, token, {}])


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    authz = await Authz.open(f"sqlite:///{tmp_path}/permissions.sqlite", rules=(RULE,))
    router = Router(Limits(close_timeout_s=0.3))
    realm = router.add_realm("realm1", authz.authenticator, authz.authorizer)
    authz.bind(realm)
    await authz.apply([*(Put("user", user) for user in ("alice", "bob", "carol")), Put("project", "p", owner="alice")])
    await authz.apply([Put("object", "x", owner="p"), Grant("bob", "read", "x")])
    await authz.apply([Grant("carol", "read", "x"), Grant("carol", "read", "p")])
    listener = await router.listen("tcp://127.0.0.1:0")
    yield Site(authz, listener, realm.join(Principal("publisher", "service")))
    await router.close()
    await authz.close()


@pytest.mark.parametrize("authid", [None, "bob"])
async def test_a_token_lets_its_user_in(site: Site, authid: str | None) -> None:
    client, welcome = await site.enter(await site.authz.create_token("bob"), authid)
    async with client:
        assert welcome[0] == WELCOME
        details = {key: welcome[2][key] for key in ("authid", "authrole", "authmethod")}
        assert details == {"authid": "bob", "authrole": "user", "authmethod": "ticket"}


async def test_a_wrong_token_and_a_wrong_authid_are_refused_without_the_token(site: Site) -> None:
    token = await site.authz.create_token("bob")
    for text, authid in (("v2/x/y", "bob"), (token + "x", None), (token, "alice"), ("", "bob")):
        client, abort = await site.enter(text, authid)
        async with client:
            assert abort[0] == ABORT
            assert abort[2] == "wamp.error.authentication_failed"
            assert token not in str(abort)


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
async def test_after_an_acknowledged_revoke_nothing_comes_but_one_notice(site: Site, codec: Codec) -> None:
    bob, _ = await site.enter(await site.authz.create_token("bob"), codec=codec, roles=ANNOUNCES_REVOCATION)
    carol, _ = await site.enter(await site.authz.create_token("carol"), codec=codec, roles=ANNOUNCES_REVOCATION)
    async with bob, carol:
        subscriptions = [await client.subscribe("com.app.x") for client in (bob, carol)]
        site.publisher.publish("com.app.x", ["first"])
        assert [(await client.receive())[4] for client in (bob, carol)] == [["first"], ["first"]]

        applied = await site.authz.apply([Revoke("bob", "read", "x"), Revoke("carol", "read", "x")])
        assert [kept["user"] for kept in applied.still] == ["carol"]
        site.publisher.publish("com.app.x", ["secret"])

        assert (await carol.receive())[4] == ["secret"]
        notice = await bob.receive()
        assert notice[:2] == [UNSUBSCRIBED, 0]
        assert notice[2]["subscription"] == subscriptions[0]
        assert await bob.ask([34, 77, subscriptions[0]]) == [UNSUBSCRIBED, 77]
        assert (await bob.ask([SUBSCRIBE, 78, {}, "com.app.x"]))[:3] == [8, SUBSCRIBE, 78]


async def test_a_client_that_knows_no_revocation_is_told_by_an_event(site: Site) -> None:
    bob, _ = await site.enter(await site.authz.create_token("bob"))
    async with bob:
        notices = await bob.subscribe("fairlead.session.revoked")
        subscription = await bob.subscribe("com.app.x")
        await site.authz.apply([Revoke("bob", "read", "x")])
        site.publisher.publish("com.app.x", ["secret"])
        event = await bob.receive()
        assert event[:2] == [EVENT, notices]
        assert event[4][0]["subscription"] == subscription
        assert await bob.ask([34, 77, subscription]) == [UNSUBSCRIBED, 77]


@pytest.mark.parametrize("what", ["token", "user"])
async def test_the_session_of_a_deleted_user_or_token_gets_goodbye(site: Site, what: str) -> None:
    token = await site.authz.create_token("bob")
    client, _ = await site.enter(token)
    async with client:
        await client.subscribe("com.app.x")
        if what == "user":
            await site.authz.apply([Delete("bob")])
        else:
            await site.authz.delete_token(token.split("/")[1])
        site.publisher.publish("com.app.x", ["secret"])
        goodbye = await client.receive()
        assert (goodbye[0], goodbye[2]) == (GOODBYE, f"fairlead.close.{what}_ended")
    client, abort = await site.enter(token)
    async with client:
        assert abort[0] == ABORT


async def test_the_meta_api_is_for_administrators_and_tells_no_token(site: Site) -> None:
    token = await site.authz.create_token("bob")
    bob, welcome = await site.enter(token, roles={"caller": {}})
    admin, _ = await site.enter(await site.authz.create_token("admin"), roles={"caller": {}})
    async with bob, admin:
        for procedure in ("wamp.session.list", "wamp.session.kill_all", "wamp.subscription.list"):
            assert (await bob.ask([48, 1, {}, procedure]))[4] == "wamp.error.not_authorized"
        result = await admin.ask([48, 1, {}, "wamp.session.get", [welcome[1]]])
        assert result[3][0]["authid"] == "bob"
        assert token.split("/")[1] not in str(result)
