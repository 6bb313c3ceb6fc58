"""The table finds records by what they are, and remembers the latest changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fairlead_records.model.draft import Draft
from fairlead_records.model.table import CHANGE_LIMIT_BYTES, Table
from unit.records.fakes import new_table, put


def adopt(table: Table, *steps: Callable[[Draft], object]) -> None:
    draft = Draft(table, 5)
    for step in steps:
        step(draft)
    table.adopt(draft.changes)


def test_a_record_is_found_by_kind_owner_and_object() -> None:
    table = new_table()
    adopt(table, lambda draft: put(draft, "a"), lambda draft: put(draft, "b", kind="disk", owner="bob"))
    assert list(table.of_kind("disk")) == list(table.of_owner("bob")) == list(table.of_object("b")) == ["b"]
    assert list(table.of_kind("job")) == ["a"]
    assert len(table) == 2


def test_an_object_has_its_own_record_and_those_of_others() -> None:
    table = new_table()
    adopt(table, lambda draft: put(draft, "a"), lambda draft: put(draft, "b"))
    adopt(table, lambda draft: draft.put("b", kind="job", owner="alice", object_id="a", state={}))
    assert list(table.of_object("a")) == ["a", "b"]
    assert list(table.of_object("b")) == []
    adopt(table, lambda draft: put(draft, "b"), lambda draft: draft.delete("a"))
    assert (list(table.of_object("a")), list(table.of_object("b"))) == ([], ["b"])


def test_a_record_that_moves_is_found_at_its_new_place_only() -> None:
    table = new_table()
    adopt(table, lambda draft: put(draft, "a"))
    adopt(table, lambda draft: put(draft, "a", owner="bob"))
    assert (list(table.of_owner("alice")), list(table.of_owner("bob"))) == ([], ["a"])
    adopt(table, lambda draft: draft.delete("a"))
    assert (table.get("a"), list(table.of_owner("bob")), list(table.of_kind("job"))) == (None, [], [])


def test_a_change_keeps_the_order_of_coming() -> None:
    table = new_table()
    adopt(table, lambda draft: put(draft, "a"), lambda draft: put(draft, "b"), lambda draft: put(draft, "a"))
    assert list(table.of_kind("job")) == ["a", "b"]


def test_the_latest_changes_are_remembered() -> None:
    table = new_table(kept_changes=2)
    for number in range(4):
        adopt(table, lambda draft, number=number: put(draft, f"r{number}"))  # type: ignore[misc]
    assert (table.revision, table.oldest) == (4, 2)
    assert [change.id for change in table.changes_since(2)] == ["r2", "r3"]
    assert table.changes_since(4) == []


def test_a_new_record_goes_on_above_a_deleted_one_that_is_remembered() -> None:
    table = new_table(kept_changes=3)
    adopt(table, lambda draft: put(draft, "a"), lambda draft: put(draft, "a"), lambda draft: draft.delete("a"))
    assert table.last_version("a") == 2
    for number in range(3):
        adopt(table, lambda draft, number=number: put(draft, f"r{number}"))  # type: ignore[misc]
    assert table.last_version("a") == 0


def test_a_table_is_made_anew_of_its_records_and_history() -> None:
    table = new_table()
    adopt(table, lambda draft: put(draft, "a"), lambda draft: put(draft, "b"), lambda draft: draft.delete("b"))
    again = Table(1, 1_000, table.all.values(), table.changes_since(0))
    assert (again.revision, again.oldest, again.last_version("b")) == (3, 0, 1)


def test_ids_are_in_order_from_anywhere() -> None:
    table = new_table()
    adopt(table, *[partial(put, id_=id_) for id_ in "cab"])
    adopt(table, lambda draft: draft.delete("b"), lambda draft: put(draft, "d"), lambda draft: put(draft, "a"))
    assert list(table.ids_after("")) == ["a", "c", "d"]
    assert list(table.ids_after("a")) == list(table.ids_after("b")) == ["c", "d"]
    again = Table(1, 10, table.all.values())
    assert list(again.ids_after("a")) == ["c", "d"]


def test_the_size_is_that_of_what_is_there() -> None:
    table = new_table()
    adopt(table, lambda draft: put(draft, "a", {"text": "x" * 100}), lambda draft: put(draft, "b"))
    adopt(table, lambda draft: put(draft, "a"))
    adopt(table, lambda draft: draft.delete("b"))
    assert table.size == sum(len(record.entry) for record in table.all.values()) > 0


def test_of_large_states_fewer_changes_are_remembered() -> None:
    table = Table(1, 100)
    for number in range(20):
        adopt(table, lambda draft, number=number: put(draft, "a", {"n": number, "text": "x" * 60_000}))  # type: ignore[misc]
    assert table.kept_changes == 100 * CHANGE_LIMIT_BYTES // 60_200
    assert table.oldest == 20 - table.kept_changes
    assert [change.revision for change in table.changes_since(table.oldest)] == list(range(table.oldest + 1, 21))
