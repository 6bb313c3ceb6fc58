"""An authorizer procedure on real sockets: a session judges the others, and what is in their buffers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_router import Limits, Router
from fairlead_router.authorizers import ProcedureAuthorizer, Rule
from support.core import EVERY_FEATURE, ByName
from support.wamp import Client

AUTHORIZE = "com.example.authorize"
RULE = Rule(uri=AUTHORIZE, roles={"backend"}, allow={"register"})


class Backend:
    """The authorizer's session: allows what is not in `denied`, and remembers what it was asked."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.denied: set[tuple[str, str]] = set()
        self.asked: list[tuple[str, str]] = []
        self._task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        while True:
            message = await self.client.receive()
            if message[0] == 68:
                details, uri, action, _ = message[4]
                self.asked.append((action, uri))
                allow = (details["authid"], uri) not in self.denied
                self.client.send([70, message[1], {}, [{"allow": allow, "cache": True}]])

    def purge(self) -> None:
        self.client.send([48, 1000, {}, "fairlead.authorizer.purge"])

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.client.close()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    router = Router(Limits(authorizer_timeout_s=1.0, close_timeout_s=0.5))
    names = ByName()
    names.roles["backend"] = "backend"
    router.add_realm("realm1", names, ProcedureAuthorizer(AUTHORIZE, [RULE]))
    yield (await router.listen("tcp://127.0.0.1:0")).port
    await router.close()


async def join(port: int, authid: str) -> Client:
    client = await Client.connect(port)
    await client.join(roles=EVERY_FEATURE, authid=authid)
    return client


@pytest.fixture
async def backend(port: int) -> AsyncIterator[Backend]:
    client = await join(port, "backend")
    assert (await client.ask([64, 1, {}, AUTHORIZE]))[0] == 65
    backend = Backend(client)
    yield backend
    await backend.end()


async def test_requests_sent_at_once_are_judged_and_performed_in_order(port: int, backend: Backend) -> None:
    alice = await join(port, "alice")
    own = {"exclude_me": False}
    for message in ([16, 1, own, "com.x", ["before"]], [32, 2, {}, "com.x"], [16, 3, own, "com.x", ["after"]]):
        alice.send(message)
    subscribed, event = await alice.receive(), await alice.receive()
    assert (subscribed[0], event[0], event[4]) == (33, 36, ["after"])
    assert backend.asked == [("publish", "com.x"), ("subscribe", "com.x")], "the second publication is remembered"
    await alice.close()


async def test_purge_ends_the_subscription_and_nothing_comes_after(port: int, backend: Backend) -> None:
    alice, bob, publisher = [await join(port, authid) for authid in ("alice", "bob", "publisher")]
    subscription = await alice.subscribe("com.x")
    await bob.subscribe("com.x")
    publisher.send([16, 1, {}, "com.x", [1]])
    assert (await alice.receive())[4] == [1]
    backend.denied.add(("alice", "com.x"))
    backend.purge()
    told = await alice.receive()
    assert told[:2] == [35, 0]
    assert told[2]["subscription"] == subscription
    publisher.send([16, 2, {}, "com.x", [2]])
    assert [(await bob.receive())[4] for _ in range(2)] == [[1], [2]]
    assert (await alice.ask([32, 2, {}, "com.x"]))[4] == "wamp.error.not_authorized"
    for client in (alice, bob, publisher):
        await client.close()


async def test_authorizer_that_is_lost_or_silent_allows_nothing(port: int) -> None:
    alice, backend = await join(port, "alice"), await join(port, "backend")
    answers: list[Any] = [await alice.ask([32, 1, {}, "com.x"])]
    assert (await backend.ask([64, 1, {}, AUTHORIZE]))[0] == 65
    answers.append(await alice.ask([32, 2, {}, "com.x"]))
    alice.send([32, 3, {}, "com.x"])
    assert [(await backend.receive())[0] for _ in range(3)] == [68, 69, 68], "it was told that nobody waits any more"
    await backend.close()
    answers.append(await alice.receive())
    assert [answer[4] for answer in answers] == ["wamp.error.authorization_failed"] * 3
    await alice.close()
