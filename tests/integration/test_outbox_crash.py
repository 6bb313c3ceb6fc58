"""The outbox while its parts are killed: nothing is lost or told twice, and each moment was one of the table."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from fairlead_client.asyncio import call, connect, disconnect
from fairlead_records.model.record import Change
from support import postgres
from support.outbox import KIND, Database, Fairlead, follow_once, following
from support.postgres import PostgresServer
from support.serving import COMMAND_S, FAIRLEAD, Serving, line_with
from support.waiting import eventually

ROWS = 40
PAUSE_S = 0.03
"""Of each writer between two transactions: what they do in seconds fits into one page of the outbox."""


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    made = Database(postgres.new_database())
    await made.install()
    made.execute(f"INSERT INTO containers (uuid, priority) SELECT 'c' || n, 100 FROM generate_series(1, {ROWS}) n")
    yield made
    made.connection.close()


@pytest.fixture
async def fairlead() -> AsyncIterator[Fairlead]:
    made = Fairlead()
    await made.start()
    yield made
    await made.stop()


class Transfers:
    """Writers that take from one row and give to another, in a transaction: the sum is always the same.

    Some are rolled back. Each change of a row counts its `lock_count` up.
    """

    def __init__(self, url: str, pause_s: float = PAUSE_S, writers: int = 3) -> None:
        self._url = url
        self._pause_s = pause_s
        self._ended = threading.Event()
        self._writers = [threading.Thread(target=self._write, args=(seed,)) for seed in range(writers)]
        self.committed = 0

    def __enter__(self) -> Self:
        for writer in self._writers:
            writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for writer in self._writers:
            writer.join()

    def _write(self, seed: int) -> None:
        draws = random.Random(seed)
        update = "UPDATE containers SET priority = priority + %s, lock_count = lock_count + 1 WHERE uuid = %s"
        with closing(psycopg.connect(self._url)) as connection:
            while not self._ended.wait(self._pause_s):
                amount, rows = draws.randint(1, 9), sorted(draws.sample(range(1, ROWS + 1), 2))
                for change, row in zip((-amount, amount), rows, strict=True):
                    connection.execute(update, (change, f"c{row}"))
                if draws.random() < 0.2:
                    connection.rollback()
                else:
                    connection.commit()
                    self.committed += 1


class Moments:
    """Judges each group of changes that Fairlead makes durable: was it a moment of the table, was any told twice?"""

    def __init__(self, fairlead: Fairlead) -> None:
        table = fairlead.records.ledger.table
        self._states = {id_: record.state for id_, record in table.of_kind(KIND).items()}
        self.repeated: list[str] = []
        self.sums: set[int] = set()
        fairlead.records.ledger.listen(self._changed)

    def _changed(self, changes: Sequence[Change]) -> None:
        for record in (change.after for change in changes):
            if record is not None and record.kind == KIND:
                if self._states[record.id]["lock_count"] == record.state["lock_count"]:
                    self.repeated.append(record.id)
                self._states[record.id] = record.state
        self.sums.add(sum(state["priority"] for state in self._states.values()))


@asynccontextmanager
async def command(database: Database, url: str, directory: Path, token: str = "") -> AsyncIterator[Process]:
    """`fairlead outbox follow` as a process."""
    options = ("--table", "containers", "--kind", KIND, "--database", database.url, "--url", url)
    process = await asyncio.create_subprocess_exec(
        *FAIRLEAD, "outbox", "follow", *options,
        stderr=asyncio.subprocess.PIPE, cwd=directory, env={"HOME": str(directory), "FAIRLEAD_TOKEN": token},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.wait_for(process.communicate(), COMMAND_S)


async def test_each_moment_of_the_records_was_one_of_the_table(database: Database, fairlead: Fairlead) -> None:
    await follow_once(database, fairlead)
    moments = Moments(fairlead)
    async with following(database, fairlead):
        with Transfers(database.url, pause_s=0) as transfers:
            await eventually(lambda: transfers.committed > 500, timeout_s=20)
        await eventually(lambda: fairlead.states() == database.states())
    assert moments.sums == {ROWS * 100}
    assert moments.repeated == []


@pytest.mark.limit_s(60)
async def test_a_follower_that_is_killed_again_and_again_loses_and_repeats_nothing(
    database: Database, fairlead: Fairlead, tmp_path: Path
) -> None:
    await follow_once(database, fairlead)
    moments = Moments(fairlead)
    with Transfers(database.url):
        for _ in range(3):
            enough = len(fairlead.changes) + 10
            async with command(database, fairlead.url, tmp_path) as follower:
                await eventually(lambda enough=enough: len(fairlead.changes) > enough, timeout_s=COMMAND_S)  # type: ignore[misc]
                follower.kill()
    async with command(database, fairlead.url, tmp_path):
        await eventually(lambda: fairlead.states() == database.states(), timeout_s=COMMAND_S)
    assert moments.sums == {ROWS * 100}
    assert moments.repeated == []


@pytest.mark.limit_s(60)
async def test_a_server_that_is_killed_loses_and_repeats_nothing(database: Database, tmp_path: Path) -> None:
    async with Serving(tmp_path) as server:
        token = (server.data / "admin.token").read_text().strip()
        async with command(database, server.url, tmp_path, token) as follower:
            await eventually(lambda: told(server, token), timeout_s=COMMAND_S)
            with Transfers(database.url) as transfers:
                for number in (20, 60):
                    await eventually(lambda number=number: transfers.committed > number)  # type: ignore[misc]
                    await server.kill()
                    await server.start()
            counts = dict(database.execute("SELECT uuid, lock_count FROM containers"))
            records = await eventually(lambda: told(server, token, counts), timeout_s=COMMAND_S)
            assert follower.returncode is None
    assert all(record["version"] <= counts[id_] + 1 for id_, record in records.items())


async def told(server: Serving, token: str, counts: dict[str, int] | None = None) -> dict[str, Any]:
    """The records, once they are those that were counted, each as often changed."""
    session = await connect(server.url, token=token)
    try:
        found = await call(session, "fairlead.record.list", kind=KIND)
    finally:
        await disconnect(session)
    records = {record["id"]: record for record in found["records"]}
    is_whole = counts is None or counts == {id_: record["state"]["lock_count"] for id_, record in records.items()}
    return records if is_whole else {}


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.end()


async def test_a_database_that_crashes_loses_and_repeats_nothing(
    own_server: PostgresServer, fairlead: Fairlead
) -> None:
    database = Database(own_server.new_database())
    await database.install()
    database.add("a", "b")
    async with following(database, fairlead) as (task, _):
        await eventually(lambda: set(fairlead.states()) == {"a", "b"})
        with closing(database.transaction()) as lost:
            lost.execute("INSERT INTO containers (uuid) VALUES ('never')")
            database.connection.close()
            own_server.crash()
        database.connection = psycopg.connect(database.url, autocommit=True)
        database.add("c")
        await eventually(lambda: set(fairlead.states()) == {"a", "b", "c"}, timeout_s=10)
        assert not task.done()
    database.connection.close()
    records = [change.after for change in fairlead.changes if change.after is not None]
    assert sorted(record.id for record in records if record.kind == KIND) == ["a", "b", "c"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
async def test_a_signal_ends_it_without_a_word(
    database: Database, fairlead: Fairlead, tmp_path: Path, number: int, status: int
) -> None:
    async with command(database, fairlead.url, tmp_path) as follower:
        await line_with(follower.stderr, f"copied {ROWS} rows of ")
        follower.send_signal(number)
        _, stderr = await asyncio.wait_for(follower.communicate(), COMMAND_S)
    assert (follower.returncode, stderr) == (status, b"")
