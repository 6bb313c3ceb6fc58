"""Peers that outlive their sessions, against a real router whose connections can be cut."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from autobahn.wamp.types import PublishOptions

from fairlead_client import CallFailed, Event, QueueFull, Refused, Unreachable
from fairlead_client.asyncio import Peer, Registration, Subscription
from fairlead_router import HistoryRule, Limits, Member, Principal, Realm, RealmOptions, Router
from support.proxy import Proxy
from support.waiting import eventually

KEPT = (HistoryRule("com.example.kept", "prefix", limit_events=50), HistoryRule("com.example.busy", "prefix"))


class Site:
    """A router, and a network before it whose connections can be cut."""

    def __init__(self) -> None:
        self.port = 0
        self.network: Proxy | None = None
        self._router: Router | None = None

    @property
    def url(self) -> str:
        assert self.network is not None
        return f"ws://127.0.0.1:{self.network.port}/ws"

    async def start(self) -> None:
        self._router = Router(Limits(close_timeout_s=0.2))
        self.realm: Realm = self._router.add_realm("realm1", options=RealmOptions(event_history=KEPT))
        self.member: Member = self.realm.join(Principal("member", "service"))
        self.port = (await self._router.listen(f"tcp://127.0.0.1:{self.port}")).port

    async def stop(self) -> None:
        if self._router is not None:
            await self._router.close()
            self._router = None

    def cut(self) -> None:
        """Every connection, at once, wherever it is."""
        assert self.network is not None
        self.network.reset()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.start()
    async with Proxy(site.port) as network:
        site.network = network
        yield site
    await site.stop()


class Watcher:
    """A peer with one subscription, and what it has seen."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.events: list[Event] = []
        self.resumed: list[bool | None] = []

    async def watch(self, topic: str, **how: Any) -> Subscription:
        self.subscription = await self.peer.subscribe(
            topic, self.events.append, on_resumed=lambda sub: self.resumed.append(sub.resumed), **how
        )
        return self.subscription

    @property
    def values(self) -> list[Any]:
        return [event.args[0] for event in self.events]


@asynccontextmanager
async def watching(site: Site, topic: str, **how: Any) -> AsyncIterator[Watcher]:
    async with Peer(site.url) as peer:
        watcher = Watcher(peer)
        await watcher.watch(topic, **how)
        yield watcher


async def test_events_calls_and_publications_go_on_after_a_cut(site: Site) -> None:
    async with Peer(site.url) as peer, Peer(site.url) as other:
        seen: list[Event] = []
        await peer.subscribe("com.example.x", seen.append)
        await peer.register("com.example.add", lambda x, y: x + y)
        assert await other.call("com.example.add", [1], {"y": 2}, wait_s=5) == 3
        site.cut()

        async def is_back() -> bool:
            with suppress(CallFailed, Unreachable):
                return bool(await other.call("com.example.add", [1], {"y": 2}, wait_s=5) == 3)
            return False

        await eventually(is_back)
        assert await other.publish("com.example.x", ["again"], {"key": 1}, wait_s=5)
        await eventually(lambda: seen)
        assert (seen[0].topic, seen[0].args, seen[0].kwargs, seen[0].is_past) == (
            "com.example.x", ["again"], {"key": 1}, False,
        )  # fmt: skip


async def test_what_was_published_while_away_is_filled_in(site: Site) -> None:
    async with watching(site, "com.example.kept.a") as watcher:
        site.member.publish("com.example.kept.a", [0])
        await eventually(lambda: watcher.values == [0])
        site.cut()
        for number in range(1, 6):
            site.member.publish("com.example.kept.a", [number])
        await eventually(lambda: watcher.resumed)
        site.member.publish("com.example.kept.a", [6])
        await eventually(lambda: len(watcher.values) == 7)
        assert watcher.values == [0, 1, 2, 3, 4, 5, 6]
        assert watcher.resumed == [True]
        assert [event.is_past for event in watcher.events] == [False, *[True] * 5, False]


