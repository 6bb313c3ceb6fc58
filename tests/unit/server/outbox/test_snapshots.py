"""Snapshots of PostgreSQL, and what a cursor made of them has seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_server.outbox.snapshots import Cursor, Row, Snapshot

HERE = Cursor("db.public.t", "1-1-epoch", "10:20:")


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    next_ = draw(st.integers(1, 12))
    return Snapshot(next_, frozenset(draw(st.sets(st.integers(1, next_), max_size=4))) - {next_})


def test_a_snapshot_sees_what_had_ended() -> None:
    snapshot = Snapshot.parse("10:14:10,12")
    assert [xid for xid in range(8, 16) if snapshot.sees(xid)] == [8, 9, 11, 13]
    assert Snapshot.parse("7:7:") == (7, frozenset())


@given(snapshots(), snapshots())
def test_one_covers_another_when_it_sees_all_that_the_other_sees(one: Snapshot, other: Snapshot) -> None:
    sees_all = all(one.sees(xid) for xid in range(20) if other.sees(xid))
    assert one.covers(other) == sees_all or (sees_all and other.next > one.next)


def test_a_whole_page_moves_the_cursor_to_its_snapshot_and_a_part_to_its_last_row() -> None:
    part = HERE.took("20:30:", Row(25, 7, "a", "insert"))
    assert (part.done, part.now, part.after) == ("10:20:", "20:30:", (25, 7))
    whole = part.took("20:30:", None)
    assert (whole.done, whole.now, whole.after) == ("20:30:", None, None)


@pytest.mark.parametrize(
    ("now", "consumed", "why"),
    [
        (HERE, None, None),
        (Cursor("db.public.t", "1-1-epoch", "30:40:"), "10:20:", None),
        (HERE, "9:15:9", None),
        (HERE, "10:21:", "changes that the cursor has not seen are gone from the outbox"),
        (Cursor("db.public.t", "1-2-epoch", "10:20:"), None, "is another one, or was restored"),
        (Cursor("db.public.t", "1-1-other", "10:20:"), None, "is another one, or was restored"),
        (Cursor("db.public.t", "1-1-epoch", "10:19:"), None, "the database is behind what was followed already"),
    ],
)
def test_a_cursor_counts_only_where_it_has_seen_what_is_gone(
    now: Cursor, consumed: str | None, why: str | None
) -> None:
    found = HERE.why_copy(now, consumed)
    assert found is None if why is None else found is not None and why in found
