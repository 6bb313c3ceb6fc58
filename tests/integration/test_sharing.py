"""Two log servers on one database: whoever writes and reads through either, killed and stopped, has one stream."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support import postgres
from support.wamp import Client, ClosedError

CHILD = Path(__file__).parent / "sharing_server.py"
CALL, RESULT, ERROR = 48, 50, 8

PATIENCE_S = 0.4
"""How long a writer waits for an answer before it goes to the other server and sends the same again."""


class Server:
    """A log server that can be killed, stopped and started anew."""

    def __init__(self, url: str, *options: str) -> None:
        self._command = (sys.executable, str(CHILD), url, *options)
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe)
        assert self._process.stdout is not None
        self.port = int(await self._process.stdout.readline())

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self._process is not None
        await self._process.communicate()

    async def end(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.communicate(), 20)
        assert self._process.returncode == 0


@asynccontextmanager
async def two_servers(*options: str) -> AsyncIterator[list[Server]]:
    url = postgres.new_database()
    servers = [Server(url, *options) for _ in range(2)]
    await asyncio.gather(*[server.start() for server in servers])
    yield servers
    await asyncio.gather(*[server.end() for server in servers])


async def call(client: Client, procedure: str, *args: Any, **kwargs: Any) -> Any:
    """The result's dict; an error's message as it is."""
    answer = await client.ask([CALL, 1, {}, f"fairlead.log.{procedure}", list(args), kwargs])
    return answer[3][0] if answer[0] == RESULT else answer


class Writer:
    """A producer that goes from server to server, and sends again whatever was not acknowledged."""

    def __init__(self, name: str, servers: list[Server], chance: random.Random) -> None:
        self.name = name
        self.acknowledged: list[tuple[int, int, int]] = []
        """(end of the producer's numbers, first, next) of each acknowledgement."""
        self._servers = servers
        self._chance = chance

    async def run(self, until: asyncio.Event) -> None:
        while not until.is_set():
            try:
                async with await Client.connect(self._chance.choice(self._servers).port) as client:
                    async with asyncio.timeout(PATIENCE_S * 5):
                        await client.join()
                        seq = (await call(client, "create", "s", producer=self.name))["producer_seq"]
                    await self._write(client, seq, until)
            except (TimeoutError, ClosedError, ConnectionError):
                await asyncio.sleep(0.02)

    async def _write(self, client: Client, seq: int, until: asyncio.Event) -> None:
        for _ in range(self._chance.randint(1, 30)):
            if until.is_set():
                return
            count = self._chance.randint(1, 5)
            records = [[number, self.name, f"{self.name} {number}", 0] for number in range(seq, seq + count)]
            async with asyncio.timeout(PATIENCE_S):
                told = await call(client, "append", "s", records, producer=self.name, seq=seq)
            if isinstance(told, list):
                assert told[0] == ERROR
                assert told[4] == "fairlead.error.store_failed", told
                return
            seq += count
            self.acknowledged.append((seq, told["first"], told["next"]))


class Follower:
    """Follows through one server, and goes on at its cursor through the other when that is gone."""

    def __init__(self, servers: list[Server]) -> None:
        self.batches: list[dict[str, Any]] = []
        self.sealed: dict[str, Any] | None = None
        self._servers = servers

    @property
    def next(self) -> int:
        return self.batches[-1]["next"] if self.batches else 0

    @property
    def texts(self) -> list[str]:
        return [record[2] for batch in self.batches for record in batch["records"]]

    async def run(self) -> None:
        while self.sealed is None:
            for server in self._servers:
                try:
                    async with await Client.connect(server.port) as client:
                        await client.join()
                        await self._follow(client)
                except (ClosedError, ConnectionError):
                    await asyncio.sleep(0.02)
                if self.sealed is not None:
                    return

    async def _follow(self, client: Client) -> None:
        where = {"start": self.next, "epoch": self.batches[-1]["epoch"]} if self.batches else {}
        client.send([CALL, 2, {"receive_progress": True}, "fairlead.log.follow", ["s"], where])
        while True:
            answer = await client.receive()
            assert answer[0] == RESULT, answer
            value = answer[3][0]
            if "records" in value:
                self.batches.append(value)
            elif "sealed" in value:
                self.sealed = value["sealed"]
                return


# ---------------------------------------------------------------- what must hold


def ordered(follower: Follower) -> Iterator[str]:
    """Each batch follows the one before it."""
    expected = 0
    for batch in follower.batches:
        if batch["first"] != expected or batch["next"] != expected + len(batch["records"]):
            yield f"{batch['first']} to {batch['next']} came where {expected} was to come"
        expected = batch["next"]


def unique(follower: Follower) -> Iterator[str]:
    """Nothing is there twice, and each producer's records are in its order."""
    numbers: dict[str, list[int]] = {}
    for text in follower.texts:
        producer, number = text.split()
        numbers.setdefault(producer, []).append(int(number))
    for producer, found in numbers.items():
        if found != list(range(len(found))):
            yield f"{producer}'s records are {found}"


def complete(follower: Follower, writers: list[Writer]) -> Iterator[str]:
    """What was acknowledged is there, where the acknowledgement said; and the end is that of the seal."""
    texts = follower.texts
    for writer in writers:
        for end, first, following in writer.acknowledged:
            expected = [f"{writer.name} {number}" for number in range(end - (following - first), end)]
            if texts[first:following] != expected:
                yield f"{expected} was stored at {first}: {texts[first:following]} is there"
    if follower.sealed is None or follower.sealed["next"] != len(texts):
        yield f"{len(texts)} records came, and the end is {follower.sealed}"


async def play(servers: list[Server], seed: int, disturb: Callable[[random.Random], Any]) -> None:
    """Writers and followers on both servers while something happens to these; then what must hold."""
    chance = random.Random(seed)
    async with await Client.joined(servers[0].port) as client:
        await call(client, "create", "s")
    writers = [Writer(name, servers, random.Random(f"{seed}{name}")) for name in "pqr"]
    followers = [Follower(order) for order in (servers, servers[::-1])]
    until = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for follower in followers:
            tasks.create_task(follower.run())
        writing = [tasks.create_task(writer.run(until)) for writer in writers]
        await disturb(chance)
        until.set()
        await asyncio.wait(writing)
        async with await Client.joined(servers[seed % 2].port) as client:
            assert "next" in await call(client, "seal", "s", exit_code=0)
    for follower in followers:
        faults = [*ordered(follower), *unique(follower), *complete(follower, writers)]
        assert faults == []
        assert follower.texts == followers[0].texts
    assert all(len(writer.acknowledged) > 10 for writer in writers)


# ---------------------------------------------------------------- the plays


@pytest.mark.limit_s(60)
@pytest.mark.parametrize("options", [(), ("silent",)])
async def test_writers_and_followers_of_both_servers_have_one_stream(options: tuple[str, ...]) -> None:
    async with two_servers(*options) as servers:

        async def nothing(_chance: random.Random) -> None:
            await asyncio.sleep(1.0)

        await play(servers, 1, nothing)


@pytest.mark.limit_s(90)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_server_that_is_killed_costs_nothing_acknowledged(seed: int) -> None:
    async with two_servers() as servers:

        async def kill(chance: random.Random) -> None:
            for _ in range(2):
                await asyncio.sleep(chance.uniform(0.3, 0.8))
                server = chance.choice(servers)
                await server.kill()
                await asyncio.sleep(chance.uniform(0, 0.3))
                await server.start()
            await asyncio.sleep(0.3)

        await play(servers, seed, kill)


@pytest.mark.limit_s(90)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_server_that_was_stopped_writes_over_nothing(seed: int) -> None:
    async with two_servers() as servers:

        async def stop(chance: random.Random) -> None:
            for pause_s in (chance.uniform(0.5, 1.0), 2.5):
                await asyncio.sleep(chance.uniform(0.2, 0.5))
                server = chance.choice(servers)
                server.signal(signal.SIGSTOP)
                await asyncio.sleep(pause_s)
                server.signal(signal.SIGCONT)
            await asyncio.sleep(0.5)

        await play(servers, seed, stop)
