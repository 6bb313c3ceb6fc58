"""Publish and subscribe of the Advanced Profile over real sockets, in each serializer and between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_router import HistoryRule, Limits, Listener, RealmOptions, Router
from support.wamp import Client

CODECS = ["json", "msgpack", "cbor"]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    router = Router(Limits(close_timeout_s=0.3))
    router.add_realm("realm1", options=RealmOptions(event_history=(HistoryRule("com.", match="prefix"),)))
    yield await router.listen("tcp://127.0.0.1:0")
    await router.close()


@pytest.mark.parametrize("codec", CODECS)
async def test_wildcard_subscriber_is_told_the_topic(listener: Listener, codec: Any) -> None:
    async with await Client.joined(listener.port, codec) as alice, await Client.joined(listener.port) as bob:
        subscription = await alice.subscribe("com..x", match="wildcard")
        await bob.ask([16, 1, {}, "com.a.b.x", ["no"]], [16, 2, {"acknowledge": True}, "com.a.x", ["yes"]])
        event = await alice.receive()
        assert (event[1], event[3:]) == (subscription, [{"topic": "com.a.x"}, ["yes"]])


@pytest.mark.parametrize("codec", CODECS)
async def test_retained_event_comes_first(listener: Listener, codec: Any) -> None:
    async with await Client.joined(listener.port) as bob:
        assert (await bob.ask([16, 1, {"acknowledge": True, "retain": True}, "com.x", ["last"], {"k": 1}]))[0] == 17
        async with await Client.joined(listener.port, codec) as alice:
            alice.send([32, 1, {"get_retained": True}, "com.x"])
            assert (await alice.receive())[0] == 33
            bob.send([16, 2, {}, "com.x", ["live"]])
            assert (await alice.receive())[3:] == [{"retained": True}, ["last"], {"k": 1}]
            assert (await alice.receive())[3:] == [{}, ["live"]]


@pytest.mark.parametrize("codec", CODECS)
async def test_testament_of_a_broken_connection_is_published(listener: Listener, codec: Any) -> None:
    async with await Client.joined(listener.port) as alice:
        await alice.subscribe("com.gone")
        bob = await Client.joined(listener.port, codec)
        answer = await bob.ask([48, 1, {}, "wamp.session.add_testament", ["com.gone", ["bob"], {"k": None}]])
        assert answer[:2] == [50, 1]
        bob.reset()
        assert (await alice.receive())[4:] == [["bob"], {"k": None}]


@pytest.mark.parametrize("codec", CODECS)
async def test_history_is_paged(listener: Listener, codec: Any) -> None:
    async with await Client.joined(listener.port, codec) as alice, await Client.joined(listener.port) as bob:
        for number in range(3):
            await bob.ask([16, 1, {"acknowledge": True}, "com.x", [number]])
        subscription = await alice.subscribe("com.", match="prefix")
        options: dict[str, Any] = {"limit": 2}
        seen: list[int] = []
        for _ in range(2):
            answer = await alice.ask([48, 1, {}, "wamp.subscription.get_events", [subscription], options])
            seen += [event["args"][0] for event in answer[3]]
            options["after_publication"] = answer[3][-1]["publication"]
        assert seen == [0, 1, 2]
        assert answer[4] == {"is_limit_reached": False}


async def test_order_of_acknowledgements_and_errors_is_that_of_the_publications(listener: Listener) -> None:
    async with await Client.joined(listener.port) as alice:
        topics = ["com.a", "com..b", "com.c", "wamp.d", "com.e"]
        alice.send(*([16, number, {"acknowledge": True}, topic] for number, topic in enumerate(topics, 1)))
        answers = [await alice.receive() for _ in topics]
        assert [(answer[0], answer[2 if answer[0] == 8 else 1]) for answer in answers] == [
            (17, 1),
            (8, 2),
            (17, 3),
            (8, 4),
            (17, 5),
        ]
