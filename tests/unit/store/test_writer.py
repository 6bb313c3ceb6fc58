"""The writer thread: what waits goes together, what fails fails alone, nobody is told too early."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from fairlead_store import Database, DiskFull, Schema, StoreError

METADATA = sa.MetaData()
ITEMS = sa.Table(
    "items", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("data", sa.LargeBinary, nullable=False)
)
SCHEMA = Schema("items", METADATA, 1)

Job = Callable[[sa.Connection], int]


def insert(number: int, data: bytes = b"") -> Job:
    return lambda connection: connection.execute(sa.insert(ITEMS).values(id=number, data=data)).rowcount


def pragma(setting: str) -> Callable[[sa.Connection], None]:
    def job(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA {setting}")

    return job


def numbers(connection: sa.Connection) -> list[int]:
    return list(connection.execute(sa.select(ITEMS.c.id).order_by(ITEMS.c.id)).scalars())


class Commits:
    """Counts the transactions that end well."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        sa.event.listen(database._engine, "commit", self._on_commit)

    def _on_commit(self, _connection: sa.Connection) -> None:
        self.count += 1


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.open(f"sqlite:///{tmp_path}/items.sqlite", SCHEMA)
    yield database
    await database.close()


class Gate:
    """A job that holds the writer thread until it is opened, so that others have to wait behind it."""

    def __init__(self, database: Database) -> None:
        self._may_go_on = threading.Event()
        self.has_begun = threading.Event()
        self.job = database.submit(self._run)

    def _run(self, _connection: sa.Connection) -> None:
        self.has_begun.set()
        assert self._may_go_on.wait(10)

    async def begun(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.has_begun.wait, 10)

    def open(self) -> None:
        self._may_go_on.set()


async def test_jobs_that_wait_while_a_commit_runs_share_the_next_one(database: Database) -> None:
    gate = Gate(database)
    await gate.begun()
    commits = Commits(database)
    jobs = [database.submit(insert(number)) for number in range(100)]
    gate.open()
    assert await asyncio.gather(*jobs) == [1] * 100
    assert commits.count == 2  # the gate's, and one for all others


async def test_a_failing_job_fails_alone_in_its_group(database: Database) -> None:
    gate = Gate(database)
    await gate.begun()
    jobs = [database.submit(insert(number)) for number in (1, 2, 2, 3)]
    gate.open()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert results[:2] == [1, 1]
    assert isinstance(results[2], sa.exc.IntegrityError)
    assert results[3] == 1
    assert await database.read(numbers) == [1, 2, 3]


async def test_a_job_that_fails_half_way_takes_back_its_own_half_only(database: Database) -> None:
    def two_then_fail(connection: sa.Connection) -> int:
        insert(10)(connection)
        insert(11)(connection)
        return insert(1)(connection)

    gate = Gate(database)
    await gate.begun()
    jobs = [database.submit(job) for job in (insert(1), two_then_fail, insert(2))]
    gate.open()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [int, sa.exc.IntegrityError, int]
    assert await database.read(numbers) == [1, 2]


async def test_nobody_is_told_before_the_commit(database: Database) -> None:
    """What is told must be seen by another connection: it is when, and only when, it is committed."""
    seen: list[bool] = []

    async def write_and_look(number: int) -> None:
        await database.write(insert(number))
        seen.append(number in await database.read(numbers))

    await asyncio.gather(*[write_and_look(number) for number in range(200)])
    assert seen == [True] * 200


async def test_a_commit_that_fails_fails_all_of_its_group_and_the_next_one_works(database: Database) -> None:
    def refuse(_connection: sa.Connection) -> None:
        sa.event.remove(database._engine, "commit", refuse)
        raise sa.exc.OperationalError("COMMIT", {}, Exception("disk I/O error"))

    gate = Gate(database)
    await gate.begun()
    jobs = [database.submit(insert(number)) for number in range(5)]
    sa.event.listen(database._engine, "commit", refuse)
    gate.open()
    results = await asyncio.gather(gate.job, *jobs, return_exceptions=True)
    assert sum(isinstance(result, sa.exc.OperationalError) for result in results) == 1
    assert isinstance(results[0], sa.exc.OperationalError)  # the group of the failed commit was the gate alone
    assert await database.write(insert(100)) == 1
    stored = set(await database.read(numbers))
    assert stored == {100} | {number for number, result in enumerate(results[1:]) if result == 1}


async def test_a_full_disk_is_named_and_passes(database: Database) -> None:
    """SQLite rolls the whole transaction back by itself then: no job of the group may be told that it was done."""
    await database.write(pragma("max_page_count = 50"))
    gate = Gate(database)
    await gate.begun()
    jobs = [database.submit(insert(1)), database.submit(insert(2, b"x" * 1_000_000)), database.submit(insert(3))]
    gate.open()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    stored = await database.read(numbers)
    assert isinstance(results[1], DiskFull)
    assert "disk is full: nothing was stored" in str(results[1])
    assert stored == [number for number, result in zip((1, 2, 3), results, strict=True) if result == 1]

    await database.write(pragma("max_page_count = 10000"))
    assert await database.write(insert(4, b"x" * 1_000_000)) == 1


async def test_a_lock_of_another_program_is_named(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.write(pragma("busy_timeout = 1"))
    other = sa.create_engine(f"sqlite:///{tmp_path}/items.sqlite", poolclass=sa.NullPool)
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            await database.write(insert(1))
        connection.exec_driver_sql("ROLLBACK")
    assert await database.write(insert(1)) == 1


async def test_a_large_backlog_is_written_in_several_transactions(database: Database) -> None:
    gate = Gate(database)
    await gate.begun()
    commits = Commits(database)
    jobs = [database.submit(insert(number)) for number in range(1200)]
    assert database.backlog == 1200
    gate.open()
    await asyncio.gather(*jobs)
    assert commits.count == 4  # the gate's, 512, 512, 176
    assert database.backlog == 0
