"""A draft sees what was done to it, changes nothing, and takes back what a failed request did."""

from __future__ import annotations

import pytest

from fairlead_records.errors import NoSuchRecord
from fairlead_records.model.draft import Draft
from unit.records.fakes import new_table, put


def test_a_draft_sees_its_changes_and_the_table_does_not() -> None:
    table = new_table()
    draft = Draft(table, 5)
    put(draft, "a", {"n": 1})
    second = put(draft, "a", {"n": 2})
    assert (second.version, second.created_us, second.changed_us) == (2, 5, 5)
    assert draft.get("a") is second
    assert table.get("a") is None
    assert [change.revision for change in draft.changes] == [1, 2]


def test_what_is_deleted_is_gone_and_its_versions_go_on() -> None:
    draft = Draft(new_table(), 5)
    put(draft, "a")
    assert draft.delete("a").version == 1
    assert draft.get("a") is None
    with pytest.raises(NoSuchRecord, match="there is no record 'a'"):
        draft.delete("a")
    assert put(draft, "a").version == 2


def test_a_rollback_takes_back_what_came_since_the_mark() -> None:
    draft = Draft(new_table(), 5)
    first = put(draft, "a", {"n": 1})
    mark = draft.mark()
    put(draft, "a", {"n": 2})
    put(draft, "b")
    draft.delete("a")
    draft.rollback(mark)
    assert draft.get("a") is first
    assert draft.get("b") is None
    assert len(draft.changes) == 1
    assert put(draft, "a").version == 2


def test_a_version_that_was_given_before_the_mark_is_not_given_again() -> None:
    draft = Draft(new_table(), 5)
    put(draft, "a")
    draft.delete("a")
    mark = draft.mark()
    put(draft, "a")
    draft.rollback(mark)
    assert put(draft, "a").version == 2
