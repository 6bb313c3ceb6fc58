"""A router that is killed and started again: everything that peers keep is there again within seconds."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from fairlead_client import Event
from fairlead_client.asyncio import Peer
from support.serving import Serving
from support.waiting import eventually
from support.wamp import Client, RawSocketClient

PEERS, TOPICS = 50, 100
STORM = 400


@pytest.mark.limit_s(90)
async def test_5000_subscriptions_are_active_again_after_a_kill(tmp_path: Path) -> None:
    """They take about a second here; a loaded machine may take its time."""
    heard: list[Event] = []
    async with Serving(tmp_path, "--open") as server, AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(Peer(server.url)) for _ in range(PEERS)]
        subscriptions = await asyncio.gather(
            *(peer.subscribe(f"com.topic.{number}", heard.append) for peer in peers for number in range(TOPICS))
        )
        await server.kill()
        await eventually(lambda: not any(subscription.is_active for subscription in subscriptions))
        await server.start()
        started_s = time.monotonic()
        await eventually(lambda: all(subscription.is_active for subscription in subscriptions), timeout_s=60)
        print(f"{len(subscriptions)} subscriptions active again after {time.monotonic() - started_s:.1f} s")
        publisher = await stack.enter_async_context(Peer(server.url))
        for number in range(TOPICS):
            await publisher.publish(f"com.topic.{number}", [number], wait_s=5)
        await eventually(lambda: len(heard) == PEERS * TOPICS, timeout_s=20)
        assert sorted(event.args[0] for event in heard) == [number for number in range(TOPICS) for _ in range(PEERS)]


@pytest.mark.limit_s(60)
async def test_storm_of_connections_after_a_start_is_served(tmp_path: Path) -> None:
    async with Serving(tmp_path, "--open") as server, AsyncExitStack() as stack:
        kinds = (Client, RawSocketClient)
        started_s = time.monotonic()
        clients = await asyncio.gather(*(kinds[number % 2].joined(server.port) for number in range(STORM)))
        print(f"{STORM} sessions open after {time.monotonic() - started_s:.1f} s")
        for client in clients:
            stack.push_async_callback(client.close)
        assert len({client.session_id for client in clients}) == STORM
