"""Networks that are broken, though no connection is closed: who is gone is found out, and nobody else notices."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from fairlead_router import Limits, Listener, Principal, Realm, RealmObserver, Router
from support.attending import Attended, join
from support.proxy import Proxy
from support.waiting import eventually

LIMITS = Limits(
    ping_interval_s=0.2,
    ping_timeout_s=0.3,
    close_timeout_s=0.3,
    slow_consumer_grace_s=0.3,
    overdraft_s=1,
    outbox_bytes=256 << 10,
)
FOUND_OUT_S = LIMITS.ping_interval_s + LIMITS.ping_timeout_s
BUSY_S = 2.0
"""What a loaded machine may take longer."""

DEAD: dict[str, Callable[[Proxy], None]] = {
    "nothing gets through": Proxy.hold,
    "nothing gets to the client": lambda network: network.to_client.hold(),
    "nothing gets to the router": lambda network: network.to_router.hold(),
    "the client has vanished": Proxy.vanish,
}
CLOSED: dict[str, Callable[[Proxy], None]] = {"reset": Proxy.reset, "half closed": Proxy.half_close}


def trickle(network: Proxy) -> None:
    network.to_client.piece_bytes = 1
    network.to_client.delay_s = 0.001


def delay(network: Proxy) -> None:
    network.to_client.delay_s = network.to_router.delay_s = 0.05


ALIVE: dict[str, Callable[[Proxy], None]] = {"trickles": trickle, "delays": delay}
TRANSPORTS = ["websocket", "rawsocket"]


class Endings(RealmObserver):
    """Why sessions have ended."""

    def __init__(self) -> None:
        self.reasons: dict[int, str] = {}

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        self.reasons[session_id] = reason


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router(LIMITS)
    router.add_realm("realm1")
    yield router
    await router.close()


@pytest.fixture
def realm(router: Router) -> Realm:
    realm = router.realm("realm1")
    assert realm is not None
    return realm


@pytest.fixture
async def listener(router: Router) -> Listener:
    return await router.listen("tcp://127.0.0.1:0")


@pytest.fixture
async def network(listener: Listener) -> AsyncIterator[Proxy]:
    async with Proxy(listener.port) as network:
        yield network


# ---- a peer that is gone ----


async def hold_much(client: Attended) -> None:
    """Subscriptions, a registration, a call in progress at itself, a testament."""
    assert (await client.ask(32, {}, "com.topic"))[0] == 33
    assert (await client.ask(32, {"match": "prefix"}, "com"))[0] == 33
    assert (await client.ask(64, {}, "com.procedure"))[0] == 65
    assert (await client.ask(48, {}, "wamp.session.add_testament", ["com.testament", ["gone"], {}]))[0] == 50
    client.start(48, {}, "com.procedure")
    await eventually(lambda: any(message[0] == 68 for message in client.others))


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("way", [*DEAD, *CLOSED])
async def test_peer_that_is_gone_is_found_out_and_holds_nothing_any_more(
    router: Router, realm: Realm, listener: Listener, network: Proxy, way: str, transport: str
) -> None:
    endings = Endings()
    realm.observe(endings)
    async with await join(listener.port) as watcher, await join(network.port, transport) as lost:
        await watcher.ask(32, {}, "com.testament")
        await watcher.ask(32, {}, "wamp.session.on_leave")
        await hold_much(lost)
        before_s = time.monotonic()
        {**DEAD, **CLOSED}[way](network)
        await eventually(lambda: endings.reasons, timeout_s=FOUND_OUT_S + BUSY_S)
        assert time.monotonic() - before_s < FOUND_OUT_S + BUSY_S
        assert endings.reasons == {lost.client.session_id: "wamp.close.transport_lost"}
        await eventually(lambda: len(watcher.events) == 2)
        assert set(watcher.events) == {lost.client.session_id, "gone"}
        assert {"reason": "wamp.close.transport_lost"} in [message[5] for message in watcher.others if len(message) > 5]
        stats = realm.stats()
        assert (stats.sessions, stats.subscriptions) == ({"websocket": 1}, 2)
        assert (stats.registrations, stats.calls, stats.queued_messages) == (0, 0, 0)
        await eventually(lambda: router.stats().connections == 1)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("way", ALIVE)
async def test_peer_behind_a_slow_network_is_kept(realm: Realm, network: Proxy, way: str, transport: str) -> None:
    async with await join(network.port, transport) as client:
        ALIVE[way](network)
        before_s = time.monotonic()
        while time.monotonic() - before_s < 3 * FOUND_OUT_S:
            await client.ask(16, {"acknowledge": True}, "com.x")
            await asyncio.sleep(0.7 * FOUND_OUT_S)  # silent but for its PONGs
        assert realm.stats().sessions == {transport: 1}
        assert client.end is None


# ---- calls ----


@pytest.mark.parametrize("way", DEAD)
async def test_calls_to_a_callee_that_is_gone_end_and_no_other_call_waits(
    listener: Listener, network: Proxy, way: str
) -> None:
    async with (
        await join(listener.port) as caller,
        await join(listener.port) as callee,
        await join(network.port) as gone,
    ):
        await gone.ask(64, {}, "com.gone")
        await callee.ask(64, {}, "com.there")
        DEAD[way](network)
        before_s = time.monotonic()
        hopeless = [caller.start(48, {}, "com.gone") for _ in range(3)]
        assert (await caller.ask(48, {"timeout": 50}, "com.gone"))[4] == "wamp.error.timeout"
        answer = caller.start(48, {}, "com.there", [1])
        await eventually(lambda: callee.others)
        callee.client.send([70, callee.others[-1][1], {}, [2]])
        assert (await answer)[3] == [2]
        assert time.monotonic() - before_s < FOUND_OUT_S + BUSY_S
        for error in await asyncio.gather(*hopeless):
            assert (error[0], error[4]) == (8, "wamp.error.canceled")
        assert time.monotonic() - before_s < FOUND_OUT_S + BUSY_S
        assert (await caller.ask(48, {}, "com.gone"))[4] == "wamp.error.no_such_procedure"


# ---- publishers ----


@pytest.mark.parametrize("way", [*DEAD, *CLOSED, *ALIVE])
async def test_publisher_never_waits_for_subscribers_behind_a_broken_network(
    realm: Realm, listener: Listener, network: Proxy, way: str
) -> None:
    events, size = 300, 10_000
    async with await join(listener.port) as publisher, await join(listener.port) as healthy:
        await healthy.ask(32, {}, "com.x")
        broken = [await join(network.port, transport) for transport in TRANSPORTS]
        async with broken[0], broken[1]:
            for each in broken:
                await each.ask(32, {}, "com.x")
            {**DEAD, **CLOSED, **ALIVE}[way](network)
            longest_s = 0.0
            for number in range(events):
                before_s = time.monotonic()
                await publisher.ask(16, {"acknowledge": True}, "com.x", [number, "x" * size])
                longest_s = max(longest_s, time.monotonic() - before_s)
            await eventually(lambda: len(healthy.events) == events)
            assert healthy.events == [*range(events)]
            assert longest_s < BUSY_S
            if way not in ALIVE:
                await eventually(lambda: realm.stats().sessions == {"websocket": 2})


# ---- clocks ----


@pytest.mark.parametrize("step_s", [86_400, -86_400])
async def test_clock_that_steps_ends_nothing_and_holds_nothing_up(
    realm: Realm, listener: Listener, monkeypatch: pytest.MonkeyPatch, step_s: int
) -> None:
    """A day forth or back: every bound is measured on a clock that never steps."""
    async with await join(listener.port) as client, await join(listener.port, "rawsocket") as callee:
        await callee.ask(64, {}, "com.x")
        unanswered = client.start(48, {"timeout": 300}, "com.x")
        true_time_ns = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: true_time_ns() + step_s * 1_000_000_000)
        before_s = time.monotonic()
        assert (await unanswered)[4] == "wamp.error.timeout"
        assert 0.2 < time.monotonic() - before_s < 0.3 + BUSY_S
        async with await join(listener.port) as late:
            await asyncio.sleep(2 * FOUND_OUT_S)
            for each in (client, callee, late):
                assert (await each.ask(16, {"acknowledge": True}, "com.y"))[0] == 17
        assert realm.counters.calls_timed_out == 1
