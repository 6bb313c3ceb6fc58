"""The outbox alone: `python tests/bench/outbox.py`. From the commit in PostgreSQL to a watcher, and what writers pay.

A server, a follower and a PostgreSQL that waits for its disk, each a process of its own; watcher and writers are in
this one. The table is shaped as Arvados' `containers`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.report import table
from fairlead_client.asyncio import Connection
from fairlead_client.calling import Calling
from fairlead_client.requests import WATCH, Request
from support.outbox import KIND, NAMES, Database
from support.postgres import DURABLE, PostgresServer
from support.serving import FAIRLEAD, Serving
from support.waiting import eventually

ROWS = 100_000
SINGLE = 500
"""Changes whose latency is measured, one after the other."""
WRITERS = 8
COMMITS = 250
"""Of each writer."""
PATIENCE_S = 300.0

COLUMNS = "uuid,state,priority,locked_by_uuid,exit_code,progress,runtime_status"


class Watcher:
    """Watches all records of the kind, and notes when it has heard of which priority."""

    def __init__(self) -> None:
        self.heard_s: dict[int, float] = {}
        self.counts: Counter[int] = Counter()
        """How many records have a priority."""
        self._records: dict[str, int] = {}

    async def run(self, connection: Connection) -> None:
        session = await connection.session()
        calling = Calling(connection.runtime, session, Request(WATCH, (), {"kind": KIND}, wants_progress=True))
        while True:
            for answer in await calling.answers():
                assert answer.error is None, answer.error
                self._take(answer.result.get("changes", ()))

    def _take(self, changes: Any) -> None:
        now_s = time.monotonic()
        for change in changes:
            priority = change["state"]["priority"]
            self.counts[priority] += 1
            if change["id"] in self._records:
                self.counts[self._records[change["id"]]] -= 1
            self._records[change["id"]] = priority
            self.heard_s.setdefault(priority, now_s)


async def latencies(database: Database, watcher: Watcher) -> tuple[float, float]:
    """p50 and p99 of single changes, ms."""
    found = []
    for number in range(1_000_000, 1_000_000 + SINGLE):
        statement = "UPDATE containers SET priority = %s WHERE uuid = %s"
        await asyncio.to_thread(database.execute, statement, number, f"c{number % ROWS + 1}")
        committed_s = time.monotonic()
        await eventually(lambda number=number: number in watcher.heard_s)  # type: ignore[arg-type,misc]
        found.append(1000 * max(0.0, watcher.heard_s[number] - committed_s))
    cuts = quantiles(found, n=100)
    return cuts[49], cuts[98]


async def seconds_until(priority: int, watcher: Watcher, begun_s: float) -> float:
    """Until the watcher has this priority of all rows."""
    await eventually(lambda: watcher.counts[priority] == ROWS, timeout_s=PATIENCE_S)
    return time.monotonic() - begun_s


def commits_per_s(database: Database) -> float:
    """Single rows by several writers at once."""

    def write(number: int) -> None:
        with closing(psycopg.connect(database.url, autocommit=True)) as connection:
            for step in range(COMMITS):
                row = number * COMMITS + step + 1
                connection.execute("UPDATE containers SET priority = priority + 1 WHERE uuid = %s", (f"c{row}",))

    begun_s = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(WRITERS)))
    return WRITERS * COMMITS / (time.monotonic() - begun_s)


def whole_update_s(database: Database) -> float:
    """One UPDATE of all rows."""
    begun_s = time.monotonic()
    database.execute("UPDATE containers SET priority = priority + 1")
    return time.monotonic() - begun_s


async def writers_cost(database: Database) -> list[list[str]]:
    """With nobody who follows."""
    rows = []
    for what, script in (("no outbox", None), ("outbox", False), ("outbox that notifies", True)):
        if script is not None:
            await database.install(notifies=script)
        commits = await asyncio.to_thread(commits_per_s, database)
        update_s = await asyncio.to_thread(whole_update_s, database)
        rows.append([f"writers, {what}", f"{commits:,.0f} commits/s, UPDATE of {ROWS:,} rows {update_s:.2f} s"])
        database.execute("VACUUM containers")
    database.execute(f"TRUNCATE {NAMES.rows}")
    return rows


async def followed(database: Database, server: Serving) -> list[list[str]]:
    """With a follower and a watcher."""
    database.execute("UPDATE containers SET priority = 1")
    database.execute(f"TRUNCATE {NAMES.rows}")
    database.execute("VACUUM containers")
    watcher, connection = Watcher(), Connection(server.url, token=(server.data / "admin.token").read_text().strip())
    watching = asyncio.create_task(watcher.run(connection))
    options = ("--table", "containers", "--kind", KIND, "--columns", COLUMNS, "--object", "queue", "--url", server.url)
    begun_s = time.monotonic()
    follower = await asyncio.create_subprocess_exec(
        *FAIRLEAD, "outbox", "follow", "--database", database.url, *options, env=server.environment(), stderr=DEVNULL
    )
    try:
        copied_s = await seconds_until(1, watcher, begun_s)
        begun_s = time.monotonic()
        await asyncio.to_thread(database.execute, "UPDATE containers SET priority = 2")
        updated_s = await seconds_until(2, watcher, begun_s)
        p50_ms, p99_ms = await latencies(database, watcher)
    finally:
        follower.kill()
        await follower.wait()
        watching.cancel()
        await connection.close()
    return [
        [f"copy of {ROWS:,} rows, to a watcher", f"{copied_s:.1f} s, {ROWS / copied_s:,.0f} rows/s"],
        [f"one UPDATE of {ROWS:,} rows, to a watcher", f"{updated_s:.1f} s, {ROWS / updated_s:,.0f} rows/s"],
        ["one row, from commit to a watcher", f"p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms"],
    ]


async def main() -> None:
    """Prints a table."""
    postgres = PostgresServer(DURABLE)
    try:
        with TemporaryDirectory() as directory:
            database = Database(postgres.new_database())
            database.execute(f"INSERT INTO containers (uuid) SELECT 'c' || n FROM generate_series(1, {ROWS}) n")
            rows = await writers_cost(database)
            async with Serving(Path(directory)) as server:
                rows += await followed(database, server)
            database.connection.close()
        print(table(["what", "measured"], rows))
    finally:
        postgres.end()


if __name__ == "__main__":
    asyncio.run(main())
