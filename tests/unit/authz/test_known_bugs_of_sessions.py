"""What went wrong elsewhere with sessions and tokens, and must not here. Each test names what it prevents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead_authz import Delete, Grant, Put, Revoke
from fairlead_authz.changes import Activate, Change, Deactivate
from support.by_hand import TOKEN_ENDED, RealmByHand, a_realm_by_hand, goodbye, in_s, texts

USER_ENDED = "fairlead.close.user_ended"


@pytest.fixture
async def realm(tmp_path: Path) -> AsyncIterator[RealmByHand]:
    async with a_realm_by_hand(tmp_path) as realm:
        yield realm


# ---- Mattermost CVE-2026-9162: "revoke all sessions" left the WebSocket authenticated, by what it had cached ----


async def test_cve_2026_9162_deleting_all_tokens_of_a_user_ends_every_connection(realm: RealmByHand) -> None:
    peers = [await realm.join("bob") for _ in range(3)]
    for peer in peers:
        peer.subscribe("com.app.x")
    for token in realm.authz.tokens_of("bob"):
        await realm.authz.delete_token(token.id)
    realm.publish("x", "secret")
    assert [goodbye(peer) for peer in peers] == [TOKEN_ENDED] * 3
    assert not any(peer.has_session for peer in peers)


async def test_cve_2026_9162_request_sent_before_goodbye_was_read_does_nothing(realm: RealmByHand) -> None:
    alice = await realm.join("alice")
    dora = await realm.join("dora")
    dora.subscribe("com.app.x")
    [token] = realm.authz.tokens_of("alice")
    await realm.authz.delete_token(token.id)
    alice.send([16, 1, {}, "com.app.x", ["too late"]], [48, 2, {}, "fairlead.authz.apply", [[]]])
    assert goodbye(alice) == TOKEN_ENDED
    assert texts(dora) == []


# ---- Open WebUI CVE-2026-44553: the role of when one connected stayed in the session pool, kept by heartbeats ----


@pytest.mark.parametrize("change", [Put("user", "dora", is_admin=False), Deactivate("dora"), Delete("dora")])
async def test_cve_2026_44553_administrator_no_more_is_none_on_an_open_connection(
    realm: RealmByHand, change: Change
) -> None:
    dora = await realm.join("dora")
    dora.subscribe("com.app.x")
    dora.subscribe("wamp.session.on_join")
    await realm.authz.apply([change])
    realm.publish("x", "secret")
    await realm.join("bob")
    assert [message for message in dora.take() if message[0] == 36] == []
    if dora.has_session:
        [answer] = dora.ask([48, 9, {}, "wamp.session.list"])
        assert answer[4] == "wamp.error.not_authorized"


async def test_cve_2026_44553_heartbeats_keep_nobody_who_has_expired(realm: RealmByHand) -> None:
    bob = await realm.join("bob", expires_us=in_s(10))
    for second in range(10):
        bob.send([48, 1000 + second, {}, "fairlead.authz.check", ["bob", "read", "x"]])
        realm.host.stall(1)
    bob.send([16, 1, {}, "com.app.x", ["a heartbeat"]])
    assert goodbye(bob) == TOKEN_ENDED


# ---- SurrealDB GHSA-4m82-p8cx-f94j: a live query kept its principal when another one logged in on the connection ----


async def test_ghsa_4m82_another_user_on_the_same_connection_gets_nothing_of_the_first(realm: RealmByHand) -> None:
    peer = await realm.join("bob")
    peer.subscribe("com.app.x")
    peer.register("com.app.x") if realm.authz.can("bob", "manage", "x") else None
    assert peer.ask([6, {}, "wamp.close.normal"])[-1][0] == 6
    [welcome] = realm.log_in(peer, await realm.authz.create_token("carol"))
    assert welcome[2]["authid"] == "carol"
    realm.publish("x", "secret")
    assert peer.take() == []
    assert peer.ask([32, 1, {}, "com.app.x"])[0][4] == "wamp.error.not_authorized"


async def test_ghsa_4m82_what_the_second_user_may_is_its_own_whatever_the_first_loses(realm: RealmByHand) -> None:
    await realm.authz.apply([Grant("carol", "read", "x")])
    peer = await realm.join("bob")
    peer.subscribe("com.app.x")
    peer.ask([6, {}, "wamp.close.normal"])
    realm.log_in(peer, await realm.authz.create_token("carol"))
    peer.subscribe("com.app.x")
    await realm.authz.apply([Revoke("bob", "read", "p"), Delete("bob")])
    realm.publish("x", "for carol")
    assert texts(peer) == ["for carol"]
    await realm.authz.apply([Revoke("carol", "read", "x")])
    realm.publish("x", "secret")
    assert texts(peer) == []


async def test_ghsa_4m82_session_cannot_log_in_a_second_time_without_leaving_first(realm: RealmByHand) -> None:
    peer = await realm.join("bob")
    [abort] = peer.ask([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket"]}])
    assert (abort[0], abort[2]) == (3, "wamp.error.protocol_violation")
    assert not peer.has_session


# ---- Directus GHSA-56p6-qw3c-fq2g: the session token of a suspended user stayed valid ----


async def test_ghsa_56p6_tokens_of_a_user_who_was_deactivated_open_nothing(realm: RealmByHand) -> None:
    token = await realm.authz.create_token("bob")
    bob = realm.join_with(token)
    await realm.authz.apply([Deactivate("bob")])
    assert goodbye(bob) == USER_ENDED
    assert realm.refused(token) == "the token is not valid"


async def test_ghsa_56p6_tokens_from_before_stay_dead_when_the_user_is_active_again(realm: RealmByHand) -> None:
    token = await realm.authz.create_token("bob")
    await realm.authz.apply([Deactivate("bob")])
    await realm.authz.apply([Activate("bob")])
    assert realm.refused(token) == "the token is not valid"
    assert (await realm.join("bob")).has_session
