"""Records and the Dispatcher on Twisted, against the real service: what differs from asyncio, not all again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from fairlead_client import Entry, Exit
from fairlead_client.calling import ask
from fairlead_client.twisted import Connection, Dispatcher, View
from support.record_server import RecordServer

T = TypeVar("T")


@pytest.fixture
async def server() -> AsyncIterator[RecordServer]:
    running = RecordServer()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def connection(server: RecordServer) -> AsyncIterator[Connection]:
    connection = Connection(reactor, server.url)
    yield connection
    await driven(connection.close())


async def driven(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that Twisted drives."""
    result: T = await Deferred.fromCoroutine(coroutine).asFuture(asyncio.get_running_loop())
    return result


async def test_a_view_is_fresh_when_it_says_so(connection: Connection) -> None:
    async def main() -> list[str]:
        async with View(connection, kind="job") as view:
            await ask(connection, "fairlead.record.put", "a", {"n": 1}, kind="job")
            await view.wait_fresh()
            return [*view.entries]

    assert await driven(main()) == ["a"]


class Ended:
    """A process that has ended by itself."""

    def kill(self) -> None: ...
    def kill_now(self) -> None: ...
    def lease(self, remaining_s: float) -> None: ...


class Quick:
    """Runs nothing that lasts."""

    def start(self, container: Entry, on_exit: Callable[[Exit], None]) -> Ended:
        asyncio.get_running_loop().call_soon(on_exit, Exit(7))
        return Ended()


async def test_a_dispatcher_runs_what_is_queued_and_reports_it(connection: Connection) -> None:
    dispatcher = Dispatcher(connection, "d", Quick(), slots=1, on_event=lambda what, id_, about: heard(what))

    def heard(what: str) -> None:
        if what == "reported":
            dispatcher.stop()

    async def main() -> Any:
        await ask(connection, "fairlead.container.create", ["true"], id="c")
        await dispatcher.run()
        return (await ask(connection, "fairlead.record.get", "c"))["record"]["state"]

    state = await driven(main())
    assert (state["state"], state["exit_code"]) == ("Complete", 7)
