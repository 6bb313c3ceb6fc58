"""Processes that are stopped (SIGSTOP) and go on: clients of ours and of others, and the router itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from fairlead_router import Limits, Principal, Realm, RealmObserver, Router
from support.attending import Attended, join
from support.peers import QUICK, Peer
from support.programs import Program
from support.proxy import Proxy
from support.waiting import eventually

RAW = Path(__file__).with_name("stopped_subscriber.py")
HASTY = Path(__file__).with_name("hasty_router.py")
KEPT = Path(__file__).with_name("kept_peer.py")
EVENT = "x" * 10_000
MANY = 1_000
PING_TIMEOUT_S = "1"


class Endings(RealmObserver):
    """Why sessions have ended."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    limits = Limits(close_timeout_s=0.3, slow_consumer_grace_s=0.5, outbox_bytes=256 << 10)
    router = Router(limits)
    router.add_realm("realm1")
    await router.listen("tcp://127.0.0.1:0")
    yield router
    await router.close()


@pytest.fixture
def port(router: Router) -> int:
    return router.listeners[0].port


@pytest.fixture
def realm(router: Router) -> Realm:
    realm = router.realm("realm1")
    assert realm is not None
    return realm


class Subscriber(Protocol):
    """A process that subscribes to com.x."""

    def stop(self) -> None: ...

    def go_on(self) -> None: ...

    def heard(self) -> list[int]:
        """The first arguments of its events."""


class RawSubscriber:
    def __init__(self, program: Program) -> None:
        self._program = program
        self.stop = program.stop
        self.go_on = program.go_on

    def heard(self) -> list[int]:
        return self._program.all_said("event")


class AutobahnSubscriber:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._heard: list[int] = []
        self.stop = partial(peer.send_signal, signal.SIGSTOP)
        self.go_on = partial(peer.send_signal, signal.SIGCONT)

    def heard(self) -> list[int]:
        self._heard += [event["args"][0] for event in self._peer.take("event")]
        return self._heard


@asynccontextmanager
async def raw_subscriber(port: int) -> AsyncIterator[Subscriber]:
    async with Program(RAW, "127.0.0.1", str(port), "com.x", "websocket") as program:
        await program.said("subscribed")
        yield RawSubscriber(program)


@asynccontextmanager
async def autobahn_subscriber(port: int) -> AsyncIterator[Subscriber]:
    async with Peer(QUICK[0], url=f"ws://127.0.0.1:{port}/ws") as peer:
        await peer.said("joined")
        await peer.do("subscribe", topic="com.x")
        yield AutobahnSubscriber(peer)


Subscribing = Callable[[int], AbstractAsyncContextManager[Subscriber]]
SUBSCRIBERS = pytest.mark.parametrize("subscribing", [raw_subscriber, autobahn_subscriber], ids=["raw", "autobahn"])


async def publish(publisher: Attended, numbers: range) -> None:
    for number in numbers:
        await publisher.ask(16, {"acknowledge": True}, "com.x", [number, EVENT])


@SUBSCRIBERS
async def test_client_that_is_stopped_for_a_while_goes_on_exactly_where_it_was(
    realm: Realm, port: int, subscribing: Subscribing
) -> None:
    async with subscribing(port) as subscriber, await join(port) as publisher, await join(port) as other:
        await other.ask(32, {}, "com.x")
        await publish(publisher, range(5))
        await eventually(lambda: subscriber.heard() == [*range(5)])
        subscriber.stop()
        await publish(publisher, range(5, 20))
        await eventually(lambda: other.events == [*range(20)])
        subscriber.go_on()
        await publish(publisher, range(20, 25))
        await eventually(lambda: subscriber.heard() == [*range(25)])
        assert realm.counters.events_lost == 0


@SUBSCRIBERS
async def test_client_that_is_stopped_too_long_is_closed_and_others_do_not_notice(
    realm: Realm, port: int, subscribing: Subscribing
) -> None:
    endings = Endings()
    realm.observe(endings)
    async with subscribing(port) as subscriber, await join(port) as publisher, await join(port) as other:
        await other.ask(32, {}, "com.x")
        subscriber.stop()
        async with asyncio.timeout(10):
            await publish(publisher, range(MANY))
        await eventually(lambda: endings.reasons == ["fairlead.close.too_slow"])
        await eventually(lambda: other.events == [*range(MANY)])
        assert realm.counters.sessions_too_slow == 1
        await eventually(lambda: realm.stats().sessions == {"websocket": 2})
        subscriber.go_on()
        await eventually(subscriber.heard)
        heard = subscriber.heard()
        assert heard == [*range(len(heard))], "what it had been sent, without a hole"


