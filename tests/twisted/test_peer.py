"""A peer on Twisted: what differs from asyncio is how it waits, so one of each kind is enough."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred

from fairlead_client import CallFailed, Event, Unreachable
from fairlead_client.twisted import Peer, Subscription
from fairlead_router import HistoryRule, Principal, Realm, RealmOptions, Router
from support.waiting import eventually

T = TypeVar("T")


async def driven(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that Twisted drives."""
    result: T = await Deferred.fromCoroutine(coroutine).asFuture(asyncio.get_running_loop())
    return result


def kill_sessions(realm: Realm) -> None:
    for session_id, principal in [*realm.sessions()]:
        if principal.authrole == "anonymous":
            realm.kill(session_id=session_id)


async def test_a_peer_outlives_its_sessions_and_misses_nothing() -> None:
    router = Router()
    options = RealmOptions(event_history=(HistoryRule("com.example.x"),))
    realm = router.add_realm("realm1", options=options)
    member = realm.join(Principal("member", "service"))
    port = (await router.listen("tcp://127.0.0.1:0")).port
    peer = Peer(reactor, f"ws://127.0.0.1:{port}/ws")
    seen: list[Event] = []
    resumed: list[Subscription] = []
    peer.start()
    await driven(peer.subscribe("com.example.x", seen.append, on_resumed=resumed.append))
    await driven(peer.register("com.example.add", lambda x, y: x + y))
    assert await driven(peer.call("com.example.add", [1], {"y": 2})) == 3
    member.publish("com.example.x", [0])
    await eventually(lambda: seen)
    kill_sessions(realm)
    await eventually(lambda: not peer.is_joined)
    with pytest.raises(Unreachable):
        await driven(peer.call("com.example.add", [1, 2]))
    peer.enqueue("com.example.y", ["queued"])
    member.publish("com.example.x", [1])
    await eventually(lambda: resumed)
    member.publish("com.example.x", [2])
    await eventually(lambda: len(seen) == 3)
    assert [event.args[0] for event in seen] == [0, 1, 2]
    assert resumed[0].resumed is True
    await eventually(lambda: peer.queued == 0)

    async def is_back() -> bool:
        with suppress(CallFailed):
            return bool(await driven(peer.call("com.example.add", [1, 2])) == 3)
        return False

    await eventually(is_back)
    await driven(peer.close())
    await router.close()


async def test_what_is_given_up_while_it_is_made_leaves_nothing() -> None:
    router = Router()
    realm = router.add_realm("realm1")
    member = realm.join(Principal("member", "service"))
    port = (await router.listen("tcp://127.0.0.1:0")).port
    peer = Peer(reactor, f"ws://127.0.0.1:{port}/ws")
    seen: list[Event] = []
    peer.start()
    await driven(peer.publish("com.example.y", wait_s=5))
    subscribing = Deferred.fromCoroutine(peer.subscribe("com.example.x", seen.append))
    registering = Deferred.fromCoroutine(peer.register("com.example.mine", lambda: "mine"))
    subscribing.cancel()
    registering.cancel()
    for given_up in (subscribing.asFuture, registering.asFuture):
        with pytest.raises(CancelledError):
            await given_up(asyncio.get_running_loop())
    await driven(peer.publish("com.example.y"))
    await eventually(lambda: not realm.broker.has_members("com.example.x"))
    member.publish("com.example.x", [1])
    with pytest.raises(CallFailed, match="no_such_procedure"):
        await driven(peer.call("com.example.mine"))
    assert peer.is_joined
    assert seen == []
    await driven(peer.close())
    await router.close()
