"""A router's life in its program: several at once, in several threads, started and stopped often, closed any time."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from functools import partial
from typing import Any

import pytest

from fairlead_router import (
    Call,
    CallError,
    MemberEvent,
    NoSuchRealm,
    Principal,
    Realm,
    RealmObserver,
    Router,
    RouterObserver,
)
from support.leaks import DESCRIPTORS
from support.waiting import eventually
from support.wamp import Client, ClosedError, RefusedError

SERVICE = Principal("service", "service")
ANYWHERE = "tcp://127.0.0.1:0"


def double(call: Call) -> dict[str, Any]:
    return {"double": 2 * call.payload.args[0]}


async def run_once(number: int) -> int:
    """A router with all that it may have, used by a client that is there when it closes."""
    async with Router() as router:
        realm = router.add_realm("realm1")
        member = realm.join(SERVICE)
        member.register("com.double", double)
        listener = await router.listen(ANYWHERE)
        client = await Client.joined(listener.port)
        result = await client.ask([48, 1, {"timeout": 60_000}, "com.double", [number]])
        await client.subscribe("com.topic")
        client.reset()
    doubled: int = result[3][0]["double"]
    return doubled


# ---- clean ends ----


def descriptors() -> int:
    return len(list(DESCRIPTORS.iterdir()))


async def test_two_hundred_routers_leave_no_task_descriptor_timer_or_memory() -> None:
    await run_once(0)
    tasks, before = asyncio.all_tasks(), descriptors()
    gone: list[weakref.ref[Any]] = []
    for number in range(200):
        async with Router() as router:
            realm = router.add_realm("realm1")
            realm.join(SERVICE).register("com.double", double)
            await router.listen(ANYWHERE)
            gone += [weakref.ref(router), weakref.ref(realm), weakref.ref(router.host)]
        if number % 20 == 0:
            assert await run_once(number) == 2 * number
    del router, realm
    await eventually(lambda: asyncio.all_tasks() == tasks and descriptors() == before)
    gc.collect()
    assert [each() for each in gone if each() is not None] == [], "a timer of the loop would keep its host"


async def test_router_may_be_closed_twice_and_by_two_at_once() -> None:
    router = Router()
    router.add_realm("realm1")
    listener = await router.listen(ANYWHERE)
    client = await Client.joined(listener.port)
    both = asyncio.gather(router.close(), router.close())
    assert (await client.receive())[0] == 6
    client.reset()
    await both
    await router.close()


async def test_router_may_be_closed_while_clients_are_connecting() -> None:
    router = Router()
    router.add_realm("realm1")
    listener = await router.listen(ANYWHERE)
    connecting = [asyncio.ensure_future(Client.connect(listener.port)) for _ in range(50)]
    await asyncio.sleep(0)
    await router.close()
    for outcome in await asyncio.gather(*connecting, return_exceptions=True):
        if isinstance(outcome, Client):
            outcome.reset()
        else:
            assert isinstance(outcome, OSError | EOFError | RefusedError | ClosedError)
    assert router.stats().connections == 0


async def test_endpoint_that_is_being_bound_when_the_router_closes_is_not_left_open() -> None:
    router = Router()
    listening = asyncio.ensure_future(router.listen("tcp://localhost:0"))  # a name takes a while to be looked up
    await asyncio.sleep(0)
    await router.close()
    with pytest.raises(RuntimeError, match="the router is closed"):
        await listening


async def test_closed_router_takes_nobody_and_nothing() -> None:
    async with Router() as router:
        realm = router.add_realm("realm1")
    with pytest.raises(NoSuchRealm, match="the router is closed"):
        realm.join(SERVICE)
    with pytest.raises(RuntimeError, match="the router is closed"):
        router.add_realm("realm2")
    with pytest.raises(RuntimeError, match="the router is closed"):
        await router.listen(ANYWHERE)


async def test_what_a_member_waits_for_ends_with_the_router() -> None:
    async with Router() as router:
        realm = router.add_realm("realm1")
        realm.join(SERVICE).register("com.slow", lambda call: asyncio.sleep(60, {}))
        call = asyncio.ensure_future(realm.join(Principal("alice", "user")).call("com.slow"))
        await asyncio.sleep(0)
    with pytest.raises(CallError, match="system_shutdown"):
        await call


def test_router_without_a_running_loop_says_what_is_wrong() -> None:
    with pytest.raises(RuntimeError, match="make the Router inside a coroutine"):
        Router()


async def test_port_in_use_is_an_error_that_names_it_and_the_router_goes_on() -> None:
    async with Router() as router:
        listener = await router.listen(ANYWHERE)
        with pytest.raises(OSError, match=rf"cannot listen at 127.0.0.1:{listener.port}: Address already in use"):
            await router.listen(listener.endpoint)
        assert router.listeners == (listener,)


# ---- several ----


def answer_with(number: int, call: Call) -> dict[str, Any]:
    return {"is": number}


async def test_routers_of_one_loop_know_nothing_of_each_other() -> None:
    async with Router() as one, Router() as other:
        ports = []
        for router, answer in ((one, 1), (other, 2)):
            member = router.add_realm("realm1").join(SERVICE)
            member.register("com.which", partial(answer_with, answer))
            ports.append((await router.listen(ANYWHERE)).port)
        answers = []
        for port in ports:
            async with await Client.joined(port) as client:
                answers.append((await client.ask([48, 1, {}, "com.which"]))[3])
        assert answers == [[{"is": 1}], [{"is": 2}]]


def test_routers_live_in_several_threads_each_on_its_own_loop() -> None:
    results: dict[int, int] = {}

    def run(number: int) -> None:
        results[number] = asyncio.run(run_once(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == {0: 0, 1: 2, 2: 4, 3: 6}


# ---- mistakes of the program ----


class FailingObserver(RealmObserver, RouterObserver):
    def realm_added(self, realm: Realm) -> None:
        raise ZeroDivisionError

    realm_removed = realm_added

    def joined(self, session_id: int, principal: Principal) -> None:
        raise ZeroDivisionError

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        raise ZeroDivisionError


def fail(anything: object) -> Any:
    raise ZeroDivisionError


async def test_mistakes_of_the_program_are_logged_and_never_stop_the_router(caplog: pytest.LogCaptureFixture) -> None:
    async with Router() as router:
        router.observe(FailingObserver())
        router.on_missing_realm = fail
        realm = router.add_realm("realm1")
        realm.observe(FailingObserver())
        member = realm.join(SERVICE)
        member.register("com.fails", fail)
        member.subscribe("com.topic", fail)
        port = (await router.listen(ANYWHERE)).port
        async with await Client.connect(port) as stranger:
            stranger.send([1, "com.missing", {"roles": {"caller": {}}}])
            assert (await stranger.receive())[2] == "wamp.error.no_such_realm"
        async with await Client.joined(port) as client:
            assert (await client.ask([48, 1, {}, "com.fails"]))[0] == 8
            assert (await client.ask([16, 2, {"acknowledge": True}, "com.topic"]))[0] == 17
            seen: list[MemberEvent] = []
            await member.subscribe("com.other", seen.append)
            assert (await client.ask([16, 3, {"acknowledge": True}, "com.other"]))[0] == 17
        await eventually(lambda: len(seen) == 1)
        router.remove_realm("realm1")
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    told = "\n".join(record.message for record in caplog.records)
    for mistake in (
        "an observer failed",
        "on_missing_realm failed",
        "the endpoint of com.fails",
        "the handler of topic",
    ):
        assert mistake in told
