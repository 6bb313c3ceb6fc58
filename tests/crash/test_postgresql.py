"""L8 on PostgreSQL: our server is killed, the database's is, and nothing acknowledged is lost, repeated or moved."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from crash import hands_judge, service_judge
from crash.killing import said_until_killed, working
from support.postgres import PostgresServer, new_database

SEED = 20261126
KILLS = 3
CRASHES = 3


class Program(NamedTuple):
    """One of a service at work, and who judges what is left of its store."""

    name: str
    faults_of: Callable[[str, list[bytes]], Awaitable[list[str]]]
    is_numbered: bool = False

    def work(self, url: str, seed: int, number: int = 0) -> list[str]:
        """The command of its run."""
        begin = [str(number * hands_judge.RUN_NUMBERS + 1)] if self.is_numbered else []
        return [sys.executable, str(Path(__file__).with_name(self.name)), url, "-", str(seed), *begin]


PROGRAMS = [Program("producers.py", service_judge.faults_of), Program("hands.py", hands_judge.faults_of, True)]
each_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)


def has_acknowledged(said: list[bytes]) -> bool:
    return any(line.startswith(b'["A"') for line in said)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One that nobody else uses."""
    server = PostgresServer()
    yield server
    server.end()


@each_program
@pytest.mark.limit_s(60)
async def test_a_kill_loses_nothing_acknowledged(program: Program) -> None:
    url = new_database()
    said: list[bytes] = []
    for number in range(KILLS):
        work = program.work(url, SEED + number, number)
        said += await said_until_killed(work, random.Random(SEED + number).randint(1, 100))
        assert await program.faults_of(url, said) == []
    assert has_acknowledged(said)


@each_program
@pytest.mark.limit_s(60)
async def test_a_crash_of_the_database_loses_nothing_and_the_service_goes_on(
    program: Program, server: PostgresServer
) -> None:
    url = server.new_database()
    crash_after = random.Random(SEED).sample(range(1, 80), CRASHES)
    said: list[bytes] = []
    async with working(program.work(url, SEED)) as child:
        assert child.stdout is not None
        async for line in child.stdout:
            said.append(line)
            if len(said) in crash_after:
                await asyncio.to_thread(server.crash)
        assert await child.wait() == 0
    assert has_acknowledged(said)
    assert await program.faults_of(url, said) == []
