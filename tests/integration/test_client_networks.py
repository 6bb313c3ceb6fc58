"""Peers of fairlead_client behind broken networks: they find out, come back, and miss nothing that a history keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from fairlead_client import Event
from fairlead_client.asyncio import Peer, Subscription
from fairlead_client.autobahn_session import PROTOCOL_OPTIONS
from fairlead_router import HistoryRule, Limits, Member, Principal, Realm, RealmOptions, Router
from support.proxy import Proxy
from support.waiting import eventually

LIMITS = Limits(ping_interval_s=0.2, ping_timeout_s=0.3, close_timeout_s=0.2)
TOPIC = "com.kept"
EVENTS = 60


@pytest.fixture(autouse=True)
def hasty_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """They ping, too, and not each ten seconds."""
    monkeypatch.setitem(PROTOCOL_OPTIONS, "autoPingInterval", 0.5)
    monkeypatch.setitem(PROTOCOL_OPTIONS, "autoPingTimeout", 2.0)


class Site:
    """A router, and a network before it."""

    def __init__(self, realm: Realm, network: Proxy) -> None:
        self.realm = realm
        self.network = network
        self.member: Member = realm.join(Principal("publisher", "service"))
        self.url = f"ws://127.0.0.1:{network.port}/ws"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    router = Router(LIMITS)
    realm = router.add_realm("realm1", options=RealmOptions(event_history=(HistoryRule(TOPIC),)))
    listener = await router.listen("tcp://127.0.0.1:0")
    async with Proxy(listener.port) as network:
        yield Site(realm, network)
    await router.close()


def crawl(network: Proxy) -> None:
    network.to_client.piece_bytes = network.to_router.piece_bytes = 7
    network.to_client.delay_s = network.to_router.delay_s = 0.002


LOSSES: dict[str, Callable[[Proxy], None]] = {
    "nothing gets through": Proxy.hold,
    "nothing gets to the client": lambda network: network.to_client.hold(),
    "nothing gets to the router": lambda network: network.to_router.hold(),
    "the connection is reset": Proxy.reset,
    "the client's side vanishes": Proxy.vanish,
    "half closed": Proxy.half_close,
}


@pytest.mark.parametrize("way", LOSSES)
async def test_peer_is_restored_and_no_event_is_lost_or_doubled(site: Site, way: str) -> None:
    events: list[Event] = []
    resumed: list[bool | None] = []

    def note(subscription: Subscription) -> None:
        resumed.append(subscription.resumed)

    async with Peer(site.url) as peer:
        await peer.subscribe(TOPIC, events.append, on_resumed=note)
        await peer.register("com.add", lambda x, y: x + y)
        for number in range(EVENTS):
            site.member.publish(TOPIC, [number])
            if number == EVENTS // 3:
                LOSSES[way](site.network)
                await eventually(lambda: not site.realm.stats().sessions.get("websocket"))
                site.network.release()
            await asyncio.sleep(0)
        await eventually(lambda: resumed and len(events) >= EVENTS, timeout_s=10)
        assert [event.args[0] for event in events] == [*range(EVENTS)]
        assert set(resumed) == {True}
        result = await site.member.call("com.add", [1, 2])
        assert result.args == [3]
        assert site.realm.stats().sessions["websocket"] == 1


async def test_short_interruption_costs_no_session(site: Site) -> None:
    events: list[Event] = []
    async with Peer(site.url) as peer:
        await peer.subscribe(TOPIC, events.append)
        [session_id] = [session_id for session_id, _ in site.realm.sessions() if session_id != site.member.session_id]
        site.network.hold()
        for number in range(EVENTS):
            site.member.publish(TOPIC, [number])
        await asyncio.sleep(LIMITS.ping_interval_s / 2)
        site.network.release()
        await eventually(lambda: len(events) == EVENTS)
        assert [(event.args[0], event.is_past) for event in events] == [(number, False) for number in range(EVENTS)]
        assert site.realm.session(session_id) is not None


async def test_peer_behind_a_network_that_crawls_keeps_its_session(site: Site) -> None:
    events: list[Event] = []
    async with Peer(site.url) as peer:
        await peer.subscribe(TOPIC, events.append)
        crawl(site.network)
        for number in range(EVENTS):
            site.member.publish(TOPIC, [number])
        await eventually(lambda: len(events) == EVENTS, timeout_s=10)
        assert not any(event.is_past for event in events)
        assert await peer.publish("com.x", [1]) is not None
