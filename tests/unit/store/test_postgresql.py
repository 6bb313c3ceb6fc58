"""PostgreSQL as we use it: one owner, lost and found again, its errors in sentences without a password."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from fairlead_store import (
    Corrupt,
    Database,
    DatabaseInUse,
    DiskFull,
    Readers,
    Schema,
    SchemaMismatch,
    StoreError,
    StoreUnavailable,
)
from support import postgres
from support.waiting import eventually

METADATA = sa.MetaData()
ITEMS = sa.Table("items", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
SCHEMA = Schema("items", METADATA, 1)


@pytest.fixture
def url() -> str:
    return postgres.new_database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database.open(url, SCHEMA, "realm1")
    yield database
    await database.close()


def insert(number: int) -> Callable[[sa.Connection], None]:
    def job(connection: sa.Connection) -> None:
        connection.execute(sa.insert(ITEMS).values(id=number, text=""))

    return job


def statement(sql: str) -> Callable[[sa.Connection], Any]:
    def job(connection: sa.Connection) -> Any:
        result = connection.exec_driver_sql(sql)
        return result.scalar() if result.returns_rows else None

    return job


def numbers(connection: sa.Connection) -> list[int]:
    return list(connection.execute(sa.select(ITEMS.c.id).order_by(ITEMS.c.id)).scalars())


# ---------------------------------------------------------------- one owner


async def test_each_realm_of_a_store_has_one_owner(database: Database, url: str) -> None:
    with pytest.raises(DatabaseInUse, match="in use by another Fairlead, for the items of realm 'realm1': stop it"):
        Database.open(url, SCHEMA, "realm1")
    other = Database.open(url, SCHEMA, "realm2")
    await other.write(insert(1))
    await database.write(insert(2))
    assert await other.read(numbers) == [1, 2]
    await other.close()


async def test_two_stores_share_a_database_each_with_its_version(database: Database, url: str) -> None:
    metadata = sa.MetaData()
    sa.Table("others", metadata, sa.Column("id", sa.Integer, primary_key=True))
    await Database.open(url, Schema("others", metadata, 7), "realm1").close()
    with pytest.raises(SchemaMismatch, match="schema 7"):
        Database.open(url, Schema("others", metadata, 6), "realm1")


async def test_tables_of_another_program_with_our_names_are_left_alone(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE items (theirs text)")
    with pytest.raises(SchemaMismatch, match="made by another program"):
        Database.open(url, SCHEMA)


async def test_an_owner_that_lost_its_connection_goes_on(database: Database, url: str) -> None:
    await database.write(insert(1))
    postgres.lose_connections(url)
    await database.write(insert(2))
    assert await database.read(numbers) == [1, 2]


async def test_a_server_that_is_away_fails_what_is_asked_meanwhile_and_nothing_after(
    database: Database, url: str
) -> None:
    postgres.take_away(url)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await database.write(insert(1))
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await database.read(numbers)
    postgres.give_back(url)
    await database.write(insert(2))
    assert await database.read(numbers) == [2]


async def test_a_connection_lost_in_a_job_fails_it_and_what_was_done_with_it(database: Database) -> None:
    def insert_and_lose(connection: sa.Connection) -> None:
        insert(1)(connection)
        statement("SELECT pg_terminate_backend(pg_backend_pid())")(connection)

    results = await asyncio.gather(
        *[database.submit(job) for job in (insert_and_lose, insert(2))], return_exceptions=True
    )
    assert isinstance(results[0], StoreUnavailable)
    await database.write(insert(3))
    assert await database.read(numbers) == ([3] if isinstance(results[1], StoreUnavailable) else [2, 3])


async def test_readers_find_new_connections_by_themselves(database: Database, url: str) -> None:
    assert await database.read(numbers) == []
    postgres.lose_connections(url)
    assert await database.read(numbers) == []


def lose_store(database: Database, url: str) -> None:
    """As when its machine was cut off from the server for longer than its lease: others may take the store."""
    assert database.lease is not None
    database.lease.end()
    postgres.lose_connections(url)


async def test_an_owner_that_comes_back_to_a_store_in_use_writes_nothing(database: Database, url: str) -> None:
    lose_store(database, url)
    other = Database.open(url, SCHEMA, "realm1")
    for _ in range(2):
        with pytest.raises(DatabaseInUse, match="in use by another Fairlead"):
            await database.write(insert(1))
    await other.write(insert(2))
    assert await other.read(numbers) == [2]
    await other.close()


async def test_an_owner_that_comes_back_after_another_one_writes_nothing(database: Database, url: str) -> None:
    """What it knows of the store is old, though nobody has it now."""
    lose_store(database, url)
    other = Database.open(url, SCHEMA, "realm1")
    await other.write(insert(2))
    await other.close()
    for _ in range(2):
        with pytest.raises(DatabaseInUse, match="has taken over the items of realm 'realm1'"):
            await database.write(insert(1))
    assert await database.read(numbers) == [2]


async def test_a_store_is_not_taken_from_an_owner_that_lost_its_connection_but_lives(url: str) -> None:
    database = Database.open(url, SCHEMA, "realm1", lease_s=0.5)
    postgres.lose_connections(url)
    with pytest.raises(DatabaseInUse, match="in use by another Fairlead"):
        Database.open(url, SCHEMA, "realm1")
    await database.write(insert(1))
    await database.close()


async def test_who_comes_after_an_owner_that_was_killed_waits_for_its_lease_and_says_so(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await Database.open(url, SCHEMA, "realm1").close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE fairlead_leases SET until = clock_timestamp() + interval '1 s'")
    began_s = time.monotonic()
    other = Database.open(url, SCHEMA, "realm1")
    assert time.monotonic() - began_s > 0.5
    assert "without an orderly end: waiting for" in caplog.text
    await other.close()


async def test_who_comes_after_an_orderly_end_waits_for_nothing(url: str, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        await Database.open(url, SCHEMA, "realm1", lease_s=60).close()
    assert caplog.text == ""


async def test_ownership_is_looked_at_in_each_transaction(database: Database, url: str) -> None:
    """Also where the lock could be lost without the connection: a pooler between us and the server."""
    await database.write(insert(1))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE fairlead_owners SET term = term + 1")
    with pytest.raises(DatabaseInUse, match="has taken over"):
        await database.write(insert(2))
    assert await database.read(numbers) == [1]


async def test_a_connection_that_only_the_server_still_believes_in_is_ended(database: Database, url: str) -> None:
    """The network lost it: the server's side would hold the lock for hours, against ourselves."""
    postgres.lose_connections(url)
    with psycopg.connect(url, autocommit=True) as old:
        name = "current_schema() || '/fairlead/items/realm1'"
        assert old.execute(f"SELECT pg_try_advisory_lock(hashtextextended({name}, 0))".encode()).fetchall() == [(True,)]
        dialect: Any = database._dialect
        dialect._backend = old.info.backend_pid
        await database.write(insert(2))
        with pytest.raises(psycopg.OperationalError):
            old.execute("SELECT 1")
    assert await database.read(numbers) == [2]


