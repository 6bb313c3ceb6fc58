"""A PostgreSQL table followed into records: nothing is lost, nothing is told twice, or without being committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from fairlead_records.model.record import Change
from fairlead_server.errors import CommandError
from support import postgres
from support.outbox import KIND, NAMES, Database, Fairlead, follow_once, following
from support.proxy import Proxy
from support.waiting import eventually


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    made = Database(postgres.new_database())
    assert await made.install()
    yield made
    made.connection.close()


@pytest.fixture
async def fairlead() -> AsyncIterator[Fairlead]:
    made = Fairlead()
    await made.start()
    yield made
    await made.stop()


def kind_of(change: Change) -> str:
    record = change.after or change.before
    assert record is not None
    return record.kind


async def test_rows_that_are_there_are_copied_and_changes_follow(database: Database, fairlead: Fairlead) -> None:
    database.add("a", "b", priority=1)
    async with following(database, fairlead):
        await eventually(lambda: fairlead.states() == {"a": ("Queued", 1), "b": ("Queued", 1)})
        database.add("c", priority=5)
        database.execute("UPDATE containers SET state = 'Locked', locked_by_uuid = 'd1' WHERE uuid = 'a'")
        database.execute("DELETE FROM containers WHERE uuid = 'b'")
        await eventually(lambda: fairlead.states() == {"a": ("Locked", 1), "c": ("Queued", 5)})


async def test_a_cursor_of_numbers_loses_what_commits_late_and_ours_does_not(
    database: Database, fairlead: Fairlead
) -> None:
    """Why the cursor is a snapshot: numbers are given when a row is written, and rows appear when they commit."""
    rows = f"SELECT id, key FROM {NAMES.rows} ORDER BY id"
    async with following(database, fairlead):
        with database.transaction() as slow:
            slow.execute("INSERT INTO containers (uuid) VALUES ('slow')")
            database.add("quick")
            seen = database.execute(rows)
            last = max(id_ for id_, _ in seen)
            await eventually(lambda: set(fairlead.states()) == {"quick"})
            assert [key for _, key in seen] == ["quick"]
        naive = [key for id_, key in database.execute(rows) if id_ > last]
        assert naive == [], "its number is below the last one that was seen"
        await eventually(lambda: set(fairlead.states()) == {"quick", "slow"})


async def test_a_transaction_that_stays_open_holds_up_nobody(database: Database, fairlead: Fairlead) -> None:
    async with following(database, fairlead):
        with database.transaction() as slow:
            slow.execute("UPDATE containers SET priority = 1")
            slow.execute("INSERT INTO containers (uuid) VALUES ('slow')")
            database.add("a", "b", "c")
            await eventually(lambda: set(fairlead.states()) == {"a", "b", "c"})
            slow.rollback()
        database.add("d")
        await eventually(lambda: set(fairlead.states()) == {"a", "b", "c", "d"})


async def test_priorities_of_thousands_in_one_update_all_arrive(database: Database, fairlead: Fairlead) -> None:
    database.execute("INSERT INTO containers (uuid) SELECT 'c' || n FROM generate_series(1, 3000) n")
    async with following(database, fairlead):
        await eventually(lambda: len(fairlead.states()) == 3000, timeout_s=20)
        fairlead.changes.clear()
        database.execute("UPDATE containers SET priority = 7")
        await eventually(lambda: set(fairlead.states().values()) == {("Queued", 7)}, timeout_s=20)
        changed = [change.after.id for change in fairlead.changes if change.after.kind == KIND]
        assert len(changed) == len(set(changed)) == 3000


async def test_a_transaction_that_fits_into_a_batch_arrives_at_once(database: Database, fairlead: Fairlead) -> None:
    database.execute("INSERT INTO containers (uuid) SELECT 'c' || n FROM generate_series(1, 500) n")
    async with following(database, fairlead) as (_, heard):
        await eventually(lambda: heard.is_copied)
        sizes: list[int] = []
        fairlead.records.ledger.listen(lambda changes: sizes.append(len(changes)))
        database.execute("UPDATE containers SET priority = 7")
        await eventually(lambda: bool(sizes))
        assert sizes[0] == 501, "the rows and the cursor"


async def test_what_is_rolled_back_is_never_told(database: Database, fairlead: Fairlead) -> None:
    async with following(database, fairlead):
        database.add("a")
        with database.transaction() as undone:
            undone.execute("UPDATE containers SET state = 'Cancelled'")
            undone.execute("INSERT INTO containers (uuid) VALUES ('never')")
            undone.execute("SAVEPOINT s")
            undone.execute("INSERT INTO containers (uuid) VALUES ('neither')")
            undone.execute("ROLLBACK TO s")
            undone.rollback()
        with database.transaction() as partly:
            partly.execute("INSERT INTO containers (uuid) VALUES ('b')")
            partly.execute("SAVEPOINT s")
            partly.execute("UPDATE containers SET state = 'Cancelled'")
            partly.execute("ROLLBACK TO s")
        await eventually(lambda: set(fairlead.states()) == {"a", "b"})
        assert all(change.after.state["state"] == "Queued" for change in fairlead.changes if change.after.kind == KIND)


async def test_an_update_that_changes_nothing_tells_nothing(database: Database, fairlead: Fairlead) -> None:
    database.add("a", priority=1)
    async with following(database, fairlead) as (_, heard):
        await eventually(lambda: heard.is_copied)  # what comes while it is copied is told again behind the copy
        fairlead.changes.clear()
        database.execute("UPDATE containers SET priority = 1")
        database.execute("UPDATE containers SET priority = 2 WHERE uuid = 'b'")
        database.add("c")
        await eventually(lambda: set(fairlead.states()) == {"a", "c"})
        assert [change.id for change in fairlead.changes if change.after.kind == KIND] == ["c"]


async def test_a_key_that_changes_is_another_record(database: Database, fairlead: Fairlead) -> None:
    database.add("a", "b")
    async with following(database, fairlead):
        await eventually(lambda: set(fairlead.states()) == {"a", "b"})
        database.execute("UPDATE containers SET uuid = uuid || 'x'")
        await eventually(lambda: set(fairlead.states()) == {"ax", "bx"})


async def test_a_row_that_came_and_went_between_two_looks_is_no_error(database: Database, fairlead: Fairlead) -> None:
    await follow_once(database, fairlead)
    with database.transaction() as both:
        both.execute("INSERT INTO containers (uuid) VALUES ('a')")
        both.execute("DELETE FROM containers")
    database.add("b")
    assert await follow_once(database, fairlead) == []
    assert set(fairlead.states()) == {"b"}


async def test_it_goes_on_where_it_was_and_tells_nothing_twice(database: Database, fairlead: Fairlead) -> None:
    database.add("a")
    said = await follow_once(database, fairlead)
    assert said[0].endswith(".public.containers: nothing of it was followed before")
    database.add("b")
    database.execute("UPDATE containers SET priority = 3 WHERE uuid = 'a'")
    fairlead.changes.clear()
    assert await follow_once(database, fairlead) == []
    assert await follow_once(database, fairlead) == []
    assert sorted(change.id for change in fairlead.changes if change.after.kind == KIND) == ["a", "b"]
    assert fairlead.states() == database.states()


async def test_a_server_that_goes_away_is_waited_for(database: Database, fairlead: Fairlead) -> None:
    async with following(database, fairlead) as (task, _):
        database.add("a")
        await eventually(lambda: set(fairlead.states()) == {"a"})
        await fairlead.stop()
        database.add("b")
        await fairlead.start()
        await eventually(lambda: set(fairlead.states()) == {"a", "b"}, timeout_s=10)
        assert not task.done()


async def test_a_batch_whose_answer_is_lost_is_not_made_again(database: Database, fairlead: Fairlead) -> None:
    async with Proxy(fairlead.port) as network:
        fairlead.url = f"ws://127.0.0.1:{network.port}/ws"
        async with following(database, fairlead) as (task, heard):
            await eventually(lambda: heard.is_copied)
            lost: list[str] = []

            def lose(changes: Sequence[Change]) -> None:
                if not lost:
                    network.reset()
                    lost.extend(change.id for change in changes)

            fairlead.records.ledger.listen(lose)
            database.add("a")
            await eventually(lambda: "a" in lost)
            database.add("b")
            await eventually(lambda: set(fairlead.states()) == {"a", "b"})
            assert not task.done()
    assert [change.id for change in fairlead.changes if kind_of(change) == KIND] == ["a", "b"]


async def test_a_database_that_goes_away_is_waited_for(database: Database, fairlead: Fairlead) -> None:
    async with following(database, fairlead) as (task, heard):
        database.add("a")
        await eventually(lambda: heard.is_copied and set(fairlead.states()) == {"a"})
        postgres.lose_connections(database.url)
        with database.transaction() as again:
            again.execute("INSERT INTO containers (uuid) VALUES ('b')")
        await eventually(lambda: set(fairlead.states()) == {"a", "b"}, timeout_s=10)
        await eventually(lambda: heard.texts[-1] == "the database is back")
        assert heard.texts[-2].startswith("the database is away: ")
        assert not task.done()


async def test_while_the_server_is_away_the_database_is_listened_to(
    database: Database, fairlead: Fairlead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notifications that nobody takes would fill the database's queue, at whose end its writers fail."""
    monkeypatch.setattr("fairlead_server.outbox.follower.TRIM_S", 0.05)
    async with following(database, fairlead) as (_, heard):
        await eventually(lambda: heard.is_copied)
        await fairlead.stop()
        database.add("a")
        postgres.lose_connections(database.url)
        await eventually(lambda: heard.texts[-1].startswith("the database is away: "))
        await fairlead.start()
        await eventually(lambda: set(fairlead.states()) == {"a"}, timeout_s=10)


