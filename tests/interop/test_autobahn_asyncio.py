"""Autobahn|Python on asyncio against the router: everything that a program of a user's does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from autobahn import wamp
from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import CallOptions, ComponentConfig, PublishOptions, RegisterOptions, SubscribeOptions

from fairlead_router import Limits, Listener, Payload, Principal, Realm, Router, TicketAuthenticator
from support.core import RecordingSource, Rights
from support.waiting import eventually

SERIALIZERS: dict[str, Callable[[], Any]] = {
    "json": JsonSerializer,
    "msgpack": MsgPackSerializer,
    "cbor": CBORSerializer,
}
TICKETS = {"secret-a": Principal("alice", "user", "ticket"), "secret-b": Principal("bob", "user", "ticket")}
Open = Callable[..., Awaitable["Session"]]


class Session(ApplicationSession):
    """A session that says when it has joined, or left."""

    def __init__(self, ticket: str | None, authid: str | None) -> None:
        super().__init__(ComponentConfig("realm1"))
        loop = asyncio.get_running_loop()
        self.joined: asyncio.Future[Any] = loop.create_future()
        self.left: asyncio.Future[Any] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()
        self._ticket = ticket
        self._authid = authid

    def onConnect(self) -> None:  # noqa: N802
        if self._ticket is None:
            self.join("realm1")
        else:
            self.join("realm1", authmethods=["ticket"], authid=self._authid)

    def onChallenge(self, challenge: Any) -> str:  # noqa: N802
        assert challenge.method == "ticket"
        assert self._ticket is not None
        return self._ticket

    def onJoin(self, details: Any) -> None:  # noqa: N802
        self.joined.set_result(details)

    def onLeave(self, details: Any) -> None:  # noqa: N802
        self.left.set_result(details)
        if not self.joined.done():
            self.joined.cancel()
        self.disconnect()

    def onDisconnect(self) -> None:  # noqa: N802
        self.gone.set_result(None)


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router(Limits(close_timeout_s=1))
    yield router
    await router.close()


@pytest.fixture
def rights() -> Rights:
    rights = Rights()
    rights.grant("alice", "a")
    rights.grant("bob", "a")
    return rights


@pytest.fixture
async def realm(router: Router, rights: Rights) -> Realm:
    return router.add_realm("realm1", TicketAuthenticator(TICKETS), rights)


@pytest.fixture
async def listener(router: Router, realm: Realm) -> Listener:
    return await router.listen("tcp://127.0.0.1:0")


@pytest.fixture
async def opened(listener: Listener) -> AsyncIterator[Open]:
    """Opens sessions, and lets them leave in the end."""
    sessions: list[Session] = []

    async def open_session(
        ticket: str | None = "secret-a", serializer: str = "json", authid: str | None = None, joins: bool = True
    ) -> Session:
        session = Session(ticket, authid)
        sessions.append(session)
        factory = WampWebSocketClientFactory(
            lambda: session, f"ws://127.0.0.1:{listener.port}/ws", serializers=[SERIALIZERS[serializer]()]
        )
        await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", listener.port)
        if joins:
            await session.joined
        return session

    yield open_session
    for session in sessions:
        if session.is_connected():
            session.leave()
        await session.gone


# ---- joining ----


async def test_ticket_names_the_principal(opened: Open) -> None:
    alice = await opened("secret-a")
    details = alice.joined.result()
    assert (details.authid, details.authrole, details.authmethod) == ("alice", "user", "ticket")
    assert (await opened("secret-b", authid="bob")).joined.result().authid == "bob"


@pytest.mark.parametrize(("ticket", "authid"), [("wrong", None), ("secret-a", "bob")])
async def test_wrong_ticket_is_told(opened: Open, ticket: str, authid: str | None) -> None:
    session = await opened(ticket, authid=authid, joins=False)
    details = await session.left
    assert details.reason == "wamp.error.authentication_failed"
    assert "ticket" in details.message


async def test_no_ticket_is_told(opened: Open) -> None:
    session = await opened(None, joins=False)
    assert (await session.left).reason == "wamp.error.no_matching_auth_method"


async def test_leaving_is_answered(opened: Open, realm: Realm) -> None:
    alice = await opened()
    alice.leave()
    assert (await alice.left).reason == "wamp.close.goodbye_and_out"
    await alice.gone
    assert list(realm.sessions()) == []


async def test_router_that_closes_says_so(opened: Open, router: Router) -> None:
    alice = await opened()
    await router.close()
    assert (await alice.left).reason == "wamp.close.system_shutdown"


# ---- publish and subscribe ----


@pytest.mark.parametrize("publisher", SERIALIZERS)
@pytest.mark.parametrize("subscriber", SERIALIZERS)
async def test_events_between_all_serializers(opened: Open, publisher: str, subscriber: str) -> None:
    alice, bob = await opened("secret-a", subscriber), await opened("secret-b", publisher)
    seen: list[Any] = []
    await alice.subscribe(
        lambda *args, details, **kwargs: seen.append((args, kwargs, details.topic)),
        "com.",
        options=SubscribeOptions(match="prefix", details=True),
    )
    value = {"text": "é\n", "binary": b"\x00\xff", "big": 2**60, "half": 0.5, "none": None, "list": [True, []]}
    published = await bob.publish("com.x", 1, value, key="value", options=PublishOptions(acknowledge=True))
    assert published.id > 0
    await eventually(lambda: seen)
    assert seen == [((1, value), {"key": "value"}, "com.x")]


async def test_unsubscribe_and_subscribe_again(opened: Open) -> None:
    alice, bob = await opened("secret-a"), await opened("secret-b")
    seen: list[str] = []
    acknowledge = PublishOptions(acknowledge=True)
    subscription = await alice.subscribe(seen.append, "com.x")
    await bob.publish("com.x", "first", options=acknowledge)
    await eventually(lambda: seen)
    await subscription.unsubscribe()
    await bob.publish("com.x", "second", options=acknowledge)
    await alice.subscribe(seen.append, "com.x")
    await bob.publish("com.x", "third", options=acknowledge)
    await eventually(lambda: len(seen) == 2)
    assert seen == ["first", "third"]


async def test_refused_requests_raise(opened: Open) -> None:
    alice = await opened()
    with pytest.raises(ApplicationError, match=r"not_authorized.*may not subscribe 'obj.z'"):
        await alice.subscribe(print, "obj.z")
    with pytest.raises(ApplicationError, match="not_authorized"):
        await alice.publish("fairlead.x", options=PublishOptions(acknowledge=True))
    with pytest.raises(ApplicationError, match="not_authorized"):
        await alice.register(print, "wamp.x")
    with pytest.raises(ApplicationError, match="no_such_procedure"):
        await alice.call("com.nobody")


async def test_history_right_behind_subscribed_arrives(opened: Open, realm: Realm) -> None:
    source = RecordingSource()
    service = realm.join(Principal("service", "service"))
    service.serve_topics("src.", source)
    rights = realm.authorizer
    assert isinstance(rights, Rights)
    rights.grant("alice", "log")

    def feed(reader: Any) -> None:
        for number in range(100):
            assert reader.send(Payload.of({"first": number}), number + 1, number)
        reader.go_live()

    source.on_subscribed = feed
    alice = await opened()
    seen: list[Any] = []
    await alice.subscribe(seen.append, "src.log", options=SubscribeOptions(get_retained=True))
    await eventually(lambda: len(seen) == 100)
    assert seen == [{"first": number} for number in range(100)]


# ---- calls ----


@pytest.mark.parametrize("serializer", SERIALIZERS)
async def test_call_and_errors(opened: Open, serializer: str) -> None:
    alice, bob = await opened("secret-a", serializer), await opened("secret-b")

    async def add(x: int, y: int = 0) -> int:
        if y < 0:
            raise ApplicationError("com.negative", "y is negative", y=y)
        return x + y

    registration = await alice.register(add, "com.add")
    assert await bob.call("com.add", 1, y=2) == 3
    with pytest.raises(ApplicationError) as caught:
        await bob.call("com.add", 1, -5)
    assert (caught.value.error, caught.value.args, caught.value.kwargs) == (
        "com.negative",
        ("y is negative",),
        {"y": -5},
    )
    await registration.unregister()
    with pytest.raises(ApplicationError, match="no_such_procedure"):
        await bob.call("com.add", 1)


async def test_progressive_results(opened: Open) -> None:
    alice, bob = await opened("secret-a"), await opened("secret-b")

    async def count(n: int, details: Any) -> str:
        for number in range(n):
            details.progress(number)
        return "done"

    await alice.register(count, "com.count", options=RegisterOptions(details=True))
    seen: list[int] = []
    assert await bob.call("com.count", 50, options=CallOptions(on_progress=seen.append)) == "done"
    assert seen == list(range(50))


async def test_canceled_call_interrupts_the_callee(opened: Open) -> None:
    alice, bob = await opened("secret-a"), await opened("secret-b")
    started, interrupted = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            interrupted.set()
            raise

    await alice.register(wait, "com.wait")
    call = bob.call("com.wait")
    await started.wait()
    call.cancel()
    with pytest.raises((ApplicationError, asyncio.CancelledError)):
        await call
    await asyncio.wait_for(interrupted.wait(), 5)
    assert await bob.publish("com.x", options=PublishOptions(acknowledge=True)), "both sessions go on"
    assert await alice.publish("com.x", options=PublishOptions(acknowledge=True))


async def test_service_answers_with_one_dict_also_with_details(opened: Open, realm: Realm) -> None:
    realm.join(Principal("service", "service")).register("com.p", lambda call: {"args": call.payload.args})
    alice = await opened()
    assert await alice.call("com.p", 1) == {"args": [1]}
    result = await alice.call("com.p", 1, options=CallOptions(details=True))
    assert (list(result.results), result.kwresults) == ([{"args": [1]}], {})


async def test_callee_that_goes_fails_the_call(opened: Open) -> None:
    alice, bob = await opened("secret-a"), await opened("secret-b")
    started = asyncio.Event()

    def wait() -> asyncio.Future[None]:
        started.set()
        return asyncio.get_running_loop().create_future()

    await alice.register(wait, "com.wait")
    call = bob.call("com.wait")
    await started.wait()
    alice.leave()
    with pytest.raises(ApplicationError, match="canceled"):
        await call


# ---- revocation ----


def revoke(realm: Realm, rights: Rights) -> None:
    rights.take_away("alice", "a")
    realm.gate.revoke(principals=["alice"])


@pytest.mark.parametrize("serializer", SERIALIZERS)
async def test_revoked_subscription_does_not_break_the_session(
    opened: Open, realm: Realm, rights: Rights, serializer: str
) -> None:
    """Autobahn|Python announces WAMP's message for it, and drops its connection when it comes."""
    alice, bob = await opened("secret-a", serializer), await opened("secret-b")
    seen: list[Any] = []
    notices: list[Any] = []
    subscription = await alice.subscribe(seen.append, "obj.a.x")
    await alice.subscribe(notices.append, "fairlead.session.revoked")
    acknowledge = PublishOptions(acknowledge=True)
    await bob.publish("obj.a.x", 1, options=acknowledge)
    await eventually(lambda: seen == [1])
    revoke(realm, rights)
    await bob.publish("obj.a.x", 2, options=acknowledge)
    await eventually(lambda: notices)
    assert notices == [
        {"subscription": subscription.id, "topic": "obj.a.x", "reason": "fairlead.revoked.permission"},
    ]
    await subscription.unsubscribe()
    assert seen == [1]
    assert await alice.publish("com.x", options=acknowledge), "the session is usable"
    rights.grant("alice", "a")
    await alice.subscribe(seen.append, "obj.a.x")
    await bob.publish("obj.a.x", 3, options=acknowledge)
    await eventually(lambda: seen == [1, 3])


