"""SQLite as we use it: durable, locked for one process, and its errors in sentences."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from fairlead_store import Corrupt, Database, Schema, StoreUnavailable

METADATA = sa.MetaData()
ITEMS = sa.Table("items", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
SCHEMA = Schema("items", METADATA, 1)


def pragma(name: str) -> Callable[[sa.Connection], object]:
    def job(connection: sa.Connection) -> object:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()

    return job


def insert(rows: list[dict[str, object]]) -> Callable[[sa.Connection], None]:
    def job(connection: sa.Connection) -> None:
        connection.execute(sa.insert(ITEMS), rows)

    return job


async def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/items.sqlite", SCHEMA)
    for run in (database.read, database.write):
        assert await run(pragma("journal_mode")) == "wal"
        assert await run(pragma("synchronous")) == 2  # FULL
        assert await run(pragma("foreign_keys")) == 1
    await database.close()


async def test_the_schema_version_is_stamped(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/items.sqlite", SCHEMA._replace(version=7))
    assert await database.read(pragma("user_version")) == 7
    await database.close()


async def test_the_data_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    await Database.open(f"sqlite:///{tmp_path}/data/items.sqlite", SCHEMA).close()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_directory_that_cannot_be_written_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="data directory '/sys/fairlead' is not writable"):
        Database.open("sqlite:////sys/fairlead/items.sqlite", SCHEMA)


def test_a_file_in_the_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StoreUnavailable, match=f"'{tmp_path}/data' is not a directory"):
        Database.open(f"sqlite:///{tmp_path}/data/items.sqlite", SCHEMA)


def test_a_directory_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="is a directory, not a file"):
        Database.open(f"sqlite:///{tmp_path}", SCHEMA)


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "items.sqlite"
    path.write_text("this is not a database, but long enough to have been one " * 100)
    before = path.read_text()
    with pytest.raises(Corrupt, match=f"'{path}' is not a healthy SQLite database"):
        Database.open(f"sqlite:///{path}", SCHEMA)
    assert path.read_text() == before


async def test_a_text_that_is_not_utf_8_is_damage_and_is_not_shown(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/items.sqlite", SCHEMA)
    await database.write(
        lambda connection: connection.exec_driver_sql("INSERT INTO items VALUES (1, CAST(x'736563726574ff' AS TEXT))")
    )
    with pytest.raises(Corrupt, match="a text in it is not UTF-8") as caught:
        await database.read(lambda connection: connection.execute(sa.select(ITEMS)).all())
    assert "secret" not in str(caught.value)
    await database.close()


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "items.sqlite"
    database = Database.open(f"sqlite:///{path}", SCHEMA)
    rows: list[dict[str, object]] = [{"id": number, "text": "x" * 500} for number in range(1000)]
    await database.write(insert(rows))
    await database.close()
    damaged = bytearray(path.read_bytes())
    damaged[8192:] = b"\xff" * (len(damaged) - 8192)
    path.write_bytes(damaged)

    database = Database.open(f"sqlite:///{path}", SCHEMA)
    with pytest.raises(Corrupt, match="restore it from a backup"):
        await database.read(lambda connection: connection.execute(sa.select(ITEMS)).all())
    await database.close()


async def test_readers_leave_no_transaction_open_behind_them(tmp_path: Path) -> None:
    """An open read transaction would make the write-ahead log grow without bound."""
    database = Database.open(f"sqlite:///{tmp_path}/items.sqlite", SCHEMA)
    for start in range(0, 4000, 100):
        rows: list[dict[str, object]] = [{"id": number, "text": "x" * 2000} for number in range(start, start + 100)]
        await database.write(insert(rows))
        await database.read(lambda connection: connection.execute(sa.select(ITEMS.c.id).limit(3)).first())
    assert (tmp_path / "items.sqlite-wal").stat().st_size < 8_000_000  # written: 8 MB in 40 transactions
    await database.close()


# ---- the log of the database


MB = 1 << 20
ROWS: list[dict[str, object]] = [{"text": "x" * 100_000}]


def wal_bytes(directory: Path) -> int:
    return (directory / "items.sqlite-wal").stat().st_size


@pytest.fixture
async def bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A database whose log may have 6 MB: it is written back at 4 MB where nobody hinders it."""
    monkeypatch.setattr("fairlead_store.sqlite.WAL_LIMIT_BYTES", 6 * MB)
    monkeypatch.setattr("fairlead_store.sqlite.WAL_RETRY_S", 0.0)
    database = Database.open(f"sqlite:///{tmp_path}/items.sqlite", SCHEMA)
    yield database
    await database.close()


class OtherProgram:
    """Another program that reads the database."""

    def __init__(self, directory: Path) -> None:
        self._connection = sqlite3.connect(directory / "items.sqlite", isolation_level=None)

    def begin(self) -> None:
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT count(*) FROM items").fetchone()

    def end(self) -> None:
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def read_in_turns(directory: Path, ended: threading.Event) -> None:
    """Until it is told to end there is always somebody who reads."""
    readers = OtherProgram(directory), OtherProgram(directory)
    readers[0].begin()
    turn = 0
    while not ended.wait(0.002):
        readers[(turn + 1) % 2].begin()
        readers[turn % 2].end()
        turn += 1
    for reader in readers:
        reader.close()


async def test_readers_that_take_turns_do_not_make_the_log_grow(bounded: Database, tmp_path: Path) -> None:
    ended = threading.Event()
    await bounded.write(insert(ROWS))
    reading = asyncio.create_task(asyncio.to_thread(read_in_turns, tmp_path, ended))
    sizes = []
    for _ in range(200):
        await bounded.write(insert(ROWS))
        sizes.append(wal_bytes(tmp_path))
    ended.set()
    await reading
    assert max(sizes) < 9 * MB


async def test_a_program_that_reads_for_long_makes_the_log_grow_and_stops_nobody(
    bounded: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead_store.sqlite.WAL_WAIT_MS", 1)
    backup = OtherProgram(tmp_path)
    backup.begin()
    for _ in range(100):
        await bounded.write(insert(ROWS))
    assert wal_bytes(tmp_path) > 9 * MB
    assert [record.getMessage().split(": ")[-1] for record in caplog.records] == [
        "another program has been reading it for long"
    ]
    backup.end()
    for _ in range(2):
        await bounded.write(insert(ROWS))
    await bounded.write(lambda _: None)
    assert wal_bytes(tmp_path) < 6 * MB
    backup.close()