async def test_the_cursor_and_the_rows_are_one_batch(database: Database, fairlead: Fairlead) -> None:
    """Whoever has the records of a moment has the cursor of that moment."""
    groups: list[set[str]] = []
    fairlead.records.ledger.listen(lambda changes: groups.append({kind_of(change) for change in changes}))
    async with following(database, fairlead):
        database.add("a")
        await eventually(lambda: set(fairlead.states()) == {"a"})
    assert groups
    assert all("outbox_cursor" in kinds for kinds in groups)


async def test_of_two_followers_the_second_says_that_there_is_one(
    database: Database, fairlead: Fairlead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead_server.outbox.source.LOCK_WAIT_S", 0.1)
    database.add("a")
    async with following(database, fairlead) as (first, _):
        await eventually(lambda: set(fairlead.states()) == {"a"})
        with pytest.raises(CommandError, match="another follower reads outbox 'containers' already"):
            await follow_once(database, fairlead)
        assert not first.done()


async def test_a_follower_whose_cursor_was_moved_ends_and_has_written_nothing(
    database: Database, fairlead: Fairlead
) -> None:
    """The lock in the database is lost with its connection; that only one writes is decided by the cursor."""
    async with following(database, fairlead) as (first, heard):
        await eventually(lambda: heard.is_copied)
        record = fairlead.records.ledger.table.get(f"outbox-{KIND}")
        assert record is not None
        stolen = {**record.state, "follower": "somebody else"}
        await fairlead.call("put", record.id, stolen)
        database.add("a")
        with pytest.raises(CommandError, match="another follower has moved the cursor"):
            await asyncio.wait_for(asyncio.shield(first), 5)
    assert fairlead.states() == {}


async def test_a_truncated_table_is_copied_anew(database: Database, fairlead: Fairlead) -> None:
    database.add("a", "b")
    async with following(database, fairlead) as (_, heard):
        await eventually(lambda: set(fairlead.states()) == {"a", "b"})
        with database.transaction() as both:
            both.execute("TRUNCATE containers")
            both.execute("INSERT INTO containers (uuid) VALUES ('b'), ('c')")
        await eventually(lambda: set(fairlead.states()) == {"b", "c"})
        assert any("it was truncated" in text for text in heard.texts)


async def test_a_replaced_table_ends_the_follower_until_there_are_triggers(
    database: Database, fairlead: Fairlead
) -> None:
    database.add("a", "b")
    await follow_once(database, fairlead)
    database.execute("ALTER TABLE containers RENAME TO old")
    database.execute("CREATE TABLE containers (LIKE old INCLUDING ALL)")
    database.add("c", id=1)
    with pytest.raises(CommandError, match=r"changes were missed: `fairlead outbox install` makes it anew"):
        await follow_once(database, fairlead)
    assert await database.install()
    said = await follow_once(database, fairlead)
    assert "is another one, or was restored" in said[0]
    assert set(fairlead.states()) == {"c"}


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE containers DISABLE TRIGGER USER", "DROP TRIGGER fairlead_outbox_containers_update ON containers"],
)
async def test_a_trigger_that_is_missing_is_no_silence(database: Database, fairlead: Fairlead, statement: str) -> None:
    await follow_once(database, fairlead)
    database.execute(statement)
    with pytest.raises(CommandError, match="changes were missed"):
        await follow_once(database, fairlead)


