"""The same queue as Arvados' dispatchers see it: a table that each of them asks again and again.

Each tick asks what its helper asks: a count and a page of what it has locked, a count and a page of what is queued, the
first by priority, and what it knows but has not seen. A lock, a start and an end are updates of a row. Between
dispatchers and database is nothing here, where Arvados has an API server: what is measured is the least that it takes.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from typing import Any

import msgspec
import psycopg

from bench import procfs
from bench.records.times import Times
from bench.suite.pace import at_pace

TABLE = (
    """CREATE TABLE containers (
    uuid text PRIMARY KEY, state text NOT NULL, priority bigint NOT NULL, locked_by_uuid text, exit_code int,
    command text NOT NULL, runtime_constraints text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
    modified_at timestamptz NOT NULL DEFAULT now())""",
    "CREATE INDEX ON containers (state, priority DESC, created_at)",
    "CREATE INDEX ON containers (locked_by_uuid)",
)
INSERT = (
    "INSERT INTO containers (uuid, state, priority, command, runtime_constraints) VALUES (%s, 'Queued', %s, %s, %s)"
)
CANCEL = "UPDATE containers SET priority = 0, modified_at = now() WHERE uuid = %s"
LOCKED = "FROM containers WHERE locked_by_uuid = %s AND state IN ('Locked', 'Running')"
QUEUED = "FROM containers WHERE state = 'Queued' AND priority > 0"
COLUMNS = "SELECT uuid, state, priority, runtime_constraints"
MISSING = f"{COLUMNS} FROM containers WHERE uuid = ANY(%s)"
LOCK = """UPDATE containers SET state = 'Locked', locked_by_uuid = %s, modified_at = now()
    WHERE uuid = %s AND state = 'Queued'"""
START = "UPDATE containers SET state = 'Running', modified_at = now() WHERE uuid = %s"
END = "UPDATE containers SET state = %s, exit_code = 0, modified_at = now() WHERE uuid = %s"

CREATORS = 4
INTERVAL_S = 0.005
PAGE = 1_000
CONSTRAINTS = '{"vcpus":1,"ram":1000000000}'
STALL_S = 30.0
POLL_S = 0.05


class Job(msgspec.Struct, frozen=True):
    """One measurement."""

    url: str
    pid: int
    """Of the database."""
    poll_s: float
    created_per_s: int = 1_000
    cancelled_per_s: int = 20
    dispatchers: int = 10
    run_s: float = 0.5
    warmup_s: float = 2.0
    measured_s: float = 10.0


class Result(msgspec.Struct, frozen=True):
    """Times are of the measured part: to the first dispatcher that has seen it."""

    created: int
    ended: int
    seconds: float
    cpu_s: float
    load_share: float
    queued: Times
    cancel: Times


class Table:
    """What all connections count into."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.created = self.ended = 0
        self.created_s: dict[str, float] = {}
        self.cancelled_s: dict[str, float] = {}
        self.running: deque[str] = deque()
        self.queued_s: list[float] = []
        self.cancel_s: list[float] = []
        self.is_over = False


