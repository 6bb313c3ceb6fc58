"""A PostgreSQL store that several processes write: who may share, and what became of a commit without an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from fairlead_store import Conflict, Database, DatabaseInUse, StoreUnavailable
from support import postgres
from unit.store.test_postgresql import SCHEMA, insert, lose_answers, lose_store, numbers, statement


def open_shared(url: str) -> Database:
    return Database.open(url, SCHEMA, "realm1", is_shared=True)


@pytest.fixture
def url() -> str:
    return postgres.new_database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = open_shared(url)
    yield database
    await database.close()


async def test_two_processes_write_one_store(database: Database, url: str) -> None:
    other = open_shared(url)
    await database.write(insert(1))
    await other.write(insert(2))
    assert await database.read(numbers) == await other.read(numbers) == [1, 2]
    await other.close()


def test_a_file_is_not_shared(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="belongs to one process: only a PostgreSQL database can be shared"):
        open_shared(f"sqlite:///{tmp_path}/items.sqlite")


async def test_who_wants_it_alone_is_refused_and_ends_nobody(database: Database, url: str) -> None:
    with pytest.raises(DatabaseInUse, match="in use by another Fairlead"):
        Database.open(url, SCHEMA, "realm1")
    backend = statement("SELECT pg_backend_pid()")
    before = await database.write(backend)
    await database.write(insert(1))
    assert await database.write(backend) == before


async def test_who_has_it_alone_keeps_it(url: str) -> None:
    alone = Database.open(url, SCHEMA, "realm1", lease_s=0.2)
    assert alone.lease is not None
    alone.lease.end()
    with pytest.raises(DatabaseInUse, match="has the items of realm 'realm1' for itself"):
        open_shared(url)
    await alone.close()


async def test_the_lease_of_an_owner_that_was_killed_is_waited_for(url: str, caplog: pytest.LogCaptureFixture) -> None:
    await Database.open(url, SCHEMA, "realm1").close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE fairlead_leases SET until = clock_timestamp() + interval '0.5 s'")
    began_s = time.monotonic()
    await open_shared(url).close()
    assert time.monotonic() - began_s > 0.4
    assert "without an orderly end" in caplog.text


async def test_an_owner_that_comes_back_after_those_who_share_writes_nothing(url: str) -> None:
    alone = Database.open(url, SCHEMA, "realm1")
    lose_store(alone, url)
    await open_shared(url).close()
    with pytest.raises(DatabaseInUse, match="has taken over the items of realm 'realm1'"):
        await alone.write(insert(1))
    await alone.close()


# ---------------------------------------------------------------- a commit without an answer


async def test_a_commit_without_an_answer_is_told_as_kept_though_others_write_meanwhile(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_shared(url)
    lose_answers(database, monkeypatch)
    doubtful = database.submit(insert(1))
    await other.write(insert(2))
    await doubtful
    assert await database.read(numbers) == [1, 2]
    await other.close()


async def test_a_commit_that_was_not_kept_is_told_as_failed_though_others_write_meanwhile(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_shared(url)
    await database.write(insert(1))
    await other.write(insert(2))
    lose_before_the_commit(database, monkeypatch)
    doubtful = database.submit(insert(3))
    await other.write(insert(4))
    with pytest.raises(StoreUnavailable, match="nothing was stored"):
        await doubtful
    assert await database.read(numbers) == [1, 2, 4]
    await other.close()


async def test_a_commit_that_is_still_under_way_is_waited_for(database: Database, url: str) -> None:
    """The connection is lost, and the server does not know it yet: it may still keep the transaction."""
    await database.write(insert(1))
    dialect: Any = database._dialect
    with psycopg.connect(url) as old:
        old.execute("UPDATE fairlead_writers SET commits = commits + 1")
        dialect._commits += 1  # as if `old` were the writer's last connection
        with database._engine.connect().execution_options(isolation_level="READ COMMITTED") as asking:
            asking.exec_driver_sql("SET lock_timeout = '50ms'")
            asking.commit()
            with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                dialect.has_committed(asking)
            old.commit()
            assert dialect.has_committed(asking)


def lose_before_the_commit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks before the next COMMIT reaches the server."""

    def break_first(connection: Any) -> None:
        monkeypatch.undo()
        connection.dbapi_connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(database._engine.dialect, "do_commit", break_first)


# ---------------------------------------------------------------- in each other's way


async def test_a_process_that_stops_in_a_transaction_holds_the_others_for_a_moment_only(
    database: Database, url: str
) -> None:
    await database.write(insert(1))
    stopped = psycopg.connect(url)
    stopped.execute("SET idle_in_transaction_session_timeout = '100ms'")
    stopped.execute("UPDATE items SET text = 'half done'")
    await database.write(statement("UPDATE items SET text = 'done'"))
    stopped.close()
    assert await database.read(statement("SELECT text FROM items")) == "done"


async def test_a_writer_that_was_stopped_in_its_transaction_is_told_that_nothing_was_stored(
    database: Database,
) -> None:
    assert await database.write(statement("SHOW idle_in_transaction_session_timeout")) == "2s"

    def stop(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET idle_in_transaction_session_timeout = '20ms'")
        insert(1)(connection)
        time.sleep(0.2)
        insert(2)(connection)

    with pytest.raises(StoreUnavailable, match="idle-in-transaction"):
        await database.write(stop)
    await database.write(insert(3))
    assert await database.read(numbers) == [3]


async def test_two_that_wait_for_each_other_are_told_apart(database: Database, url: str) -> None:
    other = open_shared(url)
    await database.write(insert(1))
    await database.write(insert(2))

    def cross(first: int, second: int) -> Callable[[sa.Connection], None]:
        def job(connection: sa.Connection) -> None:
            connection.exec_driver_sql("SET LOCAL deadlock_timeout = '50ms'")
            connection.exec_driver_sql(f"UPDATE items SET text = 'a' WHERE id = {first}")
            time.sleep(0.1)
            connection.exec_driver_sql(f"UPDATE items SET text = 'b' WHERE id = {second}")

        return job

    jobs = database.submit(cross(1, 2)), other.submit(cross(2, 1))
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert {type(result) for result in results} == {Conflict, type(None)}
    await other.close()


async def test_the_rows_of_processes_that_are_long_gone_go(database: Database, url: str) -> None:
    await database.write(insert(1))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE fairlead_writers SET seen = seen - interval '25 hours'")
        await open_shared(url).close()
        assert connection.execute("SELECT count(*) FROM fairlead_writers").fetchall() == [(0,)]
    await database.write(insert(2))
    assert await database.read(numbers) == [1, 2]