async def test_a_restored_database_is_copied_anew(database: Database, fairlead: Fairlead) -> None:
    """Of which the cursor has seen more than it has: its transactions' numbers begin lower."""
    database.add("a", "b")
    await follow_once(database, fairlead)
    record = fairlead.records.ledger.table.get(f"outbox-{KIND}")
    assert record is not None
    await fairlead.call("put", record.id, {**record.state, "done": "900000000:900000000:"})
    database.execute("DELETE FROM containers WHERE uuid = 'a'")
    said = await follow_once(database, fairlead)
    assert "the database is behind what was followed already" in said[0]
    assert set(fairlead.states()) == {"b"}


async def test_restored_records_are_copied_anew_when_their_changes_are_gone(
    database: Database, fairlead: Fairlead
) -> None:
    database.add("a")
    await follow_once(database, fairlead)
    kept = fairlead.records.ledger.table.get(f"outbox-{KIND}")
    assert kept is not None
    database.execute("UPDATE containers SET priority = 9")
    await follow_once(database, fairlead)
    await follow_once(database, fairlead)  # removes what the one before has told
    assert database.waiting == 0
    await fairlead.call("put", kept.id, kept.state)
    await fairlead.call("patch", "a", {"priority": 0})
    said = await follow_once(database, fairlead)
    assert "changes that the cursor has not seen are gone from the outbox" in said[0]
    assert fairlead.states() == database.states()


async def test_wiped_records_are_copied_anew(database: Database, fairlead: Fairlead) -> None:
    database.add("a")
    await follow_once(database, fairlead)
    await fairlead.stop()
    fairlead.store = type(fairlead.store)()
    await fairlead.start()
    await follow_once(database, fairlead)
    assert set(fairlead.states()) == {"a"}


async def test_consumed_rows_are_removed_and_others_are_not(database: Database, fairlead: Fairlead) -> None:
    await follow_once(database, fairlead)
    database.add("a")
    with database.transaction() as slow:
        slow.execute("INSERT INTO containers (uuid) VALUES ('slow')")
        database.add("b")
        await follow_once(database, fairlead)
        await follow_once(database, fairlead)
        assert database.waiting == 0
    assert database.waiting == 1
    await follow_once(database, fairlead)
    assert fairlead.states() == database.states()


async def test_without_notifications_it_looks_by_itself(fairlead: Fairlead) -> None:
    database = Database(postgres.new_database())
    assert await database.install(notifies=False)
    async with following(database, fairlead):
        database.add("a")
        await eventually(lambda: set(fairlead.states()) == {"a"})
        database.add("b")
        await eventually(lambda: set(fairlead.states()) == {"a", "b"})
    database.connection.close()
