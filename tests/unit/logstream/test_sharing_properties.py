"""Whatever two servers on one store are asked in whatever order: one stream, the same for all who follow it.

The store answers late and in any order, as a database does; what was acknowledged is compared with what followers saw.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.model.rows import StreamRow
from fairlead_router import CallError
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, records_of, wire_record

STEPS = 60


class SlowStore(MemoryStreamStore):
    """One that takes a few turns of the loop for each answer about what is stored."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(is_shared=True)
        self._chance = chance

    async def rows(self, stream_ids: Any) -> list[StreamRow]:
        await self._wait()
        found = await super().rows(stream_ids)
        await self._wait()
        return found

    async def producers(self, stream_id: int) -> Any:
        await self._wait()
        found = await super().producers(stream_id)
        await self._wait()
        return found

    async def read(self, *asked: Any) -> Any:
        found = await super().read(*asked)
        await self._wait()
        return found

    async def _wait(self) -> None:
        for _ in range(self._chance.randint(0, 3)):
            await asyncio.sleep(0)


class Writer:
    """One producer that takes any server for each append, repeats some and leaves none out."""

    def __init__(self, name: str, peers: list[Peer], chance: random.Random) -> None:
        self.name = name
        self.seq = 0
        self._peers = peers
        self._chance = chance

    async def run(self) -> None:
        for _ in range(STEPS // 3):
            again = min(self.seq, self._chance.choice([0, 0, 1, 3]))
            count = self._chance.randint(1, 3)
            begin, end = self.seq - again, self.seq + count
            records = [wire_record(f"{self.name} {number}") for number in range(begin, end)]
            peer = self._chance.choice(self._peers)
            told = await peer.call("append", "s", records, producer=self.name, seq=begin)
            assert told["next"] - told["first"] == count
            self.seq = end


@pytest.mark.parametrize("seed", range(12))
async def test_two_servers_keep_one_stream(seed: int) -> None:
    chance = random.Random(seed)
    store = SlowStore(chance)
    servers = [ServiceHarness(), ServiceHarness()]
    for server in servers:
        await server.start(store)
    peers = [server.peer() for server in servers]
    await peers[0].call("create", "s")
    followers = [peer.follow("s") for peer in peers]
    writers = [Writer(name, peers, chance) for name in "pqr"]
    await asyncio.gather(*[writer.run() for writer in writers])
    late = peers[seed % 2].follow("s")
    await seal_once(peers)
    seen = [await texts_of(*follower) for follower in (*followers, late)]
    assert seen[0] == seen[1] == seen[2]
    for writer in writers:
        numbers = [int(text.split()[1]) for text in seen[0] if text.startswith(writer.name)]
        assert numbers == list(range(writer.seq))
    for server in servers:
        await server.close()


async def seal_once(peers: list[Peer]) -> None:
    """Both try, with different ends: one of them is told how it has ended."""
    told = await asyncio.gather(
        *[peer.call("seal", "s", exit_code=code) for code, peer in enumerate(peers)], return_exceptions=True
    )
    assert sorted(isinstance(each, CallError) for each in told) == [False, True]


async def texts_of(progress: list[Any], final: asyncio.Future[Any]) -> list[str]:
    await eventually(final.done)
    return [text for _, _, text, _ in records_of(progress)]