class Writer:
    """A connection on which one statement goes after the other."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._waiting: asyncio.Queue[tuple[str, tuple[Any, ...]]] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._run())

    def write(self, statement: str, *values: Any) -> None:
        self._waiting.put_nowait((statement, values))

    async def _run(self) -> None:
        while True:
            statement, values = await self._waiting.get()
            await self._connection.execute(statement.encode(), values)


class Dispatcher:
    """Asks, locks what it may have, runs it for a while, and reports."""

    def __init__(self, table: Table, name: str, asking: psycopg.AsyncConnection[Any], writer: Writer) -> None:
        self._table = table
        self._name = name
        self._asking = asking
        self._writer = writer
        self._mine: set[str] = set()
        job = table.job
        self._share = max(PAGE // job.dispatchers, round(1.5 * job.created_per_s * job.poll_s / job.dispatchers))

    async def run(self, first_s: float) -> None:
        await asyncio.sleep(first_s)
        while not self._table.is_over:
            begun_s = time.perf_counter()
            await self._tick()
            await asyncio.sleep(max(0.0, self._table.job.poll_s - (time.perf_counter() - begun_s)))

    async def _tick(self) -> None:
        locked = await self._page(LOCKED, f"{COLUMNS} {LOCKED}", self._name)
        limit = max(PAGE, self._share * self._table.job.dispatchers)
        queued = await self._page(QUEUED, f"{COLUMNS} {QUEUED} ORDER BY priority DESC, created_at LIMIT {limit}")
        missing = self._mine - {row[0] for row in locked}
        if missing:
            await self._rows(MISSING, list(missing))
        now_s, table = time.perf_counter(), self._table
        for uuid, _, priority, _ in locked:
            if priority == 0 and uuid in self._mine:
                self._cancelled(uuid, now_s)
        for uuid, *_ in queued:
            sent_s = table.created_s.pop(uuid, None)
            if sent_s is not None:
                table.queued_s.append(now_s - sent_s)
        for uuid, *_ in queued[: self._share]:
            if await self._lock(uuid):
                self._start(uuid)

    async def _page(self, source: str, statement: str, *values: Any) -> list[Any]:
        await self._rows(f"SELECT count(*) {source}", *values)
        return await self._rows(statement, *values)

    async def _rows(self, statement: str, *values: Any) -> list[Any]:
        cursor = await self._asking.execute(statement.encode(), values)
        return await cursor.fetchall()

    async def _lock(self, uuid: str) -> bool:
        return (await self._asking.execute(LOCK.encode(), (self._name, uuid))).rowcount == 1

    def _start(self, uuid: str) -> None:
        self._mine.add(uuid)
        self._table.running.append(uuid)
        self._writer.write(START, uuid)
        asyncio.get_running_loop().call_later(self._table.job.run_s, self._run_out, uuid)

    def _cancelled(self, uuid: str, now_s: float) -> None:
        sent_s = self._table.cancelled_s.pop(uuid, None)
        if sent_s is not None:
            self._table.cancel_s.append(now_s - sent_s)
            self._end(uuid, "Cancelled")

    def _run_out(self, uuid: str) -> None:
        if uuid not in self._table.cancelled_s and uuid in self._mine:
            if uuid in self._table.running:
                self._table.running.remove(uuid)
            self._end(uuid, "Complete")

    def _end(self, uuid: str, state: str) -> None:
        self._mine.discard(uuid)
        self._table.ended += 1
        self._writer.write(END, state, uuid)


async def run(job: Job) -> Result:
    table = Table(job)
    first = await _connected(job.url)
    for statement in TABLE:
        await first.execute(statement)
    writers = [Writer(await _connected(job.url)) for _ in range(CREATORS)]
    for number in range(job.dispatchers):
        writer = Writer(await _connected(job.url))
        dispatcher = Dispatcher(table, f"d{number}", await _connected(job.url), writer)
        asyncio.ensure_future(dispatcher.run(job.poll_s * number / job.dispatchers)).add_done_callback(_told)
    numbers, following = itertools.count(1), itertools.cycle(writers)
    each_time = round(job.created_per_s * INTERVAL_S)
    ticks_a_cancel = max(1, round(1 / (job.cancelled_per_s * INTERVAL_S)))

    def tick() -> None:
        for writer in itertools.islice(following, each_time):
            uuid = f"c{table.created:06d}"
            table.created += 1
            table.created_s[uuid] = time.perf_counter()
            writer.write(INSERT, uuid, 1 + table.created % 100, '["true"]', CONSTRAINTS)
        if next(numbers) % ticks_a_cancel == 0 and table.running:
            uuid = table.running.popleft()
            table.cancelled_s[uuid] = time.perf_counter()
            writers[0].write(CANCEL, uuid)

    await at_pace(INTERVAL_S, job.warmup_s, tick)
    table.queued_s.clear()
    table.cancel_s.clear()
    begun_s, cpu_s, load_s = time.perf_counter(), procfs.cpu_s(job.pid), time.process_time()
    await at_pace(INTERVAL_S, job.measured_s, tick)
    seconds = time.perf_counter() - begun_s
    cpu_s, load_s = procfs.cpu_s(job.pid) - cpu_s, time.process_time() - load_s
    deadline_s = time.monotonic() + STALL_S
    while table.ended < table.created and time.monotonic() < deadline_s:
        await asyncio.sleep(POLL_S)
    table.is_over = True
    return Result(
        created=table.created,
        ended=table.ended,
        seconds=seconds,
        cpu_s=cpu_s,
        load_share=load_s / seconds,
        queued=Times.of(table.queued_s),
        cancel=Times.of(table.cancel_s),
    )


def _told(done: asyncio.Future[None]) -> None:
    """A dispatcher that fails must not look like one that has nothing to do."""
    if not done.cancelled() and done.exception() is not None:
        raise SystemExit(str(done.exception()))


async def _connected(url: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