async def test_a_loss_before_the_first_event_is_filled_too(site: Site) -> None:
    site.member.publish("com.example.kept.a", ["long ago"])
    async with watching(site, "com.example.kept", match="prefix") as watcher:
        site.cut()
        site.member.publish("com.example.kept.b", [1])
        await eventually(lambda: watcher.resumed)
        assert watcher.resumed == [True]
        assert [(event.topic, event.args) for event in watcher.events] == [("com.example.kept.b", [1])]


async def test_without_history_a_gap_is_possible(site: Site) -> None:
    async with watching(site, "com.example.forgotten") as watcher:
        site.member.publish("com.example.forgotten", [0])
        await eventually(lambda: watcher.values == [0])
        site.cut()
        await eventually(lambda: watcher.resumed)
        assert watcher.resumed == [False]
        site.member.publish("com.example.forgotten", [1])
        await eventually(lambda: watcher.values == [0, 1])


async def test_when_the_last_event_is_not_kept_any_more_the_rest_comes_and_a_gap_is_said(site: Site) -> None:
    async with watching(site, "com.example.kept.a") as watcher:
        site.member.publish("com.example.kept.a", [-1])
        await eventually(lambda: watcher.values == [-1])
        site.cut()
        for number in range(60):
            site.member.publish("com.example.kept.a", [number])
        await eventually(lambda: watcher.resumed)
        await eventually(lambda: watcher.values == [-1, *range(10, 60)])
        assert watcher.resumed == [False]


async def test_a_restart_of_the_router_loses_its_history_and_that_is_said(site: Site) -> None:
    async with watching(site, "com.example.kept.a") as watcher:
        site.member.publish("com.example.kept.a", [0])
        await eventually(lambda: watcher.values == [0])
        await site.stop()
        await eventually(lambda: not watcher.peer.is_joined)
        await site.start()
        site.member.publish("com.example.kept.a", [1])
        await eventually(lambda: watcher.resumed)
        await eventually(lambda: watcher.values == [0, 1])
        assert watcher.resumed == [False]


async def test_own_publications_are_not_filled_in(site: Site) -> None:
    async with watching(site, "com.example.kept.a") as watcher:
        site.member.publish("com.example.kept.a", [0])
        await eventually(lambda: watcher.values == [0])
        await watcher.peer.publish("com.example.kept.a", ["own"])
        await watcher.peer.publish(
            "com.example.kept.a", [1], options=PublishOptions(acknowledge=True, exclude_me=False)
        )
        await eventually(lambda: len(watcher.values) == 2)
        await watcher.peer.publish("com.example.kept.a", ["own"])
        site.cut()
        site.member.publish("com.example.kept.a", [2])
        await eventually(lambda: len(watcher.values) == 3)
        assert watcher.values == [0, 1, 2]


@pytest.mark.limit_s(60)
@pytest.mark.parametrize("seed", range(3))
async def test_under_random_cuts_no_event_is_lost_or_repeated(site: Site, seed: int) -> None:
    draw = random.Random(seed)
    count = 1000
    async with watching(site, "com.example.busy", match="prefix") as watcher:
        for number in range(count):
            site.member.publish(f"com.example.busy.{draw.choice('abc')}", [number])
            if draw.random() < 0.015:
                site.cut()
            await asyncio.sleep(0.001)  # so that events fall between SUBSCRIBED and the history's answer, too
        await eventually(lambda: len(watcher.values) >= count, 10)
        while len(watcher.resumed) < 3:  # on a slow machine most cuts meet no session
            site.cut()
            site.member.publish("com.example.busy.d", [count])
            count += 1
            await eventually(lambda: len(watcher.values) >= count, 20)  # noqa: B023
        assert watcher.values == list(range(count))
        assert False not in watcher.resumed


async def test_a_call_made_while_away_fails_at_once_or_waits_as_asked(site: Site) -> None:
    async with Peer(site.url) as peer:
        await peer.register("com.example.one", lambda: 1)
        await site.stop()
        await eventually(lambda: not peer.is_joined)
        with pytest.raises(Unreachable, match="no session"):
            await peer.call("com.example.one")
        with pytest.raises(Unreachable, match="no session"):
            await peer.publish("com.example.x", wait_s=0.01)
        waiting = asyncio.create_task(peer.publish("com.example.x", wait_s=10))
        await asyncio.sleep(0)
        await site.start()
        assert await waiting


