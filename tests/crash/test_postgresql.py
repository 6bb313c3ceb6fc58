"""L8 on PostgreSQL: our server is killed, the database's is, and nothing acknowledged is lost, repeated or moved."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crash.killing import said_until_killed, working
from crash.service_judge import faults_of
from support.postgres import PostgresServer, new_database

SEED = 20261126
KILLS = 3
CRASHES = 3


def work(url: str, seed: int) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("producers.py")), url, "-", str(seed)]


def has_acknowledged(said: list[bytes]) -> bool:
    return any(line.startswith(b'["A"') for line in said)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One that nobody else uses."""
    server = PostgresServer()
    yield server
    server.end()


@pytest.mark.limit_s(60)
async def test_a_kill_loses_nothing_acknowledged() -> None:
    url = new_database()
    said: list[bytes] = []
    for seed in range(SEED, SEED + KILLS):
        said += await said_until_killed(work(url, seed), random.Random(seed).randint(1, 100))
        assert await faults_of(url, said) == []
    assert has_acknowledged(said)


@pytest.mark.limit_s(60)
async def test_a_crash_of_the_database_loses_nothing_and_the_service_goes_on(server: PostgresServer) -> None:
    url = server.new_database()
    crash_after = random.Random(SEED).sample(range(1, 80), CRASHES)
    said: list[bytes] = []
    async with working(work(url, SEED)) as child:
        assert child.stdout is not None
        async for line in child.stdout:
            said.append(line)
            if len(said) in crash_after:
                await asyncio.to_thread(server.crash)
        assert await child.wait() == 0
    assert has_acknowledged(said)
    assert await faults_of(url, said) == []
