"""Autobahn|Twisted sessions attached to the router in memory, and the router as a Twisted service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.wamp import Session as ListeningSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, ComponentConfig, PublishOptions, RegisterOptions
from twisted.internet.defer import Deferred

from fairlead_router import Principal, Realm, Router
from fairlead_router.twisted import AttachedTransport, RouterService, attach
from support.serving import free_port
from support.waiting import eventually

WORKER = Principal("worker", "service")


class Session(ApplicationSession):
    """A session that says when it has joined."""

    def __init__(self) -> None:
        super().__init__(ComponentConfig("realm1"))
        self.joined: Deferred[Any] = Deferred()

    def onJoin(self, details: Any) -> None:  # noqa: N802
        """Autobahn tells."""
        self.joined.callback(details)


async def result_of(deferred: Any) -> Any:
    return await deferred.asFuture(asyncio.get_running_loop())


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router()
    router.add_realm("realm1")
    yield router
    await router.close()


def _add_realm(router: Router) -> None:
    router.add_realm("realm1")


async def _joined(router: Router, principal: Principal = WORKER) -> tuple[Session, AttachedTransport, Any]:
    session = Session()
    transport = attach(router, session, principal)
    return session, transport, await result_of(session.joined)


def _realm(router: Router) -> Realm:
    realm = router.realm("realm1")
    assert realm is not None
    return realm


async def test_an_attached_session_joins_as_the_principal_it_was_attached_as(router: Router) -> None:
    _, _, details = await _joined(router)
    assert (details.authid, details.authrole) == ("worker", "service")
    assert [principal.authid for _, principal in _realm(router).sessions()] == ["worker"]


async def test_attached_sessions_and_members_call_each_other(router: Router) -> None:
    session, _, _ = await _joined(router)
    member = _realm(router).join(Principal("member", "service"))
    member.register("com.example.double", lambda call: {"is": call.payload.args[0] * 2})
    await result_of(session.register(lambda number: number * 3, "com.example.treble"))
    assert await result_of(session.call("com.example.double", 21)) == {"is": 42}
    assert (await member.call("com.example.treble", [5])).args == [15]


async def test_progress_and_errors_come_through(router: Router) -> None:
    session, _, _ = await _joined(router)

    def count(details: Any) -> str:
        for number in range(3):
            details.progress(number)
        return "done"

    await result_of(session.register(count, "com.example.count", RegisterOptions(details_arg="details")))
    seen: list[int] = []
    other, _, _ = await _joined(router)
    assert await result_of(other.call("com.example.count", options=CallOptions(on_progress=seen.append))) == "done"
    assert seen == [0, 1, 2]
    with pytest.raises(ApplicationError, match="no_such_procedure"):
        await result_of(other.call("com.example.nothing"))


async def test_values_are_copied_and_binary_stays_binary(router: Router) -> None:
    session, _, _ = await _joined(router)
    got: list[Any] = []
    await result_of(session.subscribe(got.append, "com.example.topic"))
    value = {"list": [1, b"\x00\xff"], "text": "é"}
    await result_of(
        session.publish("com.example.topic", value, options=PublishOptions(acknowledge=True, exclude_me=False))
    )
    await eventually(lambda: got)
    assert got == [value]
    assert got[0] is not value


async def test_nothing_is_delivered_inside_send(router: Router) -> None:
    session, _, _ = await _joined(router)
    got: list[Any] = []
    await result_of(session.subscribe(got.append, "com.example.topic"))
    session.publish("com.example.topic", "now", options=PublishOptions(exclude_me=False))
    assert got == []
    await eventually(lambda: got == ["now"])


async def test_leaving_detaches(router: Router) -> None:
    session, transport, _ = await _joined(router)
    session.leave()
    await result_of(transport.is_closed)
    assert not transport.isOpen()
    assert list(_realm(router).sessions()) == []


async def test_closing_the_router_ends_attached_sessions() -> None:
    router = Router()
    router.add_realm("realm1")
    _, transport, _ = await _joined(router)
    await router.close()
    await result_of(transport.is_closed)


async def test_a_session_with_listeners_instead_of_methods_can_be_attached(router: Router) -> None:
    """`Session` is what Autobahn's Components make; a Component itself owns its transport."""
    session = ListeningSession(ComponentConfig("realm1"))
    joined: Deferred[Any] = Deferred()
    session.on("join", lambda session, details: joined.callback(details))
    transport = attach(router, session, WORKER)
    assert (await result_of(joined)).authid == "worker"
    transport.close()
    await result_of(transport.is_closed)