async def test_no_owner_is_needed_to_look_and_nothing_can_be_written(database: Database, url: str) -> None:
    readers = Readers.open(url, SCHEMA)
    await database.write(insert(1))
    assert await readers.read(numbers) == [1]
    with pytest.raises(StoreUnavailable, match="read-only"):
        await readers.read(insert(2))
    await readers.close()


async def test_who_looks_before_the_tables_are_made_is_told(url: str) -> None:
    with pytest.raises(SchemaMismatch, match="is empty"):
        Readers.open(url, SCHEMA)


# ---------------------------------------------------------------- a commit without an answer


def lose_answers(
    database: Database, monkeypatch: pytest.MonkeyPatch, and_then: Callable[[], None] = lambda: None
) -> None:
    """The connection breaks after the next COMMIT is done and before we hear of it."""
    dialect = database._engine.dialect
    commit = dialect.do_commit

    def commit_and_break(connection: Any) -> None:
        commit(connection)
        monkeypatch.undo()
        connection.dbapi_connection.close()
        and_then()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(dialect, "do_commit", commit_and_break)


async def test_a_commit_without_an_answer_that_was_kept_is_told_as_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_answers(database, monkeypatch)
    await database.write(insert(1))
    await database.write(insert(2))
    assert await database.read(numbers) == [1, 2]


