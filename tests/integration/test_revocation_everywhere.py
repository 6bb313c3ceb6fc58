"""A revocation holds on every transport with every serializer: no door has a right of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_router import Limits, Principal, Realm, Router
from fairlead_router.authorizers import Rule, StaticAuthorizer
from support.core import EVERY_FEATURE, ByName
from support.wamp import Client, RawSocketClient

RULES = [
    Rule(uri="com.", match="prefix", authids={"publisher"}, allow={"publish"}),
    Rule(uri="com.", match="prefix", authids={"alice", "publisher"}, allow={"subscribe"}),
]
DOORS: dict[str, tuple[type[Client], dict[str, Any]]] = {
    **{f"websocket {codec}": (Client, {"codec": codec}) for codec in ("json", "msgpack", "cbor")},
    **{f"batched {codec}": (Client, {"codec": codec, "is_batched": True}) for codec in ("json", "msgpack", "cbor")},
    **{f"rawsocket {codec}": (RawSocketClient, {"codec": codec}) for codec in ("json", "msgpack", "cbor")},
}


@pytest.fixture
async def world() -> AsyncIterator[tuple[Realm, StaticAuthorizer, int]]:
    router = Router(Limits(close_timeout_s=0.5))
    rules = StaticAuthorizer(RULES)
    realm = router.add_realm("realm1", ByName(), rules)
    listener = await router.listen("tcp://127.0.0.1:0")
    yield realm, rules, listener.port
    await router.close()


async def join(port: int, door: str, authid: str) -> Client:
    kind, how = DOORS[door]
    client = await kind.connect(port, **how)
    await client.join(roles=EVERY_FEATURE, authid=authid)
    return client


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("match", ["exact", "prefix", "wildcard"])
async def test_nothing_comes_after_the_revocation_but_word_of_it(
    world: tuple[Realm, StaticAuthorizer, int], door: str, match: str
) -> None:
    _, rules, port = world
    alice, publisher = await join(port, door, "alice"), await join(port, door, "publisher")
    subscription = await alice.subscribe({"exact": "com.x", "prefix": "com.", "wildcard": "com."}[match], match=match)
    assert (await publisher.ask([16, 1, {"acknowledge": True}, "com.x", ["permitted"]]))[0] == 17
    event = await alice.receive()
    assert event[4] == ["permitted"]
    rules.replace(RULES[:1])
    assert (await publisher.ask([16, 2, {"acknowledge": True}, "com.x", ["secret"]]))[0] == 17
    told = await alice.receive()
    assert (told[:2], told[2]["subscription"]) == ([35, 0], subscription)
    assert await alice.ask([34, 9, subscription]) == [35, 9], "nothing came between"
    for client in (alice, publisher):
        await client.close()


async def test_in_process_peer_that_is_no_service_has_no_more_rights_than_a_socket(
    world: tuple[Realm, StaticAuthorizer, int],
) -> None:
    realm, rules, _ = world
    seen: list[Any] = []
    alice, publisher = realm.join(Principal("alice", "user")), realm.join(Principal("publisher", "user"))
    await alice.subscribe("com.x", lambda event: seen.append(event.args))
    await publisher.subscribe("com.end", lambda event: None)
    publisher.publish("com.x", ["permitted"])
    await asyncio.sleep(0)
    rules.replace(RULES[:1])
    publisher.publish("com.x", ["secret"])
    for _ in range(5):
        await asyncio.sleep(0)
    assert seen == [["permitted"]]
