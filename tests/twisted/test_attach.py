"""Autobahn|Twisted sessions attached to the router in memory, and the router as a Twisted service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, ComponentConfig, PublishOptions, RegisterOptions
from twisted.internet.defer import Deferred

from fairlead_router import Principal, Realm, Router
from fairlead_router.twisted import AttachedTransport, RouterService, attach
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


async def test_the_service_opens_and_closes_a_router() -> None:
    service = RouterService(_add_realm, "tcp://127.0.0.1:0")
    service.startService()
    router = await result_of(service.whenOpen)
    session, transport, _ = await _joined(router)
    await result_of(service.stopService())
    await result_of(transport.is_closed)
    assert not session.is_connected()


async def test_a_port_that_is_taken_is_told() -> None:
    first = RouterService(lambda router: None, "tcp://127.0.0.1:0")
    first.startService()
    await result_of(first.whenOpen)
    assert first.router is not None
    port = first.router.listeners[0].port
    second = RouterService(lambda router: None, f"tcp://127.0.0.1:{port}")
    second.startService()
    with pytest.raises(OSError, match="in use"):
        await result_of(second.whenOpen)
    await result_of(first.stopService())
    await result_of(second.stopService())
