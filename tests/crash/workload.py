"""A log service at work, until it is killed or has done what it was to do: producers, attempts, seals.

    python workload.py DATABASE_URL TOLD SEED [PRAGMA...]

The database is new, or as it was left by whatever became of the last run. Each line of the file TOLD is what is about
to be asked (small letter) or what was answered (capital), as told.py reads it; a line is written in one call. PRAGMAs
are added to those of each connection: to checkpoint often, or to show what becomes of a store that does not wait.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from fairlead_logstream import LogService
from fairlead_router import Member, Principal, Router
from fairlead_store import sqlite

STREAMS = ("s", "t")
PRODUCERS = ("p", "q")
ATTEMPTS = 3
APPENDS = 12
"""Of each producer in an attempt, at most."""
IN_FLIGHT = 3


def text_of(producer: str, number: int) -> str:
    """Any record can be recognized; most are short, some longer than a page of the database."""
    length = 6000 if number % 29 == 0 else number * 37 % 300
    return f"{producer} {number} " + "x" * length


def records_of(producer: str, seq: int, count: int) -> list[Any]:
    """Records as they are sent."""
    return [[number, producer, text_of(producer, number), 0] for number in range(seq, seq + count)]


class Teller:
    """Says what is asked and what was answered."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, *line: Any) -> None:
        os.write(self._file, msgspec.json.encode(line) + b"\n")


class Work:
    """On one stream."""

    def __init__(self, member: Member, teller: Teller, stream: str, chance: random.Random) -> None:
        self._member = member
        self._teller = teller
        self._stream = stream
        self._chance = chance

    async def run(self) -> None:
        """Attempt after attempt, from wherever the stream stands."""
        created = await self._call("create")
        self._teller.say("C", self._stream, created["epoch"])
        attempt, is_sealed = created["attempt"], created["sealed"] is not None
        for number in range(attempt + is_sealed, attempt + is_sealed + ATTEMPTS):
            if number > attempt:
                await self._begin(number)
            await asyncio.gather(*[self._produce(producer) for producer in PRODUCERS])
            await self._seal(number)

    async def _begin(self, attempt: int) -> None:
        self._teller.say("t", self._stream, attempt)
        begun = await self._call("create", attempt=attempt)
        self._teller.say("T", self._stream, attempt, begun["next"])

    async def _produce(self, producer: str) -> None:
        """Some appends, several at a time, each sent again now and then; it goes on where the service says."""
        seq = (await self._call("create", producer=producer))["producer_seq"]
        under_way: set[asyncio.Task[None]] = set()
        for _ in range(self._chance.randint(1, APPENDS)):
            count = self._chance.randint(1, 20)
            for begin in {seq, max(0, seq - self._chance.choice([0, 0, 0, 7]))}:
                under_way.add(asyncio.ensure_future(self._append(producer, begin, seq + count - begin)))
            seq += count
            while len(under_way) >= self._chance.randint(1, IN_FLIGHT):
                _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*under_way)

    async def _append(self, producer: str, seq: int, count: int) -> None:
        self._teller.say("a", self._stream, producer, seq, count)
        about = {"producer": producer, "term": 0, "seq": seq}
        stored = await self._call("append", records_of(producer, seq, count), **about)
        self._teller.say("A", self._stream, producer, seq + count, stored["first"], stored["next"])

    async def _seal(self, attempt: int) -> None:
        self._teller.say("s", self._stream, attempt)
        stored = await self._call("seal", exit_code=attempt)
        self._teller.say("S", self._stream, attempt, stored["next"])

    async def _call(self, name: str, *args: Any, **about: Any) -> dict[str, Any]:
        result = await self._member.call(f"fairlead.log.{name}", [self._stream, *args], about)
        assert result.args is not None
        return dict(result.args[0])


def add_pragmas(pragmas: Sequence[str]) -> None:
    """To every connection of the store, behind its own."""
    connected = sqlite._on_connect

    def on_connect(connection: Any, record: object) -> None:
        connected(connection, record)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    sqlite._on_connect = on_connect


async def main(url: str, told: str, seed: str, *pragmas: str) -> None:
    add_pragmas(pragmas)
    realm = Router().add_realm("realm1")
    logs = await LogService.open(url)
    logs.bind(realm)
    member = realm.join(Principal("writer", "user"))
    teller = Teller(told)
    works = [Work(member, teller, stream, random.Random(f"{seed} {stream}")) for stream in STREAMS]
    await asyncio.gather(*[work.run() for work in works])
    await logs.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
