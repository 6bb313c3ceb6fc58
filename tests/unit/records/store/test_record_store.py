"""One behaviour of every RecordStore: memory, SQLite, PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead_records.model.draft import Draft
from fairlead_records.model.table import Table
from fairlead_records.store.memory_store import MemoryRecordStore
from fairlead_records.store.record_store import Answer, Group, Loaded, RecordStore
from fairlead_records.store.sql_store import SqlRecordStore
from support.postgres import new_database
from unit.records.fakes import put

Opener = Callable[[], RecordStore]
KEPT = 100


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same store again and again."""
    if request.param == "memory":
        store = MemoryRecordStore()
        return lambda: store
    url = f"sqlite:///{tmp_path / 'records.sqlite'}" if request.param == "sqlite" else new_database()
    return lambda: SqlRecordStore.open(url, "realm1")


async def write(store: RecordStore, *steps: Callable[[Draft], Any], answers: list[Answer] | None = None) -> None:
    """One group."""
    table = table_of(await store.load(KEPT))
    draft = Draft(table, 7)
    for step in steps:
        step(draft)
    await store.write(Group(draft.changes, answers or []))


def table_of(loaded: Loaded) -> Table:
    return Table(loaded.epoch, KEPT, loaded.records, loaded.history)


async def reopened(store: RecordStore, open_store: Opener, kept: int = KEPT) -> tuple[RecordStore, Loaded]:
    await store.close()
    store = open_store()
    return store, await store.load(kept)


async def test_a_new_store_is_empty_and_keeps_its_epoch_and_secret(open_store: Opener) -> None:
    store = open_store()
    first = await store.load(KEPT)
    assert (first.records, first.history, first.answers) == ([], [], [])
    assert len(first.secret) == 32
    store, again = await reopened(store, open_store)
    assert (again.epoch, again.secret) == (first.epoch, first.secret)
    await store.close()


async def test_what_was_written_is_loaded_as_it_was(open_store: Opener) -> None:
    store = open_store()
    await write(store, lambda draft: put(draft, "a", {"text": 'é"\0', "n": 1.5}), lambda draft: put(draft, "b"))
    await write(store, lambda draft: put(draft, "a", {"n": 2}))
    before = table_of(await store.load(KEPT))
    store, loaded = await reopened(store, open_store)
    table = table_of(loaded)
    assert {id_: record.entry for id_, record in table.all.items()} == {
        id_: record.entry for id_, record in before.all.items()
    }
    assert table.revision == 3
    record = table.get("a")
    assert record is not None
    assert (record.version, record.revision, record.state) == (2, 3, {"n": 2})
    await store.close()


async def test_the_history_tells_what_was_before_and_after_each_change(open_store: Opener) -> None:
    store = open_store()
    await write(store, lambda draft: put(draft, "a", {"n": 1}), lambda draft: put(draft, "a", {"n": 2}))
    await write(store, lambda draft: put(draft, "b"), lambda draft: draft.delete("a"))
    store, loaded = await reopened(store, open_store)
    told = [
        (change.revision, change.id, change.before and change.before.state, change.after and change.after.state)
        for change in loaded.history
    ]
    assert told == [
        (1, "a", None, {"n": 1}),
        (2, "a", {"n": 1}, {"n": 2}),
        (3, "b", None, {}),
        (4, "a", {"n": 2}, None),
    ]
    assert table_of(loaded).last_version("a") == 2
    await store.close()


async def test_only_the_latest_changes_are_loaded_and_kept(open_store: Opener) -> None:
    store = open_store()
    for number in range(5):
        await write(store, lambda draft, number=number: put(draft, f"r{number}"))  # type: ignore[misc]
    assert [change.revision for change in (await store.load(2)).history] == [4, 5]
    await store.trim(2, 0)
    store, loaded = await reopened(store, open_store)
    assert [change.revision for change in loaded.history] == [3, 4, 5]
    assert len(loaded.records) == 5
    await store.close()


async def test_answers_are_kept_with_their_group_until_they_are_old(open_store: Opener) -> None:
    store = open_store()
    answers = [Answer("alice", "k1", b'{"version":1}', 5), Answer("bob", "k1", b'{"version":2}', 9)]
    await write(store, lambda draft: put(draft, "a"), answers=answers)
    store, loaded = await reopened(store, open_store)
    assert loaded.answers == answers
    await store.trim(0, 6)
    store, loaded = await reopened(store, open_store)
    assert loaded.answers == answers[1:]
    await store.close()


async def test_a_record_that_comes_again_is_new(open_store: Opener) -> None:
    store = open_store()
    await write(store, lambda draft: put(draft, "a"), lambda draft: draft.delete("a"), lambda draft: put(draft, "a"))
    store, loaded = await reopened(store, open_store)
    assert [record.version for record in loaded.records] == [2]
    await store.close()