async def test_a_session_that_fails_is_detached_and_the_others_go_on(router: Router, loop_errors: list[str]) -> None:
    session, transport, _ = await _joined(router)
    other, _, _ = await _joined(router)
    session.onMessage = lambda message: 1 // 0  # type: ignore[method-assign,assignment]
    session.subscribe(print, "com.example.topic")
    await result_of(transport.is_closed)
    assert "ZeroDivisionError" in loop_errors.pop()
    await result_of(other.register(lambda: "there", "com.example.p"))
    assert [principal.authid for _, principal in _realm(router).sessions()] == ["worker"]


# ---- the service ----


def _service(*endpoints: str) -> RouterService:
    return RouterService(_add_realm, *(endpoints or ("tcp://127.0.0.1:0",)))


async def test_the_service_opens_every_endpoint_and_closes_them_with_the_sessions() -> None:
    service = _service("tcp://127.0.0.1:0", "tcp://127.0.0.1:0")
    service.startService()
    router = await result_of(service.whenOpen())
    assert len({listener.port for listener in router.listeners}) == 2
    session, transport, _ = await _joined(router)
    await result_of(service.stopService())
    await result_of(transport.is_closed)
    assert not session.is_connected()
    assert service.router is None


async def test_the_service_may_be_stopped_twice_and_started_again() -> None:
    service = _service()
    for _ in range(2):
        service.startService()
        router = await result_of(service.whenOpen())
        assert await result_of(service.whenOpen()) is router
        first, second = service.stopService(), service.stopService()
        await result_of(first)
        await result_of(second)
    await result_of(service.stopService())


async def test_a_start_waits_for_the_stop_before_it() -> None:
    service = _service(f"tcp://127.0.0.1:{free_port()}")
    service.startService()
    first = await result_of(service.whenOpen())
    service.stopService()
    service.startService()
    assert await result_of(service.whenOpen()) is not first
    await result_of(service.stopService())


async def test_who_waits_for_a_service_that_is_stopped_before_it_is_open_is_told() -> None:
    never = asyncio.get_running_loop().create_future()
    service = RouterService(lambda router: never, "tcp://127.0.0.1:0")
    service.startService()
    waiting = service.whenOpen()
    await eventually(lambda: service.router is not None)
    await result_of(service.stopService())
    with pytest.raises(asyncio.CancelledError):
        await result_of(waiting)
    assert service.router is None


async def test_a_service_that_was_stopped_at_once_opens_nothing() -> None:
    service = _service()
    service.startService()
    waiting = service.whenOpen()
    await result_of(service.stopService())
    with pytest.raises(asyncio.CancelledError):
        await result_of(waiting)
    await asyncio.sleep(0)
    assert service.router is None


@pytest.fixture
async def taken() -> AsyncIterator[str]:
    """An endpoint at which somebody listens."""
    router = Router()
    yield (await router.listen("tcp://127.0.0.1:0")).endpoint
    await router.close()


async def test_a_port_that_is_taken_is_told_to_who_waits(taken: str) -> None:
    service = _service("tcp://127.0.0.1:0", taken)
    service.startService()
    for _ in range(2):
        with pytest.raises(OSError, match=rf"cannot listen at {taken[6:]}: Address already in use"):
            await result_of(service.whenOpen())
    assert service.router is None
    await result_of(service.stopService())


async def test_a_failure_that_nobody_waits_for_is_logged_once(taken: str, loop_errors: list[str]) -> None:
    service = _service(taken)
    service.startService()
    await eventually(lambda: loop_errors)
    assert "Address already in use" in loop_errors.pop()
    assert loop_errors == []
    await result_of(service.stopService())
