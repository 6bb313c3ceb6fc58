"""A realm's sessions as others see them: meta events, killing, observers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fairlead_router import MemberEvent, Principal, Realm, RealmObserver, Router
from support.waiting import eventually

SERVICE = Principal("watcher", "service")
USER = Principal("ann", "user")


@pytest.fixture
async def realm() -> AsyncIterator[Realm]:
    router = Router()
    yield router.add_realm("realm1")
    await router.close()


async def test_joining_and_leaving_are_told_with_the_reason(realm: Realm) -> None:
    watcher = realm.join(SERVICE)
    seen: list[MemberEvent] = []
    for topic in ("wamp.session.on_join", "wamp.session.on_leave"):
        await watcher.subscribe(topic, seen.append)
    member = realm.join(USER)
    realm.kill("fairlead.close.test", authid="ann")
    await eventually(lambda: len(seen) == 2)
    joined, left = seen
    assert joined.args[0] | {"authid": "ann", "authrole": "user", "session": member.session_id} == joined.args[0]
    assert left.args == [member.session_id, "ann", "user"]
    assert left.kwargs == {"reason": "fairlead.close.test"}


async def test_killing_ends_only_the_sessions_that_are_meant(realm: Realm) -> None:
    members = [realm.join(USER), realm.join(USER), realm.join(SERVICE)]
    assert realm.kill(session_id=members[0].session_id) == 1
    assert realm.kill(authid="ann") == 1
    assert realm.kill(authid="nobody") == 0
    assert [principal for _, principal in realm.sessions()] == [SERVICE]


async def test_observers_hear_of_each_session_once(realm: Realm) -> None:
    heard: list[str] = []

    class Observer(RealmObserver):
        def joined(self, session_id: int, principal: Principal) -> None:
            heard.append(f"{principal.authid} joined")

        def left(self, session_id: int, principal: Principal, reason: str) -> None:
            heard.append(f"{principal.authid} left: {reason}")

    realm.observe(Observer())
    member = realm.join(USER)
    member.leave()
    member.leave()
    await asyncio.sleep(0)
    assert heard == ["ann joined", "ann left: wamp.close.normal"]