async def test_a_call_that_is_lost_with_its_session_fails(site: Site) -> None:
    started = asyncio.Event()

    def wait(call: Any) -> Any:
        started.set()
        return asyncio.Event().wait()

    site.member.register("com.example.wait", wait)
    async with Peer(site.url) as peer:
        calling = asyncio.create_task(peer.call("com.example.wait", wait_s=5))
        await started.wait()
        site.cut()
        with pytest.raises(Unreachable):
            await calling


async def test_queued_publications_are_sent_in_order_when_there_is_a_session(site: Site) -> None:
    seen: list[int] = []
    await site.stop()
    async with Peer(site.url) as peer:
        for number in range(1000):
            peer.enqueue("com.example.x", [number])
        with pytest.raises(QueueFull):
            peer.enqueue("com.example.x")
        await site.start()
        await site.member.subscribe("com.example.x", lambda event: seen.append(event.args[0]))
        await eventually(lambda: peer.queued == 0)
        peer.enqueue("com.example.x", [1000])
        await eventually(lambda: len(seen) == 1001)
    assert seen == list(range(1001))


async def test_what_is_refused_after_a_loss_is_told_and_made_when_it_may_be(site: Site) -> None:
    told: list[Any] = []
    async with Peer(site.url, on_refused=lambda kept, error: told.append((kept, error.uri))) as peer:
        registration = await peer.register("com.example.mine", lambda: "mine")
        await site.stop()
        await eventually(lambda: not peer.is_joined)
        await site.start()
        theirs = await site.member.register("com.example.mine", lambda call: {})
        await eventually(lambda: told)
        assert told == [(registration, "wamp.error.procedure_already_exists")]
        assert registration.refusal is not None
        assert not registration.is_active
        await site.member.unregister(theirs)
        await eventually(lambda: registration.is_active)
        assert registration.refusal is None
        assert len(told) == 1


async def test_force_reregister_takes_the_procedure_back(site: Site) -> None:
    async with Peer(site.url) as peer, Peer(site.url) as other:
        await peer.register("com.example.mine", lambda: "old")
        with pytest.raises(CallFailed, match="procedure_already_exists"):
            await other.register("com.example.mine", lambda: "new")
        registration: Registration = await other.register("com.example.mine", lambda: "new", force_reregister=True)
        assert await peer.call("com.example.mine") == "new"
        await other.end(registration)
        with pytest.raises(CallFailed, match="no_such_procedure"):
            await peer.call("com.example.mine")


async def test_what_was_ended_does_not_come_back(site: Site) -> None:
    async with watching(site, "com.example.x") as watcher:
        await watcher.peer.end(watcher.subscription)
        await watcher.peer.end(watcher.subscription)
        site.cut()
        await eventually(lambda: not watcher.peer.is_joined)
        await watcher.peer.publish("com.example.y", wait_s=5)
        site.member.publish("com.example.x", [1])
        await watcher.peer.publish("com.example.y")
        assert watcher.values == []


async def test_a_subscription_may_be_ended_while_it_catches_up(site: Site) -> None:
    async with watching(site, "com.example.kept") as watcher:
        site.member.publish("com.example.kept", [0])
        await eventually(lambda: watcher.values == [0])
        site.cut()
        await eventually(lambda: not watcher.subscription.is_active)
        site.member.publish("com.example.kept", [1])
        while not watcher.subscription.is_active:
            await asyncio.sleep(0)
        await watcher.peer.end(watcher.subscription)
        await watcher.peer.publish("com.example.y", wait_s=5)
        assert not watcher.subscription.is_active


async def test_a_handler_that_fails_is_called_again(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Event] = []

    def handler(event: Event) -> None:
        seen.append(event)
        raise ValueError("a mistake in the program")

    async with Peer(site.url) as peer:
        await peer.subscribe("com.example.x", handler)
        site.member.publish("com.example.x", [1])
        site.member.publish("com.example.x", [2])
        await eventually(lambda: len(seen) == 2)
    assert "a mistake in the program" in caplog.text


