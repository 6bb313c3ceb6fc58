"""A router and a client on two hosts, and the cable between them is pulled: real TCP, real timeouts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support.hosts import Hosts
from support.programs import Program
from support.waiting import eventually

pytestmark = pytest.mark.interop

ROUTER = Path(__file__).with_name("hasty_router.py")
PEER = Path(__file__).with_name("kept_peer.py")
RAW = Path(__file__).with_name("stopped_subscriber.py")
PING_TIMEOUT_S = "2.5"
SHORT_S = 0.6
"""TCP sends again after at most 1.4 s then, while both sides wait for a sign of life."""
LONG_S = 10.0


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with Hosts() as hosts:
        yield hosts


@pytest.fixture
async def router(hosts: Hosts) -> AsyncIterator[Program]:
    async with Program(ROUTER, hosts.server_address, PING_TIMEOUT_S, prefix=hosts.on_server) as router:
        yield router


@pytest.fixture
async def peer(hosts: Hosts, router: Program) -> AsyncIterator[Program]:
    url = f"ws://{hosts.server_address}:{await router.said('port')}/ws"
    async with Program(PEER, url, PING_TIMEOUT_S, prefix=hosts.on_client) as peer:
        await peer.said("subscribed")
        yield peer


async def test_short_cut_is_survived_by_the_connection_and_nothing_is_lost(
    hosts: Hosts, router: Program, peer: Program
) -> None:
    router.tell({"publish": [1, 10]})
    await eventually(lambda: peer.all_said("event") == [*range(1, 11)])
    hosts.pull_cable()
    router.tell({"publish": [11, 50]})
    await asyncio.sleep(SHORT_S)
    assert len(peer.all_said("event")) == 10
    hosts.plug_in()
    router.tell({"publish": [51, 60]})
    await eventually(lambda: peer.all_said("event") == [*range(1, 61)], timeout_s=LONG_S)
    assert router.all_said("left") == []
    assert peer.all_said("change") == []


async def test_long_cut_is_noticed_on_both_sides_and_the_peer_comes_back_to_everything(
    hosts: Hosts, router: Program, peer: Program
) -> None:
    router.tell({"publish": [1, 10]})
    await eventually(lambda: peer.all_said("event") == [*range(1, 11)])
    hosts.pull_cable()
    router.tell({"publish": [11, 50]})
    await eventually(lambda: router.all_said("left") == ["wamp.close.transport_lost"], timeout_s=LONG_S)
    await eventually(lambda: len(peer.all_said("change")) == 1, timeout_s=LONG_S)
    router.tell({"publish": [51, 60]})
    hosts.plug_in()
    await eventually(lambda: peer.all_said("resumed") == [True], timeout_s=LONG_S)
    router.tell({"publish": [61, 70]})
    await eventually(lambda: peer.all_said("event") == [*range(1, 71)], timeout_s=LONG_S)
    assert peer.all_said("change")[-1] is None
    assert len(router.all_said("joined")) == 2


@pytest.mark.parametrize("events", [0, 10])
async def test_host_whose_peer_must_not_be_pinged_is_found_out_by_the_kernel(
    hosts: Hosts, router: Program, events: int
) -> None:
    """Keep-alive probes are sent only where nothing else is on its way: events that are not acknowledged count, too."""
    arguments = (hosts.server_address, str(await router.said("port")), "com.kept", "rawsocket")
    async with Program(RAW, *arguments, prefix=hosts.on_client) as client:
        await client.said("subscribed")
        hosts.pull_cable()
        router.tell({"publish": [1, events]})
        await eventually(lambda: router.all_said("left") == ["wamp.close.transport_lost"], timeout_s=LONG_S)