async def test_peer_of_ours_that_is_stopped_too_long_comes_back_and_misses_nothing() -> None:
    async with Program(HASTY, "127.0.0.1", PING_TIMEOUT_S) as router:
        url = f"ws://127.0.0.1:{await router.said('port')}/ws"
        async with Program(KEPT, url, "20") as peer:
            await peer.said("subscribed")
            router.tell({"publish": [1, 10]})
            await eventually(lambda: peer.all_said("event") == [*range(1, 11)])
            peer.stop()
            router.tell({"publish": [11, 20]})
            await eventually(lambda: router.all_said("left") == ["wamp.close.transport_lost"])
            router.tell({"publish": [21, 30]})
            peer.go_on()
            await eventually(lambda: peer.all_said("event") == [*range(1, 31)], timeout_s=10)
            assert peer.all_said("resumed") == [True]


# ---- the router ----

CROWD = 20
PINGED_S = 0.7
"""By then it has pinged whoever is silent, and still waits for the answer."""
STOPPED_S = 2.5
"""Longer than the router of these tests pings and waits for the answer, in all."""


async def test_router_that_was_stopped_hears_its_peers_before_it_gives_them_up() -> None:
    """Their answers to its PINGs came while it was stopped: seen by its clock they are all far too late."""
    async with Program(HASTY, "127.0.0.1", PING_TIMEOUT_S) as router, AsyncExitStack() as stack:
        network = await stack.enter_async_context(Proxy(await router.said("port")))
        crowd = []
        for number in range(CROWD):
            client = await join(network.port, ("websocket", "rawsocket")[number % 2])
            crowd.append(await stack.enter_async_context(client))
        network.to_router.hold()
        await asyncio.sleep(PINGED_S)
        router.stop()
        network.release()
        await asyncio.sleep(STOPPED_S)
        router.go_on()
        await asyncio.sleep(STOPPED_S)
        answers = await asyncio.gather(*(client.ask(16, {"acknowledge": True}, "com.x") for client in crowd))
        assert {answer[0] for answer in answers} == {17}


async def test_what_was_sent_to_a_stopped_router_is_handled_when_it_goes_on() -> None:
    async with Program(HASTY, "127.0.0.1", PING_TIMEOUT_S) as router, AsyncExitStack() as stack:
        port = await router.said("port")
        subscriber, publisher = [await stack.enter_async_context(await join(port)) for _ in range(2)]
        await subscriber.ask(32, {}, "com.x")
        router.stop()
        published = [publisher.start(16, {"acknowledge": True}, "com.x", [number]) for number in range(100)]
        joining = asyncio.create_task(join(port))
        await asyncio.sleep(STOPPED_S)
        assert not any(answer.done() for answer in published)
        router.go_on()
        await asyncio.gather(*published)
        await eventually(lambda: subscriber.events == [*range(100)])
        async with await joining as late:
            assert late.client.session_id


@pytest.mark.parametrize(("client_ping_timeout_s", "sessions"), [("1", 2), ("20", 1)], ids=["hasty", "patient"])
async def test_peer_of_a_stopped_router_comes_back_or_goes_on_and_misses_nothing(
    client_ping_timeout_s: str, sessions: int
) -> None:
    async with Program(HASTY, "127.0.0.1", PING_TIMEOUT_S) as router:
        url = f"ws://127.0.0.1:{await router.said('port')}/ws"
        async with Program(KEPT, url, client_ping_timeout_s) as peer:
            await peer.said("subscribed")
            router.tell({"publish": [1, 10]})
            await eventually(lambda: peer.all_said("event") == [*range(1, 11)])
            router.stop()
            router.tell({"publish": [11, 20]})
            await asyncio.sleep(STOPPED_S)
            router.go_on()
            await eventually(lambda: peer.all_said("event") == [*range(1, 21)], timeout_s=10)
            await eventually(lambda: len(router.all_said("joined")) == sessions)
            router.tell({"publish": [21, 30]})
            await eventually(lambda: peer.all_said("event") == [*range(1, 31)])
            assert len(router.all_said("joined")) == sessions
