"""A kill -9 right behind the acknowledgement: whoever comes back has the rights that were acknowledged, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from fairlead_client.asyncio import Peer
from fairlead_client.errors import ClientError
from support.serving import Serving
from support.waiting import eventually

TOPIC = "com.app.x.state"
RULE = f'[[rules]]\nuri = "{TOPIC.replace("x", "{object}")}"\nsubscribe = "read"\npublish = "write"\n'
WORLD = [
    *({"op": "put", "kind": "user", "id": user} for user in ("bob", "carol", "dave")),
    {"op": "put", "kind": "object", "id": "x"},
    *({"op": "grant", "user": user, "level": "read", "object": "x"} for user in ("bob", "carol", "dave")),
]


class Reader:
    """A peer of fairlead_client that keeps one subscription."""

    def __init__(self, url: str, token: str) -> None:
        self.heard: list[Any] = []
        self.refusals: list[str] = []
        self.peer = Peer(url, token=token, on_refused=lambda kept, error: self.refusals.append(error.uri))

    async def listen(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(self.peer)
        await self.peer.subscribe(TOPIC, lambda event: self.heard.append(event.args[0]), wait_s=5)


@pytest.fixture
async def server(tmp_path: Path, database_url: str) -> AsyncIterator[Serving]:
    config = tmp_path / "fairlead.toml"
    config.write_text(f'[permissions]\ndatabase = "{database_url}"\n{RULE}')
    async with Serving(tmp_path, "--config", str(config)) as server:
        yield server


async def publish_until_cancelled(admin: Peer) -> None:
    """Load, before the kill and after it."""
    number = 0
    while True:
        number += 1
        with suppress(ClientError):  # it was under way when the server was killed
            await admin.publish(TOPIC, [number], wait_s=5)
        await asyncio.sleep(0.001)


@pytest.mark.limit_s(60)
async def test_peers_that_come_back_have_what_was_acknowledged_before_the_kill(server: Serving) -> None:
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(
            Peer(server.url, token=(server.data / "admin.token").read_text().strip())
        )
        await admin.call("fairlead.authz.apply", [WORLD], wait_s=5)
        tokens = {
            user: (await admin.call("fairlead.authz.token", [user]))["token"] for user in ("bob", "carol", "dave")
        }
        bob, carol, dave = (Reader(server.url, token) for token in tokens.values())
        for reader in (bob, carol, dave):
            await reader.listen(stack)
        load = asyncio.create_task(publish_until_cancelled(admin))
        await eventually(lambda: bob.heard and carol.heard and dave.heard)

        await admin.call("fairlead.authz.apply", [[{"op": "revoke", "user": "bob", "level": "read", "object": "x"}]])
        await admin.call("fairlead.authz.token_delete", [tokens["dave"].split("/")[1]])
        await server.kill()
        await eventually(lambda: not any(reader.peer.is_joined for reader in (bob, carol, dave)))
        heard = [len(reader.heard) for reader in (bob, carol, dave)]
        await server.start()

        await eventually(lambda: len(carol.heard) > heard[1] + 20, timeout_s=20)
        assert await eventually(lambda: bob.refusals, timeout_s=20) == ["wamp.error.not_authorized"]
        refusal = await eventually(lambda: dave.peer.refusal, timeout_s=20)
        assert refusal is not None
        assert refusal.uri == "wamp.error.authentication_failed"
        assert [len(bob.heard), len(dave.heard)] == [heard[0], heard[2]]
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
