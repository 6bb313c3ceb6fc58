"""PostgreSQL alone: a table of lines, a transaction for each line or for each batch, over a connection a producer.

A connection does one thing after the other, so that what is in flight beside it waits here.
"""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from bench.logs.clients.base import Acknowledged
from bench.logs.lines import TIME_US, Check, Lines

TABLE = """
CREATE TABLE lines (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    producer int NOT NULL, seq bigint NOT NULL, time_us bigint NOT NULL, source text NOT NULL, line text NOT NULL,
    flags int NOT NULL)
"""
COLUMNS = "INSERT INTO lines (producer, seq, time_us, source, line, flags)"
ONE = f"{COLUMNS} VALUES (%s, %s, %s, 'stdout', %s, 0)"
MANY = f"{COLUMNS} SELECT %s, %s + number - 1, %s, 'stdout', line, 0 FROM unnest(%s::text[]) WITH ORDINALITY AS t(line, number)"  # noqa: E501
LINES = "SELECT producer, line FROM lines ORDER BY producer, id"


class PostgreSql:
    """See Client."""

    def __init__(self, url: str, *, is_batched: bool) -> None:
        self._url = url
        self._is_batched = is_batched
        self._waiting: list[asyncio.Queue[tuple[int, Acknowledged]]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def prepare(self) -> None:
        self._reader = await self._connected()
        await self._reader.execute(TABLE)

    async def connect(self, producer: int) -> None:
        connection = await self._connected()
        self._waiting.append(asyncio.Queue())
        self._tasks.append(asyncio.ensure_future(self._produce(producer, connection)))

    def send(self, producer: int, batch: int, acknowledged: Acknowledged) -> None:
        self._waiting[producer].put_nowait((batch, acknowledged))

    async def stored(self) -> Check:
        check = Check()
        async with self._reader.transaction(), self._reader.cursor("all") as cursor:
            cursor.itersize = 10_000
            await cursor.execute(LINES)
            while rows := await cursor.fetchmany(cursor.itersize):
                check.see("\n".join(line for _, line in rows).encode())
        return check

    async def _produce(self, producer: int, connection: psycopg.AsyncConnection[Any]) -> None:
        lines = Lines(producer)
        while True:
            batch, acknowledged = await self._waiting[producer].get()
            texts = [text.decode() for text in lines.plain(batch)]
            first = batch * len(texts)
            if self._is_batched:
                await connection.execute(MANY, (producer, first, TIME_US, texts))
                acknowledged(len(texts))
            else:
                for index, text in enumerate(texts):
                    await connection.execute(ONE, (producer, first + index, TIME_US, text))
                    acknowledged(1)

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self._url, autocommit=True, prepare_threshold=0)
