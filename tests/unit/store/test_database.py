"""Opening, writing, reading and closing a database, whatever its dialect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from fairlead_store import Database, DatabaseClosed, DatabaseInUse, Schema, SchemaMismatch, StoreError, StoreUnavailable

METADATA = sa.MetaData()
ITEMS = sa.Table("items", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
SCHEMA = Schema("items", METADATA, 1)


def insert(number: int) -> Callable[[sa.Connection], None]:
    def job(connection: sa.Connection) -> None:
        connection.execute(sa.insert(ITEMS).values(id=number, text=f"item {number}"))

    return job


def note(seen: list[int], number: int) -> Callable[[sa.Connection], None]:
    return lambda _connection: seen.append(number)


def nothing(_connection: sa.Connection) -> None:
    pass


def count(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(ITEMS)).scalar_one()


async def test_tables_and_directory_are_made_and_found_again(database_url: str) -> None:
    first = Database.open(database_url, SCHEMA)
    await first.write(insert(1))
    await first.close()

    second = Database.open(database_url, SCHEMA)
    assert await second.read(count) == 1
    await second.close()


async def test_what_is_written_is_read_at_once(database_url: str) -> None:
    database = Database.open(database_url, SCHEMA)
    for number in range(20):
        await database.write(insert(number))
        assert await database.read(count) == number + 1
    await database.close()


async def test_jobs_run_in_the_order_of_their_submission(database_url: str) -> None:
    database = Database.open(database_url, SCHEMA)
    seen: list[int] = []
    await asyncio.gather(*[database.write(note(seen, number)) for number in range(1500)])
    assert seen == list(range(1500))
    await database.close()


async def test_a_read_sees_one_state_while_others_write(database_url: str) -> None:
    database = Database.open(database_url, SCHEMA)
    loop = asyncio.get_running_loop()
    has_counted = asyncio.Event()
    has_written = asyncio.Event()

    def read_twice(connection: sa.Connection) -> tuple[int, int]:
        before = count(connection)
        loop.call_soon_threadsafe(has_counted.set)
        asyncio.run_coroutine_threadsafe(has_written.wait(), loop).result(5)
        return before, count(connection)

    reading = asyncio.ensure_future(database.read(read_twice))
    await has_counted.wait()
    await database.write(insert(1))
    has_written.set()

    assert await reading == (0, 0)
    assert await database.read(count) == 1
    await database.close()


async def test_a_job_that_raises_leaves_nothing_and_its_exception_reaches_its_caller(database_url: str) -> None:
    database = Database.open(database_url, SCHEMA)

    def insert_then_fail(connection: sa.Connection) -> None:
        insert(1)(connection)
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await database.write(insert_then_fail)
    assert await database.read(count) == 0
    await database.close()


async def test_a_cancelled_caller_takes_nothing_back(database_url: str) -> None:
    database = Database.open(database_url, SCHEMA)
    task = asyncio.ensure_future(database.write(insert(1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.write(nothing)
    assert await database.read(count) == 1
    await database.close()


async def test_close_finishes_what_was_submitted_and_refuses_the_rest(database_url: str) -> None:
    database = Database.open(database_url, SCHEMA)
    jobs = [database.submit(insert(number)) for number in range(50)]
    await asyncio.gather(database.close(), database.close())
    await asyncio.gather(*jobs)
    with pytest.raises(DatabaseClosed):
        await database.write(count)
    with pytest.raises(DatabaseClosed):
        await database.read(count)

    again = Database.open(database_url, SCHEMA)
    assert await again.read(count) == 50
    await again.close()


async def test_a_database_is_open_once_at_a_time(database_url: str) -> None:
    database = Database.open(database_url, SCHEMA)
    with pytest.raises(DatabaseInUse, match="in use by another Fairlead"):
        Database.open(database_url, SCHEMA)
    await database.close()
    await Database.open(database_url, SCHEMA).close()


@pytest.mark.parametrize(
    ("found", "known", "text"), [(3, 2, "written by a newer one"), (1, 2, "must be migrated first")]
)
async def test_a_schema_of_another_version_is_refused(database_url: str, found: int, known: int, text: str) -> None:
    await Database.open(database_url, SCHEMA._replace(version=found)).close()
    with pytest.raises(SchemaMismatch, match=text):
        Database.open(database_url, SCHEMA._replace(version=known))
    await Database.open(database_url, SCHEMA._replace(version=found)).close()


async def test_a_foreign_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "foreign.sqlite"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER)")
    engine.dispose()
    before = path.read_bytes()
    with pytest.raises(SchemaMismatch, match="made by another program"):
        Database.open(f"sqlite:///{path}", SCHEMA)
    assert sa.inspect(sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)).get_table_names() == ["theirs"]
    assert len(path.read_bytes()) == len(before)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("oracle:///x", "no database 'oracle' is known here, only: postgresql, sqlite"),
        ("logs.sqlite", "is not a database URL, like sqlite:///"),
        ("sqlite://", "names no file"),
    ],
)
def test_an_unusable_url_is_named(url: str, text: str) -> None:
    with pytest.raises(StoreUnavailable, match=text):
        Database.open(url, SCHEMA)


def test_every_error_is_a_store_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for url in (
        "sqlite://",
        f"sqlite:///{tmp_path}/file/x.sqlite",
        "sqlite:////sys/x/y.sqlite",
        f"sqlite:///{tmp_path}",
    ):
        with pytest.raises(StoreError) as caught:
            Database.open(url, SCHEMA)
        assert "\n" not in str(caught.value)
