"""The meta API on real sockets, with each serializer: what a monitoring program and an administrator do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_router import Listener, Router
from fairlead_router.transcode import Codec
from support.core import EVERY_FEATURE, ByName
from support.wamp import Client

TOPICS = [
    "wamp.session.on_join",
    "wamp.subscription.on_create",
    "wamp.subscription.on_subscribe",
    "wamp.subscription.on_unsubscribe",
    "wamp.subscription.on_delete",
    "wamp.session.on_leave",
]


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router()
    yield router
    await router.close()


@pytest.fixture
async def listener(router: Router) -> Listener:
    router.add_realm("realm1", ByName())
    return await router.listen("tcp://127.0.0.1:0")


@pytest.fixture(params=["json", "msgpack", "cbor"])
async def admin(request: pytest.FixtureRequest, listener: Listener) -> AsyncIterator[Client]:
    async with await Client.joined(listener.port, request.param, authid="root") as admin:
        yield admin


async def call(client: Client, procedure: str, *args: Any, **kwargs: Any) -> Any:
    """The result's first argument, None without one."""
    client.send([48, 1, {}, procedure, list(args), kwargs])
    result = (await client.receive_until(50))[-1]
    return result[3][0] if result[3] else None


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
async def test_a_session_is_watched_from_its_beginning_to_its_end(
    listener: Listener, admin: Client, codec: Codec
) -> None:
    admin.send(*([32, number, {}, topic] for number, topic in enumerate(TOPICS, 1)))
    topics: dict[int, str] = {}
    while len(topics) < len(TOPICS):
        message = await admin.receive()
        if message[0] == 33:
            topics[message[2]] = TOPICS[message[1] - 1]
    alice = await Client.joined(listener.port, codec, authid="alice")
    subscription = await alice.subscribe("com.x")
    await alice.close()
    seen: list[tuple[str, list[Any]]] = []
    while not seen or seen[-1][0] != "wamp.session.on_leave":
        message = await admin.receive()
        told = message[4][0]["session"] if isinstance(message[4][0], dict) else message[4][0]
        if told == alice.session_id:
            seen.append((topics[message[1]], message[4]))
    assert [topic for topic, _ in seen] == TOPICS
    assert seen[0][1][0]["transport"]["type"] == "websocket"
    assert seen[0][1][0]["transport"]["address"] == "127.0.0.1"
    assert seen[1][1][1]["uri"] == "com.x"
    assert seen[2][1] == [alice.session_id, subscription]
    assert seen[-1][1] == [alice.session_id, "alice", "user"]


async def test_an_administrator_finds_removes_and_kills(listener: Listener, admin: Client, router: Router) -> None:
    alice = await Client.connect(listener.port)
    await alice.join(roles=EVERY_FEATURE, authid="alice")
    async with alice:
        subscription = await alice.subscribe("com.x")
        assert await call(admin, "wamp.session.count") == 2
        assert alice.session_id in await call(admin, "wamp.session.list", ["user"])
        assert (await call(admin, "wamp.session.get", alice.session_id))["authid"] == "alice"
        assert await call(admin, "wamp.subscription.lookup", "com.x") == subscription
        assert await call(admin, "wamp.subscription.list_subscribers", subscription) == [alice.session_id]
        await call(admin, "wamp.subscription.remove_subscriber", subscription, alice.session_id)
        assert await alice.receive() == [35, 0, {"subscription": subscription, "reason": "fairlead.revoked.removed"}]
        await call(admin, "wamp.session.kill", alice.session_id, reason="com.app.bye", message="maintenance")
        assert await alice.receive() == [6, {"message": "maintenance"}, "com.app.bye"]
        alice.send([6, {}, "wamp.close.goodbye_and_out"])
        assert (await alice.closed()).code == 1000
    assert await call(admin, "wamp.session.count") == 1


async def test_what_is_wrong_with_a_call_is_told(admin: Client) -> None:
    for procedure, args, error in [
        ("wamp.session.get", [4711], "wamp.error.no_such_session"),
        ("wamp.session.kill", [admin.session_id], "wamp.error.no_such_session"),
        ("wamp.session.kill", ["x"], "wamp.error.invalid_argument"),
        ("wamp.subscription.get", [4711], "wamp.error.no_such_subscription"),
        ("wamp.session.unknown", [], "wamp.error.no_such_procedure"),
    ]:
        answer = await admin.ask([48, 1, {}, procedure, args])
        assert (answer[0], answer[4]) == (8, error)


async def test_definitions_go_from_one_serializer_to_another(listener: Listener, admin: Client) -> None:
    definition = {"type": "topic", "title": "é", "args": [{"type": "integer", "minimum": -1.5}]}
    async with await Client.joined(listener.port, "json", authid="alice") as alice:
        assert await call(alice, "wamp.reflect.define", "com.x", definition) is True
    assert await call(admin, "wamp.reflection.topic.describe", "com.x") == definition