async def test_a_commit_without_an_answer_that_was_not_kept_is_told_as_failed(database: Database) -> None:
    await database.write(
        statement(
            "CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
    )
    await database.write(
        statement(
            "CREATE CONSTRAINT TRIGGER vanish AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION vanish()"
        )
    )
    with pytest.raises(StoreUnavailable, match="nothing was stored"):
        await database.write(insert(1))
    await database.write(insert(2))
    assert await database.read(numbers) == [2]


async def test_while_a_commit_is_in_doubt_its_caller_waits_and_others_are_refused(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_answers(database, monkeypatch, lambda: postgres.take_away(url))
    doubtful = database.submit(insert(1))
    await eventually(lambda: database._writer._is_in_doubt)
    with pytest.raises(StoreUnavailable, match="does not answer: nothing was stored"):
        await database.write(insert(2))
    assert not doubtful.done()
    postgres.give_back(url)
    await doubtful
    await database.write(insert(3))
    assert await database.read(numbers) == [1, 3]


async def test_closing_does_not_wait_for_a_server_that_is_away(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_answers(database, monkeypatch, lambda: postgres.take_away(url))
    doubtful = database.submit(insert(1))
    await eventually(lambda: database._writer._is_in_doubt)
    await database.close()
    with pytest.raises(StoreUnavailable, match="is not known"):
        await doubtful


# ---------------------------------------------------------------- errors in sentences


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("53100", DiskFull, "is full: nothing was stored"),
        ("53300", StoreUnavailable, "takes no more connections"),
        ("55P03", StoreUnavailable, "is locked by another program"),
        ("25006", StoreUnavailable, "cannot be written"),
        ("42501", StoreUnavailable, "does not allow it"),
        ("XX001", Corrupt, "restore it from a backup"),
        ("58030", StoreUnavailable, "cannot be reached"),
    ],
)
async def test_what_the_server_says_is_explained(
    database: Database, code: str, kind: type[StoreError], text: str
) -> None:
    with pytest.raises(kind, match=text) as caught:
        await database.write(statement(f"DO $$ BEGIN RAISE EXCEPTION 'why' USING ERRCODE = '{code}'; END $$"))
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    await database.write(insert(1))


def error_of(url: str) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        Database.open(url, SCHEMA)
    chain: list[BaseException] = [caught.value]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    assert not any(postgres.PASSWORD in str(each) or "wr0ng" in str(each) for each in chain)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_wrong_password_is_named_and_not_shown(url: str) -> None:
    database = sa.make_url(url).database
    assert database is not None
    server = postgres.server()
    guarded = postgres.PASSWORD_USER
    assert "refuses user or password" in error_of(server.url(database, guarded, "wr0ng"))
    assert "refuses user or password" in error_of(server.url(database, guarded))
    assert "refuses user or password" in error_of(server.url(database, guarded) + "&password=wr0ng")


async def test_a_right_password_opens(url: str) -> None:
    database = sa.make_url(url).database
    assert database is not None
    opened = Database.open(postgres.server().url(database, postgres.PASSWORD_USER, postgres.PASSWORD), SCHEMA)
    await opened.close()


def test_too_many_connections_are_named(url: str) -> None:
    server = postgres.server()
    server.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
    database = sa.make_url(url).database
    assert database is not None
    assert "takes no more connections" in error_of(server.url(database, "crowded"))


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://u:wr0ng@127.0.0.1:1/items", "database 'items' at 127.0.0.1:1 cannot be reached"),
        ("postgresql:///items?host=/nowhere&password=wr0ng", "database 'items' at /nowhere:5432 cannot be reached"),
        ("postgresql://u:wr0ng@x@127.0.0.1/items", "written %40"),
        ("postgresql://u:wr0ng/x@127.0.0.1:1/items", "cannot be reached"),
        ("postgresql:/u:wr0ng@127.0.0.1/items", "not a database URL"),
        ("postgresql://u:wr0ng@127.0.0.1:1/items?colour=red", "URL of the database"),
    ],
)
def test_a_server_that_cannot_be_reached_is_named_without_the_password(url: str, text: str) -> None:
    assert text in error_of(url)


def test_a_database_that_is_not_there_is_named() -> None:
    assert "cannot be reached" in error_of(postgres.server().url("nothing"))


async def test_the_acknowledged_is_durable_whatever_the_server_is_configured_for(url: str) -> None:
    postgres.server().execute(f"ALTER DATABASE {sa.make_url(url).database} SET synchronous_commit = off")
    database = Database.open(url, SCHEMA)
    assert await database.write(statement("SHOW synchronous_commit")) == "on"
    await database.close()
