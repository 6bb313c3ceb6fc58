"""Autobahn|Python on Twisted against the router, over the wire and attached in memory."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import CallOptions, ComponentConfig, PublishOptions, RegisterOptions
from twisted.internet import endpoints, reactor
from twisted.internet.defer import Deferred

from fairlead_router import Limits, Principal, Realm, Router, TicketAuthenticator
from fairlead_router.twisted import attach
from support.core import RecordingSource, Rights
from support.waiting import eventually

SERIALIZERS: dict[str, Callable[[], Any]] = {
    "json": JsonSerializer,
    "msgpack": MsgPackSerializer,
    "cbor": CBORSerializer,
}
TICKETS = {"secret-alice": Principal("alice", "user", "ticket"), "secret-bob": Principal("bob", "user", "ticket")}
ACKNOWLEDGE = PublishOptions(acknowledge=True)
Open = Callable[[str], Awaitable["Session"]]


class Session(ApplicationSession):
    """A session that says when it has joined, or left."""

    def __init__(self, ticket: str | None = None, realm: str = "realm1") -> None:
        super().__init__(ComponentConfig(realm))
        self.joined: Deferred[Any] = Deferred()
        self.left: Deferred[Any] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self._ticket = ticket

    def onConnect(self) -> None:  # noqa: N802
        self.join(self.config.realm, authmethods=None if self._ticket is None else ["ticket"])

    def onChallenge(self, challenge: Any) -> Any:  # noqa: N802
        return self._ticket

    def onJoin(self, details: Any) -> None:  # noqa: N802
        self.joined.callback(details)

    def onLeave(self, details: Any) -> None:  # noqa: N802
        self.left.callback(details)
        self.disconnect()

    def onDisconnect(self) -> None:  # noqa: N802
        self.gone.callback(None)


async def result_of(deferred: Any) -> Any:
    return await deferred.asFuture(asyncio.get_running_loop())


@pytest.fixture
def rights() -> Rights:
    rights = Rights()
    rights.grant("alice", "a")
    rights.grant("bob", "a")
    return rights


@pytest.fixture
async def router(rights: Rights) -> AsyncIterator[Router]:
    router = Router(Limits(close_timeout_s=1))
    router.add_realm("realm1", TicketAuthenticator(TICKETS), rights)
    yield router
    await router.close()


@pytest.fixture
def realm(router: Router) -> Realm:
    realm = router.realm("realm1")
    assert realm is not None
    return realm


@pytest.fixture(params=["json", "msgpack", "cbor", "attached"])
async def opened(router: Router, request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """Opens sessions over the wire or in memory, and lets them leave in the end."""
    sessions: list[Session] = []
    port = (await router.listen("tcp://127.0.0.1:0")).port

    async def open_session(authid: str) -> Session:
        session = Session(f"secret-{authid}")
        sessions.append(session)
        if request.param == "attached":
            attach(router, session, Principal(authid, "user"))
        else:
            serializers = [SERIALIZERS[request.param]()]
            factory = WampWebSocketClientFactory(lambda: session, f"ws://127.0.0.1:{port}/ws", serializers=serializers)
            await result_of(endpoints.clientFromString(reactor, f"tcp:127.0.0.1:{port}").connect(factory))
        await result_of(session.joined)
        return session

    yield open_session
    for session in sessions:
        if session.is_attached():
            session.leave()
        await result_of(session.gone)


async def test_publish_and_subscribe(opened: Open) -> None:
    alice, bob = await opened("alice"), await opened("bob")
    seen: list[Any] = []
    subscription = await result_of(alice.subscribe(lambda *args, **kwargs: seen.append((args, kwargs)), "com.x"))
    value = {"text": "é", "binary": b"\x00\xff", "big": 2**60, "list": [True, None, 0.5]}
    await result_of(bob.publish("com.x", 1, value, key="v", options=ACKNOWLEDGE))
    await eventually(lambda: seen)
    assert seen == [((1, value), {"key": "v"})]
    await result_of(subscription.unsubscribe())
    await result_of(bob.publish("com.x", 2, options=ACKNOWLEDGE))
    assert len(seen) == 1


async def test_calls_progress_and_errors(opened: Open) -> None:
    alice, bob = await opened("alice"), await opened("bob")

    def count(n: int, details: Any) -> str:
        if n < 0:
            raise ApplicationError("com.negative", "n is negative", n=n)
        for number in range(n):
            details.progress(number)
        return "done"

    await result_of(alice.register(count, "com.count", options=RegisterOptions(details=True)))
    seen: list[int] = []
    assert await result_of(bob.call("com.count", 20, options=CallOptions(on_progress=seen.append))) == "done"
    assert seen == list(range(20))
    with pytest.raises(ApplicationError) as caught:
        await result_of(bob.call("com.count", -1))
    assert (caught.value.error, caught.value.kwargs) == ("com.negative", {"n": -1})


async def test_canceled_call_leaves_both_sessions_usable(opened: Open) -> None:
    alice, bob = await opened("alice"), await opened("bob")
    canceled: list[Any] = []
    started: Deferred[None] = Deferred()

    def wait() -> Deferred[None]:
        started.callback(None)
        return Deferred(canceled.append)

    await result_of(alice.register(wait, "com.wait"))
    call = bob.call("com.wait")
    await result_of(started)
    call.addErrback(lambda failure: None)
    call.cancel()
    await eventually(lambda: canceled)
    for session in (alice, bob):
        assert await result_of(session.publish("com.x", options=ACKNOWLEDGE))


async def test_revoked_subscription_leaves_the_session_usable(opened: Open, realm: Realm, rights: Rights) -> None:
    alice, bob = await opened("alice"), await opened("bob")
    seen: list[Any] = []
    notices: list[Any] = []
    subscription = await result_of(alice.subscribe(seen.append, "obj.a.x"))
    await result_of(alice.subscribe(notices.append, "fairlead.session.revoked"))
    rights.take_away("alice", "a")
    realm.gate.revoke(principals=["alice"])
    await result_of(bob.publish("obj.a.x", 1, options=ACKNOWLEDGE))
    await eventually(lambda: notices)
    assert notices[0]["subscription"] == subscription.id
    await result_of(subscription.unsubscribe())
    assert seen == []
    rights.grant("alice", "a")
    await result_of(alice.subscribe(seen.append, "obj.a.x"))
    await result_of(bob.publish("obj.a.x", 2, options=ACKNOWLEDGE))
    await eventually(lambda: seen == [2])


async def test_revoked_topic_of_a_source_tells_the_handler(opened: Open, realm: Realm, rights: Rights) -> None:
    source = RecordingSource()
    source.objects["src.log"] = "a"
    source.on_subscribed = lambda reader: reader.go_live()
    realm.join(Principal("service", "service")).serve_topics("src.", source)
    alice = await opened("alice")
    seen: list[Any] = []
    await result_of(alice.subscribe(seen.append, "src.log"))
    rights.take_away("alice", "a")
    realm.gate.revoke(principals=["alice"])
    await eventually(lambda: seen)
    assert seen == [{"revoked": {"reason": "fairlead.revoked.permission"}}]
    assert await result_of(alice.publish("com.x", options=ACKNOWLEDGE))


async def test_refusal_is_raised(opened: Open) -> None:
    alice = await opened("alice")
    with pytest.raises(ApplicationError, match="may not subscribe"):
        await result_of(alice.subscribe(print, "obj.z"))


async def test_killed_session_is_told(opened: Open, realm: Realm) -> None:
    alice = await opened("alice")
    realm.kill("wamp.close.killed", "maintenance", authid="alice")
    assert (await result_of(alice.left)).reason == "wamp.close.killed"


async def test_attached_session_is_told_that_its_realm_does_not_exist(router: Router) -> None:
    session = Session(realm="nowhere")
    transport = attach(router, session, Principal("alice", "user"))
    details = await result_of(session.left)
    assert details.reason == "wamp.error.no_such_realm"
    await result_of(transport.is_closed)


async def test_order_of_an_attached_publisher_is_kept(router: Router) -> None:
    alice, bob = Session(), Session()
    for session in (alice, bob):
        attach(router, session, Principal("alice", "user"))
        await result_of(session.joined)
    seen: list[int] = []
    await result_of(bob.subscribe(seen.append, "com.x"))
    await result_of(bob.subscribe(seen.append, "com.y"))
    for number in range(2000):
        alice.publish(f"com.{'xy'[number % 2]}", number)
    await eventually(lambda: len(seen) == 2000)
    assert seen == list(range(2000))