async def test_a_peer_whom_the_router_refuses_says_so(site: Site) -> None:
    async with Peer(site.url, realm="nowhere") as peer:
        with pytest.raises(Refused):
            await peer.subscribe("com.example.x", print)
        assert peer.refusal is not None
        assert peer.refusal.uri == "wamp.error.no_such_realm"


@pytest.mark.parametrize("turns", range(1, 13))
async def test_a_subscription_that_is_given_up_while_it_is_made_leaves_nothing(site: Site, turns: int) -> None:
    seen: list[Event] = []
    async with Peer(site.url) as peer:
        await peer.publish("com.example.y", wait_s=5)
        sessions = [*site.realm.sessions()]
        subscribing = asyncio.create_task(peer.subscribe("com.example.kept", seen.append))
        for _ in range(turns):
            await asyncio.sleep(0)
        if not subscribing.cancel():
            return
        with pytest.raises(asyncio.CancelledError):
            await subscribing
        site.member.publish("com.example.kept", [1])
        await peer.publish("com.example.y")
        await eventually(lambda: not site.realm.broker.has_members("com.example.kept"))
        site.member.publish("com.example.kept", [2])
        await peer.publish("com.example.y")
        assert [*site.realm.sessions()] == sessions, "the session goes on"
        assert seen == []


@pytest.mark.parametrize("turns", range(1, 6))
async def test_a_registration_that_is_given_up_while_it_is_made_leaves_nothing(site: Site, turns: int) -> None:
    async with Peer(site.url) as peer:
        await peer.publish("com.example.y", wait_s=5)
        registering = asyncio.create_task(peer.register("com.example.mine", lambda: "mine"))
        for _ in range(turns):
            await asyncio.sleep(0)
        if registering.cancel():
            with pytest.raises(asyncio.CancelledError):
                await registering

            async def is_gone() -> bool:
                with suppress(CallFailed):
                    await peer.call("com.example.mine")
                    return False
                return True

            await eventually(is_gone)


async def test_a_queued_publication_that_no_serializer_takes_holds_up_no_other(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Any] = []
    await site.member.subscribe("com.example.x", lambda event: seen.append(event.args[0]))
    async with Peer(site.url) as peer:
        peer.enqueue("com.example.x", [object()])
        peer.enqueue("com.example.x", [1])
        await eventually(lambda: seen == [1])
    assert "com.example.x" in caplog.text


async def test_what_no_serializer_takes_is_a_failed_call(site: Site) -> None:
    async with Peer(site.url) as peer:
        with pytest.raises(CallFailed, match="invalid_argument"):
            await peer.call("com.example.x", [object()], wait_s=5)


async def test_an_on_change_that_fails_ends_no_attempt(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    def on_change(reason: str | None) -> None:
        raise ValueError("a mistake in the program")

    async with Peer(site.url, on_change=on_change) as peer:
        await peer.publish("com.example.x", wait_s=5)
        site.cut()
        await eventually(lambda: not peer.is_joined)
        assert await peer.publish("com.example.x", wait_s=5)
    assert "a mistake in the program" in caplog.text


async def test_who_waits_for_a_session_of_a_closed_peer_waits_no_more(site: Site) -> None:
    await site.stop()
    async with Peer(site.url) as peer:
        waiting = asyncio.create_task(peer.subscribe("com.example.x", print))
        await asyncio.sleep(0.01)
    with pytest.raises(Unreachable, match="closed"):
        await waiting
    with pytest.raises(Unreachable, match="closed"):
        await peer.register("com.example.x", print)


async def test_what_is_ended_while_it_is_refused_is_not_tried_again(site: Site) -> None:
    told: list[Any] = []
    async with Peer(site.url, on_refused=lambda kept, error: told.append(kept)) as peer:
        registration = await peer.register("com.example.mine", lambda: "mine")
        await site.stop()
        await eventually(lambda: not peer.is_joined)
        await site.start()
        await site.member.register("com.example.mine", lambda call: {})
        await eventually(lambda: told)
        await peer.end(registration)
        attempts = peer._of_session[0]
        assert isinstance(attempts, asyncio.Task)
        await eventually(attempts.done)
