"""From every released schema of the log store to today's: the same tables as new ones, and nothing lost."""

from __future__ import annotations

import pkgutil
import zlib
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from fairlead_logstream import SqlStreamStore
from fairlead_logstream.model.attempts import Attempt
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.records import Record, marker, pieces
from fairlead_logstream.model.rows import Change, Producer, Sealed, State, StreamKey, StreamRow
from fairlead_logstream.store import migrations
from fairlead_logstream.store.tables import SCHEMA
from fairlead_store import Database, Schema
from unit.logstream.fakes import NOW_US, batch_of, texts_of

# What version 1 had, written down: the tables of the package go on changing.
VERSION_1 = sa.MetaData()
_Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")
sa.Table(
    "streams",
    VERSION_1,
    sa.Column("id", _Serial, primary_key=True),
    sa.Column("realm", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("oldest", sa.BigInteger, nullable=False),
    sa.Column("is_sealed", sa.Boolean, nullable=False),
    sa.Column("exit_code", sa.BigInteger),
    sa.Column("reason", sa.Text),
    sa.UniqueConstraint("realm", "name"),
)
sa.Table(
    "producers",
    VERSION_1,
    sa.Column("stream_id", sa.ForeignKey("streams.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("term", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
)
sa.Table(
    "chunks",
    VERSION_1,
    sa.Column("id", _Serial, primary_key=True),
    sa.Column("stream_id", sa.ForeignKey("streams.id"), nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("min_time_us", sa.BigInteger, nullable=False),
    sa.Column("max_time_us", sa.BigInteger, nullable=False),
    sa.Column("publication", sa.BigInteger, nullable=False),
    sa.Column("codec", sa.SmallInteger, nullable=False),
    sa.Column("crc", sa.BigInteger, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("stream_id", "first"),
    sa.Index("chunks_by_time", "stream_id", "max_time_us", "first"),
)

_OPEN = {"realm": "realm1", "epoch": 7, "created_us": NOW_US, "attempt": 1, "oldest": 0, "is_sealed": False}
STREAMS: list[dict[str, Any]] = [
    _OPEN | {"id": 1, "name": "open", "object": "o", "exit_code": None, "reason": None},
    _OPEN | {"id": 2, "name": "done", "object": "o", "is_sealed": True, "exit_code": 3, "reason": "why", "attempt": 2},
    _OPEN | {"id": 3, "name": "empty", "object": "e", "exit_code": None, "reason": None},
    _OPEN | {"id": 4, "name": "unmarked", "object": "o", "exit_code": None, "reason": None, "attempt": 2},
]
PRODUCERS = [{"stream_id": 1, "name": "p", "term": 4, "seq": 3}]
(MARKED,) = pieces([Record(NOW_US, "stdout", '{"attempt":2}', 0), marker(NOW_US + 5, attempt=2)])
BATCHES = {
    1: [batch_of(0, "x" * 5_000, "ü"), batch_of(2, "z")],
    2: [batch_of(0, "q"), Batch(1, 2, (NOW_US, NOW_US + 5), 7, 1001, MARKED.data), batch_of(3, "r" * 60_000)],
}


def fill(connection: sa.Connection) -> None:
    connection.execute(VERSION_1.tables["streams"].insert(), STREAMS)
    connection.execute(VERSION_1.tables["producers"].insert(), PRODUCERS)
    for stream_id, batches in BATCHES.items():
        for batch in batches:
            values = {name: getattr(batch, name) for name in ("first", "count", "min_time_us", "max_time_us")}
            stored = {"publication": batch.publication, "codec": 0, "crc": zlib.crc32(batch.records)}
            values |= stored | {"stream_id": stream_id, "data": batch.records}
            connection.execute(VERSION_1.tables["chunks"].insert(), values)


@pytest.fixture
async def first_release(database_url: str) -> str:
    """A store as version 1 left it."""
    database = Database.open(database_url, Schema("logs", VERSION_1, 1), "realm1")
    await database.write(fill)
    await database.close()
    return database_url


async def streams_of(store: SqlStreamStore) -> list[StreamRow]:
    return sorted(await store.streams(), key=lambda row: row.id)


def differences(connection: sa.Connection) -> list[Any]:
    def is_ours(name: str | None, _kind: str, _parents: object) -> bool:
        return name is None or not name.startswith("fairlead_")

    options = {"compare_type": True, "compare_server_default": True, "include_name": is_ours}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, SCHEMA.metadata))


async def test_an_old_store_becomes_what_a_new_one_is(first_release: str) -> None:
    database = Database.open(first_release, SCHEMA, "realm1")
    assert await database.read(differences) == []
    await database.close()


async def test_on_sqlite_data_is_the_last_column_of_a_migrated_store_too(first_release: str) -> None:
    database = Database.open(first_release, SCHEMA, "realm1")
    columns = await database.read(
        lambda connection: [row["name"] for row in sa.inspect(connection).get_columns("chunks")]
    )
    await database.close()
    if first_release.startswith("sqlite"):
        assert columns == [column.name for column in SCHEMA.metadata.tables["chunks"].columns]


async def test_what_was_in_an_old_store_is_in_the_new_one(first_release: str) -> None:
    store = SqlStreamStore.open(first_release, "realm1")
    written = {stream_id: sum(batch.size for batch in batches) for stream_id, batches in BATCHES.items()}
    done = State(2, Sealed(3, "why", 4), attempts=(Attempt(2, 2, NOW_US + 5, 3, "why"),))
    first = State(1, attempts=(Attempt(1, 0, NOW_US),))
    assert await streams_of(store) == [
        StreamRow(1, "open", "o", 7, NOW_US, first, 0, 3, written[1], 0, NOW_US + 1, NOW_US, written_us=NOW_US),
        StreamRow(2, "done", "o", 7, NOW_US, done, 0, 4, written[2], 0, NOW_US, NOW_US, written_us=NOW_US),
        StreamRow(3, "empty", "e", 7, NOW_US, first),
        StreamRow(4, "unmarked", "o", 7, NOW_US, State(2)),
    ]
    assert await store.producers(1) == {"p": Producer(4, 3)}
    for stream_id, batches in BATCHES.items():
        assert texts_of(await store.read(StreamKey(stream_id, 7), 0, 4, 1 << 30)) == texts_of(batches)
    await store.close()


async def test_a_migrated_stream_goes_on_where_it_was(first_release: str) -> None:
    store = SqlStreamStore.open(first_release, "realm1")
    (row, *_) = await streams_of(store)
    await store.write(Change(row.id, [batch_of(row.head, "next")], {}, None, row.written_bytes))
    (after, *_) = await streams_of(store)
    assert after.written_bytes == row.written_bytes + batch_of(row.head, "next").size
    assert texts_of(await store.read(StreamKey(row.id, 7), 2, 4, 1 << 30)) == ["z", "next"]
    await store.close()


def test_every_version_has_its_step() -> None:
    modules = {module.name for module in pkgutil.iter_modules(migrations.__path__)}
    assert modules == {f"v{version}" for version in range(2, SCHEMA.version + 1)}
