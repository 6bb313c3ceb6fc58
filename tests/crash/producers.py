"""A log service at work, until it is killed or has done what it was to do: producers, attempts, seals, a consumer.

    python producers.py DATABASE_URL TOLD SEED [PRAGMA...]

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
from contextlib import suppress
from typing import Any

import msgspec

from fairlead_common.errors import StoreFailed
from fairlead_logstream import LogService, SqlStreamStore
from fairlead_logstream.model.rows import StreamKey
from fairlead_logstream.store.tables import SCHEMA
from fairlead_router import CallError, Member, Principal, Router
from fairlead_store import Database, sqlite

STREAMS = ("s", "t")
PRODUCERS = ("p", "q")
ATTEMPTS = 3
APPENDS = 12
"""Of each producer in an attempt, at most."""
IN_FLIGHT = 3
CURSOR = "consumer"
AWAY_S = 0.02
"""Between two attempts while the database is away."""
LEASE_S = 0.3
"""On PostgreSQL: how long the store of a killed process waits for it."""


def text_of(producer: str, number: int) -> str:
    """Any record can be recognized; most are short, some longer than a page of the database."""
    length = 6000 if number % 29 == 0 else number * 37 % 300
    return f"{producer} {number} " + "x" * length


def records_of(producer: str, seq: int, count: int) -> list[Any]:
    """Records as they are sent."""
    return [[number, producer, text_of(producer, number), 0] for number in range(seq, seq + count)]


def telling(*words: Any) -> bytes:
    """A line of what is said."""
    return msgspec.json.encode(words) + b"\n"


class Teller:
    """Says what is asked and what was answered, in a file, or on stdout where its path is `-`."""

    def __init__(self, path: str) -> None:
        self._file = 1 if path == "-" else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, *words: Any) -> None:
        os.write(self._file, telling(*words))


class Work:
    """On one stream."""

    def __init__(self, member: Member, teller: Teller, stream: str, chance: random.Random) -> None:
        self._member = member
        self._teller = teller
        self._stream = stream
        self._chance = chance

    async def run(self) -> None:
        """Attempt after attempt, from wherever the stream stands."""
        created = await self._create()
        self._teller.say("C", self._stream, created["epoch"])
        attempt, is_sealed = created["attempt"], created["sealed"] is not None
        for number in range(attempt + is_sealed, attempt + is_sealed + ATTEMPTS):
            if number > attempt:
                self._teller.say("t", self._stream, number)
                begun = await self._create(attempt=number)
                self._teller.say("T", self._stream, number, begun["next"])
            await asyncio.gather(*[self._produce(producer) for producer in PRODUCERS], self._consume(created["epoch"]))
            self._teller.say("s", self._stream, number)
            stored = await self._until_it_works("seal", exit_code=number)
            self._teller.say("S", self._stream, number, stored["next"])

    async def _produce(self, producer: str) -> None:
        """Some appends, several at a time and each sent again now and then, from where the service says it goes on."""
        left = self._chance.randint(1, APPENDS)
        while left:
            seq = (await self._create(producer=producer))["producer_seq"]
            under_way: list[asyncio.Task[None]] = []
            for _ in range(min(left, self._chance.randint(1, IN_FLIGHT))):
                end = seq + self._chance.randint(1, 20)
                begins = {seq, max(0, seq - self._chance.choice([0, 0, 0, 7]))}
                under_way += [asyncio.ensure_future(self._append(producer, begin, end - begin)) for begin in begins]
                seq = end
                left -= 1
            for task in under_way:
                with suppress(CallError):  # what it did not store is sent again
                    await task

    async def _consume(self, epoch: int) -> None:
        """A consumer commits how far it is."""
        for _ in range(self._chance.randint(1, APPENDS)):
            head = (await self._create())["next"]
            self._teller.say("p", self._stream, head)
            kept = await self._until_it_works("commit", CURSOR, head, epoch)
            self._teller.say("P", self._stream, kept["next"])

    async def _append(self, producer: str, seq: int, count: int) -> None:
        self._teller.say("a", self._stream, producer, seq, count)
        about = {"producer": producer, "term": 0, "seq": seq}
        stored = await self._call("append", records_of(producer, seq, count), **about)
        self._teller.say("A", self._stream, producer, seq + count, stored["first"], stored["next"])

    async def _create(self, **about: Any) -> dict[str, Any]:
        return await self._until_it_works("create", **about)

    async def _until_it_works(self, name: str, *args: Any, **about: Any) -> dict[str, Any]:
        while True:
            try:
                return await self._call(name, *args, **about)
            except CallError as error:
                if error.uri != StoreFailed.uri:
                    raise
                await asyncio.sleep(AWAY_S)

    async def _call(self, name: str, *args: Any, **about: Any) -> dict[str, Any]:
        result = await self._member.call(f"fairlead.log.{name}", [self._stream, *args], about)
        assert result.args is not None
        return dict(result.args[0])


def open_store(url: str) -> SqlStreamStore:
    """A store whose owner, if it was killed, is soon known to be gone."""
    return SqlStreamStore(Database.open(url, SCHEMA, "realm1", LEASE_S), "realm1")


async def trim(store: SqlStreamStore, teller: Teller, chance: random.Random) -> None:
    """As retention does it: some of the oldest batches of a stream go."""
    for row in await store.streams():
        key = StreamKey(row.id, row.epoch)
        batches = await store.read(key, row.oldest, row.head, 1 << 30)
        border = chance.choice([row.oldest, *[batch.first for batch in batches]])
        teller.say("k", row.name, border)
        await store.trim(key, border)
        teller.say("K", row.name, border)


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
    teller = Teller(told)
    store = open_store(url)
    await trim(store, teller, random.Random(f"{seed} trim"))
    logs = await LogService.over(store)
    realm = Router().add_realm("realm1")
    logs.bind(realm)
    member = realm.join(Principal("writer", "user"))
    works = [Work(member, teller, stream, random.Random(f"{seed} {stream}")) for stream in STREAMS]
    await asyncio.gather(*[work.run() for work in works])
    await logs.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
