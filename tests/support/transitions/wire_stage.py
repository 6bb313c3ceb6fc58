"""A stage on a router with real sockets; its wall clock is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fairlead_authz import Authz
from fairlead_router import Limits, Realm, Router
from support.core import EVERY_FEATURE, HAND_HOST_START_US
from support.transitions.core_stage import KEEP_ALL
from support.transitions.stage import Link, Services, Stage, open_services
from support.transitions.surfaces import ERROR, GOODBYE, RULES, UNSUBSCRIBE, Message
from support.transitions.table import Transition
from support.wamp import Client, RawSocketClient

DOORS: dict[str, tuple[type[Client], dict[str, Any]]] = {
    **{f"websocket {codec}": (Client, {"codec": codec}) for codec in ("json", "msgpack", "cbor")},
    **{f"batched {codec}": (Client, {"codec": codec, "is_batched": True}) for codec in ("json", "msgpack", "cbor")},
    **{f"rawsocket {codec}": (RawSocketClient, {"codec": codec}) for codec in ("json", "msgpack", "cbor")},
}
"""Transports, and the serializers that each of them takes."""

TURNS = 10
"""Of the loop: what the router and its services have begun is done, but for what waits for a database."""

ROUND_TRIPS = 2

BARRIER, NO_SUBSCRIPTION = 99, 1
"""A request that is answered behind everything that was queued before it."""


class WireLink(Link):
    """A client on a socket."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._is_over = False

    async def join(self, token: str) -> None:
        challenge = await self._client.ask([1, "realm1", {"roles": EVERY_FEATURE, "authmethods": ["ticket"]}])
        assert challenge[0] == 4, challenge
        welcome = await self._client.ask([5, token, {}])
        assert welcome[0] == 2, welcome

    def send(self, *messages: Message) -> None:
        if not self._is_over:
            self._client.send(*messages)

    async def take(self) -> list[Message]:
        messages: list[Message] = []
        for _ in range(ROUND_TRIPS):
            await turns()
            if not self._is_over:
                await self._go_round(messages)
        return messages

    async def close(self) -> None:
        """The socket too."""
        await self._client.close()

    async def _go_round(self, messages: list[Message]) -> None:
        self.send([UNSUBSCRIBE, BARRIER, NO_SUBSCRIPTION])
        while not self._is_over and (message := await self._client.receive())[:3] != [ERROR, UNSUBSCRIBE, BARRIER]:
            messages.append(message)
            self._is_over = message[0] == GOODBYE


async def turns() -> None:
    """Let the loop go on."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Wall:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now_us = HAND_HOST_START_US

    def time_us(self) -> int:
        return self.now_us


class WireStage(Stage):
    """A router on a port."""

    wall: Wall
    port: int

    def __init__(self, realm: Realm, authz: Authz, services: Services) -> None:
        super().__init__(realm, authz, services)
        self._links: list[WireLink] = []

    async def rest(self) -> None:
        await turns()

    async def link(self, token: str, door: str) -> Link:
        kind, how = DOORS[door]
        link = WireLink(await kind.connect(self.port, **how))
        self._links.append(link)
        await link.join(token)
        return link

    def pass_time(self, seconds: float) -> None:
        self.wall.now_us += round(seconds * 1_000_000)

    async def close(self) -> None:
        for link in self._links:
            await link.close()
        await super().close()


@asynccontextmanager
async def wire_stage(url: str, transition: Transition) -> AsyncIterator[WireStage]:
    """The world before a transition."""
    authz = await Authz.open(url, rules=RULES)
    router = Router(Limits(close_timeout_s=0.5))
    wall = Wall()
    router.host.time_us = wall.time_us  # type: ignore[method-assign]
    realm = router.add_realm("realm1", authz.authenticator, authz.authorizer, KEEP_ALL)
    stage = WireStage(realm, authz, await open_services(realm, authz))
    stage.wall = wall
    stage.port = (await router.listen("tcp://127.0.0.1:0")).port
    try:
        await stage.set(transition)
        yield stage
    finally:
        await stage.close()
        await router.close()