async def test_revoked_topic_of_a_source_tells_the_handler(opened: Open, realm: Realm, rights: Rights) -> None:
    source = RecordingSource()
    source.objects["src.log"] = "a"
    source.on_subscribed = lambda reader: reader.go_live()
    realm.join(Principal("service", "service")).serve_topics("src.", source)
    alice = await opened()
    seen: list[Any] = []
    await alice.subscribe(seen.append, "src.log")
    revoke(realm, rights)
    await eventually(lambda: seen)
    assert seen == [{"revoked": {"reason": "fairlead.revoked.permission"}}]
    assert await alice.publish("com.x", options=PublishOptions(acknowledge=True)), "the session is usable"


async def test_revoked_registration_does_not_break_the_session(opened: Open, realm: Realm, rights: Rights) -> None:
    alice, bob = await opened("secret-a"), await opened("secret-b")
    await alice.register(lambda: "alice", "obj.a.p")
    assert await bob.call("obj.a.p") == "alice"
    revoke(realm, rights)
    with pytest.raises(ApplicationError, match="no_such_procedure"):
        await bob.call("obj.a.p")
    assert await alice.publish("com.x", options=PublishOptions(acknowledge=True)), "the session is usable"
    await bob.register(lambda: "bob", "obj.a.p")


async def test_progressive_call_whose_right_is_revoked_ends_with_an_error(
    opened: Open, realm: Realm, rights: Rights
) -> None:
    alice, bob = await opened("secret-a"), await opened("secret-b")
    started = asyncio.Event()

    async def wait(details: Any) -> None:
        details.progress(1)
        started.set()
        await asyncio.Event().wait()

    await bob.register(wait, "obj.a.p", options=RegisterOptions(details=True))
    call = alice.call("obj.a.p", options=CallOptions(on_progress=lambda value: None))
    await started.wait()
    revoke(realm, rights)
    with pytest.raises(ApplicationError, match="not_authorized"):
        await call
    assert await bob.publish("com.x", options=PublishOptions(acknowledge=True)), "the callee's session is usable"


