"""Every client against the router, both ways: what one side of each exchange does, the other sees.

The clients are programs of their own (support/peers.py), the other side is a member within the router. `make test`
runs the quick ones, `make interop` all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead_router import (
    PENDING,
    Call,
    CallError,
    Limits,
    Member,
    MemberEvent,
    Payload,
    Principal,
    Realm,
    RequestError,
    Router,
)
from support.peers import BUILT_ONES, QUICK, Kind, Peer, PeerError
from support.serving import Serving
from support.waiting import eventually
from support.wamp import Client

pytestmark = pytest.mark.limit_s(60)


def clients(can: Callable[[Kind], bool] = lambda _: True) -> pytest.MarkDecorator:
    """Runs the test with each client that can do what it is about."""
    quick = [pytest.param(kind, id=kind.name) for kind in QUICK if can(kind)]
    built = [pytest.param(kind, id=kind.name, marks=pytest.mark.interop) for kind in BUILT_ONES if can(kind)]
    return pytest.mark.parametrize("kind", quick + built)


each_client = clients()
each_serializer = pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])

BIG = "x" * 900_000
# wampy's CBOR reads negative integers of more than 32 bits wrongly.
VALUES: list[Any] = [1, 2**53 - 1, -(2**31), 0.5, True, None, "", "grün \U0001f6a2 \0 inside", [[[], {"a": [{}]}]], BIG]
KWARGS = {"text": "é", "deep": {"a": {"b": [None, {"c": 1}]}}, "empty": {}}


AGAIN = {"args": ["again"], "kwargs": {}}
PATIENCE_S = 10.0


class Site:
    """A router that can go away and come back on the same port."""

    def __init__(self) -> None:
        self.port = 0
        self._router: Router | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    async def start(self) -> None:
        self._router = Router(Limits(close_timeout_s=0.2))
        self.realm: Realm = self._router.add_realm("realm1")
        self.member: Member = self.realm.join(Principal("member", "service"))
        self.port = (await self._router.listen(f"tcp://127.0.0.1:{self.port}")).port

    async def stop(self) -> None:
        if self._router is not None:
            await self._router.close()
            self._router = None


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.start()
    yield site
    await site.stop()


def values_for(kind: Kind, serializer: str) -> list[Any]:
    return [*VALUES, b"\x00\xff binary"] if serializer in kind.binary else VALUES


@each_serializer
@each_client
async def test_events_arrive_as_they_were_published(kind: Kind, serializer: str, site: Site) -> None:
    seen: list[MemberEvent] = []
    values = values_for(kind, serializer)
    await site.member.subscribe("com.example.up", seen.append)
    async with Peer(kind, url=site.url, serializer=serializer) as peer:
        await peer.said("joined")
        await peer.do("subscribe", topic="com.example.down")
        site.member.publish("com.example.down", values, KWARGS)
        event = await peer.said("event")
        assert (event["args"], event["kwargs"]) == (values, KWARGS)
        site.member.publish("com.example.down")
        event = await peer.said("event")
        assert (event["args"], event["kwargs"]) == ([], {})
        await peer.do("publish", topic="com.example.up", args=values, kwargs=KWARGS)
        await peer.do("publish", topic="com.example.up")
    assert [(event.args, event.kwargs) for event in seen] == [(values, KWARGS), ([], {})]


@each_serializer
@each_client
async def test_calls_bring_back_what_the_procedure_returned(kind: Kind, serializer: str, site: Site) -> None:
    values = values_for(kind, serializer)
    await site.member.register("com.example.echo", lambda call: call.payload)
    async with Peer(kind, url=site.url, serializer=serializer) as peer:
        await peer.said("joined")
        result = await peer.do("call", procedure="com.example.echo", args=values, kwargs=KWARGS)
        assert result == {"args": values, "kwargs": KWARGS}
        assert await peer.do("call", procedure="com.example.echo") == {"args": [], "kwargs": {}}
        await peer.do("register", procedure="com.example.peer", behaviour="echo")
        answer = await site.member.call("com.example.peer", values, KWARGS)
        assert (answer.args, answer.kwargs) == (values, KWARGS)
        await peer.do("unregister", procedure="com.example.peer")
        with pytest.raises(CallError, match="no_such_procedure"):
            await site.member.call("com.example.peer")


@each_client
async def test_patterns_bring_the_topics_that_they_match(kind: Kind, site: Site) -> None:
    async with Peer(kind, url=site.url) as peer:
        await peer.said("joined")
        await peer.do("subscribe", topic="com.example", options={"match": "prefix"})  # wampy wants no dot at its end
        for topic in ("com.example.a", "com.other", "com.example.b"):
            site.member.publish(topic)
        assert [(await peer.said("event"))["topic"] for _ in range(2)] == ["com.example.a", "com.example.b"]


@each_client
async def test_who_has_unsubscribed_gets_no_more(kind: Kind, site: Site) -> None:
    async with Peer(kind, url=site.url) as peer:
        await peer.said("joined")
        await peer.do("subscribe", topic="com.example.one")
        await peer.do("subscribe", topic="com.example.other")
        await peer.do("unsubscribe", topic="com.example.one")
        site.member.publish("com.example.one")
        site.member.publish("com.example.other")
        assert (await peer.said("event"))["topic"] == "com.example.other"
        assert peer.unheard("event") == 0


@each_client
async def test_errors_arrive_with_their_arguments(kind: Kind, site: Site) -> None:
    def fail(call: Call) -> Payload:
        raise OurError("text", reason="é")

    await site.member.register("com.example.fail", fail)
    async with Peer(kind, url=site.url) as peer:
        await peer.said("joined")
        with pytest.raises(PeerError) as caught:
            await peer.do("call", procedure="com.example.fail")
        assert caught.value.uri == "com.example.ours"
        assert (caught.value.error_args, caught.value.error_kwargs) == (["text"], {"reason": "é"})
        await peer.do("register", procedure="com.example.peer", behaviour="fail")
        with pytest.raises(CallError) as answered:
            await site.member.call("com.example.peer", ["text", 1], {"key": "é"})
        assert (answered.value.uri, answered.value.error_args) == ("com.example.failed", ["text", 1])
        if kind.sends_error_kwargs:
            assert answered.value.error_kwargs == {"key": "é"}
        with pytest.raises(PeerError, match=r"wamp\.error\.no_such_procedure"):
            await peer.do("call", procedure="com.example.nobody")


class OurError(RequestError):
    uri = "com.example.ours"


@clients(lambda kind: kind.has_progress)
async def test_progressive_results_arrive_in_order(kind: Kind, site: Site) -> None:
    def count(call: Call) -> Payload:
        for number in range(20):
            call.send(Payload.of(number))
        return Payload.of(20)

    await site.member.register("com.example.count", count)
    async with Peer(kind, url=site.url) as peer:
        await peer.said("joined")
        result = await peer.do("call", procedure="com.example.count", progress=True)
        assert result["args"] == [20]
        assert [(await peer.said("progress"))["args"] for _ in range(20)] == [[number] for number in range(20)]
        await peer.do("register", procedure="com.example.peer", behaviour="count")
        seen: list[Any] = []
        answer = await site.member.call("com.example.peer", [20], on_progress=lambda args, _: seen.append(args))
        assert answer.args == [20]
        assert seen == [[number] for number in range(20)]


@clients(lambda kind: kind.can_cancel)
async def test_a_canceled_call_ends_on_both_sides(kind: Kind, site: Site) -> None:
    started, canceled = asyncio.Event(), asyncio.Event()

    def wait(call: Call) -> Any:
        call.on_end = lambda _: canceled.set()
        started.set()
        return PENDING

    await site.member.register("com.example.wait", wait)
    async with Peer(kind, url=site.url) as peer:
        await peer.said("joined")
        number, answer = peer.start("call", procedure="com.example.wait")
        await started.wait()
        await peer.do("cancel", call=number)
        await canceled.wait()
        with pytest.raises(PeerError):
            await answer
        assert await peer.do("publish", topic="com.example.x") is None, "the session goes on"


@clients(lambda kind: kind.can_cancel)
async def test_a_call_can_be_canceled_at_a_callee_that_never_answers(kind: Kind, site: Site) -> None:
    async with Peer(kind, url=site.url) as peer:
        await peer.said("joined")
        await peer.do("register", procedure="com.example.peer", behaviour="wait")
        call = asyncio.create_task(site.member.call("com.example.peer"))
        await peer.said("invoked")
        call.cancel()
        if kind.is_interrupted:
            await peer.said("interrupted")
        assert await peer.do("publish", topic="com.example.x") is None, "the session goes on"


@each_client
async def test_a_client_that_leaves_is_answered_and_gone(kind: Kind, site: Site) -> None:
    async with Peer(kind, url=site.url) as peer:
        await peer.said("joined")
        assert len(list(site.realm.sessions())) == 2
        peer.start("leave")
        await peer.said("left")
        await eventually(lambda: len(list(site.realm.sessions())) == 1)


@each_client
async def test_after_a_crash_of_the_router_everything_works_again(kind: Kind, tmp_path: Path) -> None:
    async with Serving(tmp_path, "--open") as server, Peer(kind, url=server.url) as peer:
        await peer.said("joined")
        await peer.do("subscribe", topic="com.example.x")
        await peer.do("register", procedure="com.example.peer", behaviour="echo")
        await server.kill()
        await peer.said("left")
        await server.start()
        await peer.said("joined")
        if not kind.restores:
            await peer.do("subscribe", topic="com.example.x")
            await peer.do("register", procedure="com.example.peer", behaviour="echo")

        async def is_registered() -> bool:
            return bool(await peer.do("call", procedure="com.example.peer", args=["again"]) == AGAIN)

        await eventually(is_registered, PATIENCE_S)
        async with await Client.joined(server.port) as client:
            client.send([16, 1, {}, "com.example.x", ["again"]])
        assert (await peer.said("event"))["args"] == ["again"]


@clients(lambda kind: kind.returns_after_goodbye)
async def test_after_an_orderly_restart_of_the_router_a_client_is_back(kind: Kind, site: Site) -> None:
    async with Peer(kind, url=site.url) as peer:
        await peer.said("joined")
        await site.stop()
        await peer.said("left")
        await site.start()
        await peer.said("joined")
        assert await peer.do("publish", topic="com.example.x") is None


async def test_clients_of_every_kind_understand_each_other(site: Site) -> None:
    async with (
        Peer(QUICK[0], url=site.url, serializer="json") as first,
        Peer(QUICK[1], url=site.url, serializer="cbor") as second,
        Peer(QUICK[2], url=site.url, serializer="msgpack") as third,
        Peer(QUICK[3], url=site.url, serializer="json") as fourth,
    ):
        peers = [first, second, third, fourth]
        for number, peer in enumerate(peers):
            await peer.said("joined")
            await peer.do("subscribe", topic="com.example.x")
            await peer.do("register", procedure=f"com.example.peer{number}", behaviour="echo")
        for number, peer in enumerate(peers):
            await peer.do("publish", topic="com.example.x", args=[number], kwargs=KWARGS)
            for callee in range(len(peers)):
                result = await peer.do("call", procedure=f"com.example.peer{callee}", args=VALUES, kwargs=KWARGS)
                assert result == {"args": VALUES, "kwargs": KWARGS}
        for number, peer in enumerate(peers):
            others = [other for other in range(len(peers)) if other != number]
            assert [(await peer.said("event"))["args"] for _ in others] == [[other] for other in others]
