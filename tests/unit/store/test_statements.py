"""Statements with many rows, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
import sqlalchemy as sa

from fairlead_store import Database, Schema, execute_many

METADATA = sa.MetaData()
ITEMS = sa.Table(
    "items",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text),
    sa.Column("n", sa.Integer),
)
SCHEMA = Schema("items", METADATA, 1)

UPSERT = sa.text(
    """
    INSERT INTO items (id, text, n) VALUES (:id, :text, :id + 100)
    ON CONFLICT (id) DO UPDATE SET text = excluded.text || '%'
    """
)
DELETE = sa.text("DELETE FROM items WHERE id = :id")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database.open(database_url, SCHEMA, "realm1")
    yield database
    await database.close()


async def rows(database: Database) -> list[tuple[int, str | None, int]]:
    found = await database.read(lambda connection: connection.execute(sa.select(ITEMS).order_by(ITEMS.c.id)).all())
    return [tuple(row) for row in found]


async def test_each_row_goes_to_its_names(database: Database) -> None:
    values: list[dict[str, object]] = [
        {"text": "%s 'x' :id", "id": 1},
        {"id": 2, "text": None},
        {"id": 1, "text": "again"},
    ]
    await database.write(partial(execute_many, statement=UPSERT, rows=values))
    assert await rows(database) == [(1, "again%", 101), (2, None, 102)]


async def test_a_statement_may_have_one_name_and_names_of_no_use(database: Database) -> None:
    await database.write(partial(execute_many, statement=UPSERT, rows=[{"id": id_, "text": ""} for id_ in range(3)]))
    await database.write(partial(execute_many, statement=DELETE, rows=[{"id": 0, "more": 1}, {"id": 2, "more": 1}]))
    assert await rows(database) == [(1, "", 101)]


async def test_no_row_is_nothing_to_do(database: Database) -> None:
    await database.write(partial(execute_many, statement=DELETE, rows=[]))
    assert await rows(database) == []


async def test_a_failure_is_named_as_always(database: Database) -> None:
    await database.write(lambda connection: connection.execute(sa.insert(ITEMS), [{"id": 1}]))
    insert = sa.text("INSERT INTO items (id, text) VALUES (:id, :text)")
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(partial(execute_many, statement=insert, rows=[{"id": 1, "text": ""}]))
