"""The table finds records by what they are, and remembers the latest changes."""

from __future__ import annotations

from collections.abc import Callable

from fairlead_records.model.draft import Draft
from fairlead_records.model.table import Table
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