async def test_killed_session_is_told(opened: Open, realm: Realm) -> None:
    alice = await opened()
    realm.kill("wamp.close.killed", "maintenance", authid="alice")
    details = await alice.left
    assert (details.reason, details.message) == ("wamp.close.killed", "maintenance")


# ---- the meta API ----


class Monitor:
    """A program's object whose decorated methods hear of sessions, and that offers one procedure."""

    def __init__(self) -> None:
        self.joined: list[tuple[dict[str, Any], str]] = []
        self.left: list[tuple[Any, ...]] = []

    @wamp.subscribe("wamp.session.on_join", options=SubscribeOptions(details=True))
    def on_join(self, session: dict[str, Any], details: Any) -> None:
        self.joined.append((session, details.topic))

    @wamp.subscribe("wamp.session.on_leave")
    def on_leave(self, *session: Any, reason: str) -> None:
        self.left.append((*session, reason))

    @wamp.register("com.monitor.seen", options=RegisterOptions(details=True))
    def seen(self, details: Any) -> int:
        return len(self.joined)


async def test_decorated_methods_hear_who_joins_and_leaves(opened: Open) -> None:
    alice, monitor = await opened("secret-a"), Monitor()
    await alice.subscribe(monitor)
    await alice.register(monitor)
    bob = await opened("secret-b")
    await eventually(lambda: monitor.joined)
    [(details, topic)] = monitor.joined
    assert topic == "wamp.session.on_join"
    assert (details["session"], details["authid"]) == (bob._session_id, "bob")
    assert details["transport"]["type"] == "websocket"
    assert await bob.call("com.monitor.seen") == 1
    session_id = bob._session_id
    await alice.call("wamp.session.kill", session_id, reason="com.app.bye", message="maintenance")
    left = await bob.left
    assert (left.reason, left.message) == ("com.app.bye", "maintenance")
    await eventually(lambda: monitor.left)
    assert monitor.left == [(session_id, "bob", "user", "com.app.bye")]


async def test_meta_procedures_answer_with_and_without_details(opened: Open) -> None:
    alice = await opened()
    subscription = await alice.subscribe(lambda: None, "com.x")
    assert await alice.call("wamp.subscription.lookup", "com.x") == subscription.id
    assert await alice.call("wamp.subscription.count_subscribers", subscription.id) == 1
    result = await alice.call("wamp.session.list", options=CallOptions(details=True))
    assert result.results == ([alice._session_id],)
    with pytest.raises(ApplicationError, match="no_such_session"):
        await alice.call("wamp.session.get", 4711)
    assert await alice.call("wamp.session.count") == 1
