"""Whatever is damaged in the database is named at the start; never is another record served instead."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import sqlalchemy as sa

from fairlead_records.model.draft import Draft
from fairlead_records.model.table import Table
from fairlead_records.store.record_store import Answer, Group, Loaded
from fairlead_records.store.sql_store import SqlRecordStore
from fairlead_records.store.tables import SCHEMA
from fairlead_store import Corrupt, Database, StoreError
from unit.records.fakes import put

KEPT = 1_000
FLIPS = 60


async def fill(url: str, records: int = 3) -> None:
    """Some records, one of them changed and one deleted."""
    store = SqlRecordStore.open(url, "realm1")
    loaded = await store.load(KEPT)
    draft = Draft(Table(loaded.epoch, KEPT), 6)
    for number in range(records):
        put(draft, f"r{number}", {"text": str(number) * 500})
    put(draft, "r0", {"n": 2})
    put(draft, "gone")
    draft.delete("gone")
    await store.write(Group(draft.changes, [Answer("alice", "k", b'{"version":1}', 5)]))
    await store.close()


@pytest.fixture
async def url(database_url: str) -> str:
    await fill(database_url)
    return database_url


async def damage(url: str, *statements: str) -> None:
    """Do this beside the program."""
    database = Database.open(url, SCHEMA, "realm1")

    def job(connection: sa.Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    await database.write(job)
    await database.close()


async def loaded(url: str) -> Loaded:
    store = SqlRecordStore.open(url, "realm1")
    try:
        return await store.load(KEPT)
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("UPDATE records SET state = '{\"n\":3}' WHERE id = 'r0'", "record 'r0' is damaged"),
        ("UPDATE records SET state = '{\"n\"' WHERE id = 'r0'", "record 'r0' is damaged"),
        ("UPDATE records SET state = '' WHERE id = 'r0'", "record 'r0' is damaged"),
        ("UPDATE records SET owner = 'bob' WHERE id = 'r1'", "record 'r1' is damaged"),
        ("UPDATE records SET object = 'r2' WHERE id = 'r1'", "record 'r1' is damaged"),
        ("UPDATE records SET version = version + 1 WHERE id = 'r1'", "record 'r1' is damaged"),
        ("UPDATE records SET changed_us = 8 WHERE id = 'r1'", "record 'r1' is damaged"),
        ("UPDATE records SET id = 'r9' WHERE id = 'r1'", "record 'r9' is damaged"),
        ("UPDATE records SET crc = crc + 1 WHERE id = 'r1'", "record 'r1' is damaged"),
        ("UPDATE records SET revision = 9 WHERE id = 'r1'", "record 'r1'"),
        ("DELETE FROM records WHERE id = 'r1'", "change 2 of the records is damaged: record 'r1'"),
        ("DELETE FROM record_changes WHERE number = 3", "of the changes of the records in the database 3 is missing"),
        ("DELETE FROM record_changes WHERE number >= 4", "is damaged"),
        ("UPDATE record_changes SET state = '{}' WHERE number = 4", "record 'r0' is damaged"),
        ("UPDATE record_changes SET id = 'r2' WHERE number = 2", "change 2 of the records is damaged: record 'r2'"),
        ("UPDATE record_changes SET is_deleted = true WHERE number = 3", "change 3 of the records is damaged"),
        ("UPDATE record_changes SET is_deleted = false WHERE number = 6", "change 6 of the records is damaged"),
        ("UPDATE record_answers SET result = '[1]'", "the answer with key 'k' is damaged"),
    ],
)
async def test_damage_is_named(url: str, statement: str, text: str) -> None:
    await damage(url, statement)
    with pytest.raises(Corrupt) as caught:
        await loaded(url)
    assert text in str(caught.value)


async def test_without_the_damaged_record_it_goes_on_in_a_new_epoch(url: str) -> None:
    before = await loaded(url)
    await damage(url, "UPDATE records SET version = 9 WHERE id = 'r1'")
    await damage(url, "DELETE FROM records WHERE id = 'r1'", "DELETE FROM record_realms WHERE realm = 'realm1'")
    after = await loaded(url)
    assert after.epoch != before.epoch
    assert after.secret != before.secret
    assert ([record.id for record in after.records], after.history) == (["r0", "r2"], [])
    assert Table(after.epoch, KEPT, after.records, after.history).revision == 4


@pytest.mark.parametrize("value", ["NULL", "7", "x'7b7d'", "CAST(x'ff' AS TEXT)"])
@pytest.mark.parametrize("column", ["state", "version", "created_us", "revision", "crc"])
async def test_a_column_of_another_type_is_named(tmp_path: Path, column: str, value: str) -> None:
    """SQLite keeps whatever it is given; NULL it refuses by itself."""
    url = f"sqlite:///{tmp_path}/records.sqlite"
    await fill(url)
    if value == "NULL":
        await damage(url, "ALTER TABLE records RENAME TO old", "CREATE TABLE records AS SELECT * FROM old")
    await damage(url, f"UPDATE records SET {column} = {value} WHERE id = 'r1'")
    with pytest.raises(StoreError, match=r"damaged|healthy"):
        await loaded(url)


async def test_a_flipped_bit_never_makes_another_record(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    await fill(f"sqlite:///{path}", 100)
    healthy = await loaded(f"sqlite:///{path}")
    whole = path.read_bytes()
    chance, refused = random.Random(5), 0
    for flip in range(FLIPS):
        data = bytearray(whole)
        data[chance.randrange(4096, len(data))] ^= 1 << chance.randrange(8)
        damaged = tmp_path / f"flip{flip}.sqlite"
        damaged.write_bytes(data)
        try:
            found = await loaded(f"sqlite:///{damaged}")
        except StoreError:
            refused += 1
        else:
            assert contents(found) == contents(healthy)
    assert refused > FLIPS // 10


def contents(found: Loaded) -> object:
    return (
        [record.entry for record in found.records],
        [(change.revision, change.before and change.before.entry) for change in found.history],
    )
