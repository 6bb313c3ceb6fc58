"""What the records of followed rows are: ids, fields, owners, objects; and rows that cannot be records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_server.errors import CommandError
from fairlead_server.outbox import installer
from fairlead_server.outbox.mapping import Mapping
from fairlead_server.outbox.names import names_of
from support import postgres
from support.outbox import KIND, MAPPING, NAMES, Database, Fairlead, Heard, follow_once


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    made = Database(postgres.new_database())
    yield made
    made.connection.close()


@pytest.fixture
async def fairlead() -> AsyncIterator[Fairlead]:
    made = Fairlead()
    await made.start()
    yield made
    await made.stop()


def entry(fairlead: Fairlead, id_: str) -> Any:
    record = fairlead.records.ledger.table.get(id_)
    assert record is not None
    return record


async def test_without_columns_the_state_is_the_whole_row_as_json(database: Database, fairlead: Fairlead) -> None:
    await database.install()
    database.add("a", environment='{"K": ["v", 1.5, null]}', progress=0.25, priority=2**53)
    await follow_once(database, fairlead)
    state = entry(fairlead, "a").state
    assert state["environment"] == {"K": ["v", 1.5, None]}
    assert (state["progress"], state["priority"], state["exit_code"]) == (0.25, 2**53, None)
    assert set(state) == {name for (name,) in database.execute(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = 'containers'::regclass AND attnum > 0"
    )}  # fmt: skip


async def test_fields_owner_object_and_a_prefix(database: Database, fairlead: Fairlead) -> None:
    """A key that is a number makes ids with a prefix."""
    await installer.install(database.url, NAMES, "id", notifies=True)
    database.add("a", owner_uuid="zzzzz-tpzed-000000000000001", state="Locked", locked_by_uuid="d1")
    database.add("b")
    columns = {"state": "state", "by": "locked_by_uuid"}
    mapping = Mapping("job", "job-", owner="ops", owner_column="owner_uuid", object="queue", columns=columns)
    await follow_once(database, fairlead, mapping)
    first, second = entry(fairlead, "job-1"), entry(fairlead, "job-2")
    assert (first.kind, first.owner, first.object_id) == ("job", "zzzzz-tpzed-000000000000001", "queue")
    assert first.state == {"state": "Locked", "by": "d1"}
    assert second.owner == "ops"
    database.execute("DELETE FROM containers WHERE uuid = 'a'")
    await follow_once(database, fairlead, mapping)
    assert fairlead.records.ledger.table.get("job-1") is None


async def test_tables_and_columns_with_odd_names_are_followed(database: Database, fairlead: Fairlead) -> None:
    names = names_of('My "odd" %s.T \'{x}', "odd")
    database.execute('CREATE SCHEMA "My ""odd"" %s"')
    database.execute(f'CREATE TABLE {names.source} ("K %s" uuid PRIMARY KEY, "v {{}}" json)')
    await installer.install(database.url, names, None, notifies=True)
    key = "00000000-0000-0000-0000-000000000001"
    database.execute(f"INSERT INTO {names.source} VALUES ('{key}', '1')")
    mapping = Mapping("odd", columns={"f %s": "v {}"})
    await follow_once(database, fairlead, mapping, names)
    database.execute(f"UPDATE {names.source} SET \"v {{}}\" = '2'")
    await follow_once(database, fairlead, mapping, names)
    assert entry(fairlead, key).state == {"f %s": 2}


async def test_a_user_of_the_database_with_the_documented_rights_can_follow(
    database: Database, fairlead: Fairlead
) -> None:
    await database.install()
    database.add("a")
    role = f"follower_of_{database.execute('SELECT current_database()')[0][0]}"
    database.execute(f"CREATE ROLE {role} LOGIN")
    database.execute(f"GRANT SELECT ON containers TO {role}")
    database.execute(f"GRANT SELECT, DELETE ON fairlead_outbox_containers TO {role}")
    database.execute(f"GRANT SELECT, UPDATE ON fairlead_outboxes TO {role}")
    url, database.url = database.url, database.url.replace("//fairlead@", f"//{role}@")
    await follow_once(database, fairlead)
    database.execute("DELETE FROM containers")
    await follow_once(database, fairlead)
    await follow_once(database, fairlead)
    assert (fairlead.states(), database.waiting) == ({}, 0)
    database.url = url
    database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_row_that_cannot_be_a_record_ends_the_follower_before_it(
    database: Database, fairlead: Fairlead
) -> None:
    await database.install()
    await follow_once(database, fairlead)
    database.add("good", "no id", "good2")
    with pytest.raises(CommandError, match=r"'no id'"):
        await follow_once(database, fairlead, heard=Heard(skips=False))
    assert fairlead.states() == {}
    await follow_once(database, fairlead)
    assert set(fairlead.states()) == {"good", "good2"}


@pytest.mark.parametrize("size", [70_000, 600_000, 2_000_000])
async def test_a_row_that_is_too_large_is_named_and_can_be_left_out(
    database: Database, fairlead: Fairlead, size: int
) -> None:
    await database.install()
    database.add("large", command="x" * size)
    database.add("small")
    heard = Heard()
    await follow_once(database, fairlead, heard=heard)
    assert heard.refused == ["large"]
    assert set(fairlead.states()) == {"small"}
    narrow = Mapping(KIND, columns={"state": "state", "priority": "priority"})
    await follow_once(database, fairlead, narrow, copies_anew=True)
    assert set(fairlead.states()) == {"large", "small"}


async def test_a_number_that_no_record_can_have_is_named_and_can_be_left_out(
    database: Database, fairlead: Fairlead
) -> None:
    database.execute("ALTER TABLE containers ADD cost numeric")
    await database.install()
    database.add("huge", cost="1e400")
    database.add("large", cost="1e30")
    database.add("small", cost="0.5")
    heard = Heard()
    await follow_once(database, fairlead, heard=heard)
    assert sorted(heard.refused) == ["huge", "large"]
    assert entry(fairlead, "small").state["cost"] == 0.5


async def test_many_large_rows_are_cut_into_batches_that_a_message_takes(
    database: Database, fairlead: Fairlead
) -> None:
    await database.install()
    for number in range(30):
        database.add(f"c{number}", command=f"{number:x}" * 25_000)
    await follow_once(database, fairlead)
    assert len(fairlead.states()) == 30
    database.execute("UPDATE containers SET priority = 1")
    await follow_once(database, fairlead)
    assert fairlead.states() == database.states()


async def test_records_of_the_kind_that_no_row_makes_go_with_a_copy(database: Database, fairlead: Fairlead) -> None:
    await database.install()
    database.add("a")
    await fairlead.call("put", "stale", {"state": "x", "priority": 0}, kind=KIND)
    await fairlead.call("put", "other", {}, kind="other")
    await follow_once(database, fairlead)
    assert set(fairlead.states()) == {"a"}
    assert fairlead.records.ledger.table.get("other") is not None


async def test_a_copy_that_was_interrupted_goes_on_where_it_was(database: Database, fairlead: Fairlead) -> None:
    await database.install()
    database.execute("INSERT INTO containers (uuid) SELECT 'c' || n FROM generate_series(1, 2500) n")
    groups: list[int] = []
    fairlead.records.ledger.listen(lambda changes: groups.append(len(changes)))

    class Interrupting(Heard):
        def copied(self, rows: int, estimate: int | None) -> None:
            if rows > 1500:
                raise KeyError(rows)

    with pytest.raises(KeyError):
        await follow_once(database, fairlead, heard=Interrupting())
    database.execute("DELETE FROM containers WHERE uuid = 'c1'")
    before = sum(groups)
    said = await follow_once(database, fairlead)
    assert len(said) == 1
    assert said[0].startswith("copied 2500 rows of "), "the one that is gone was among them"
    assert sum(groups) - before < 2500
    assert fairlead.states() == database.states()


async def test_a_kind_belongs_to_one_table(database: Database, fairlead: Fairlead) -> None:
    await database.install()
    database.execute("CREATE TABLE nodes (uuid text PRIMARY KEY)")
    await follow_once(database, fairlead)
    other = names_of("nodes", None)
    await installer.install(database.url, other, None, notifies=True)
    with pytest.raises(CommandError, match="give each table a --kind of its own"):
        await follow_once(database, fairlead, MAPPING, other)


@pytest.mark.parametrize("change", [{"done": "x"}, {"now": "1:2"}, {"after": [1]}, {"source": None}])
async def test_a_cursor_that_somebody_has_spoilt_is_named(
    database: Database, fairlead: Fairlead, change: dict[str, Any]
) -> None:
    await database.install()
    await follow_once(database, fairlead)
    await fairlead.call("patch", f"outbox-{KIND}", change)
    with pytest.raises(CommandError, match=f"record 'outbox-{KIND}' is no cursor of ours"):
        await follow_once(database, fairlead)


async def test_a_reserved_kind_is_refused(database: Database, fairlead: Fairlead) -> None:
    await database.install()
    database.add("a")
    with pytest.raises(CommandError, match=r"fairlead\.error\.reserved_kind"):
        await follow_once(database, fairlead, Mapping("container"), heard=Heard(skips=False))
