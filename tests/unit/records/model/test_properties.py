"""Whatever is done and taken back: the table is what was kept, found in every way, counted, and loaded alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Change
from fairlead_records.model.table import Table

IDS = ("a", "b", "c", "d")
KEPT = 1_000

ids = st.sampled_from(IDS)
puts = st.tuples(ids, st.sampled_from(("job", "disk")), st.sampled_from(("alice", "bob")), ids, st.integers(0, 99))
"""Id, kind, owner, object, a number in the state."""
steps = st.lists(puts | ids, max_size=8)
"""What one request does: puts, and deletes of an id."""
requests = st.lists(st.tuples(steps, st.booleans()), max_size=12)
"""With whether it fails in the end."""

Wanted = dict[str, tuple[str, str, str, int]]


def apply(draft: Draft, wanted: Wanted, done: list[tuple[str, str, str, str, int] | str]) -> None:
    for step in done:
        if isinstance(step, str):
            if draft.get(step) is not None:
                draft.delete(step)
                del wanted[step]
        else:
            id_, kind, owner, object_id, n = step
            draft.put(id_, kind=kind, owner=owner, object_id=object_id, state={"n": n})
            wanted[id_] = (kind, owner, object_id, n)


def check(table: Table, wanted: Wanted) -> None:
    found = {r.id: (r.kind, r.owner, r.object_id, r.state["n"]) for r in table.all.values()}
    assert found == wanted
    assert list(table.ids_after("")) == sorted(wanted)
    assert table.size == sum(len(record.entry) for record in table.all.values())
    for place, of in enumerate((table.of_kind, table.of_owner, table.of_object)):
        for key in ("job", "disk", "alice", "bob", *IDS):
            assert set(of(key)) == {id_ for id_, about in wanted.items() if about[place] == key}


@given(groups=st.lists(requests, max_size=4))
def test_the_table_is_what_was_kept(
    groups: list[list[tuple[list[tuple[str, str, str, str, int] | str], bool]]],
) -> None:
    table = Table(1, KEPT)
    wanted: Wanted = {}
    history: list[Change] = []
    for group in groups:
        draft = Draft(table, 5)
        for done, fails in group:
            mark, after = draft.mark(), dict(wanted)
            apply(draft, after, done)
            if fails:
                draft.rollback(mark)
            else:
                wanted = after
        assert draft.size == sum(len(change.after.entry) for change in draft.changes if change.after is not None)
        table.adopt(draft.changes)
        history += draft.changes
        check(table, wanted)
    again = Table(1, KEPT, table.all.values(), history)
    check(again, wanted)
    assert again.revision == table.revision == len(history)
    assert [again.last_version(id_) for id_ in IDS] == [table.last_version(id_) for id_ in IDS]


@given(groups=st.lists(requests, max_size=3))
def test_a_records_versions_are_one_two_three_also_over_its_deletion(
    groups: list[list[tuple[list[tuple[str, str, str, str, int] | str], bool]]],
) -> None:
    table = Table(1, KEPT)
    versions: dict[str, list[int]] = {}
    for group in groups:
        draft = Draft(table, 5)
        for done, fails in group:
            mark = draft.mark()
            apply(draft, dict.fromkeys(IDS, ("", "", "", 0)), done)
            if fails:
                draft.rollback(mark)
        table.adopt(draft.changes)
        for change in draft.changes:
            if change.after is not None:
                versions.setdefault(change.id, []).append(change.after.version)
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
