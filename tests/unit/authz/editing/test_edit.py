"""What working out one list may cost, and that what is added meanwhile counts without walking anew."""

from __future__ import annotations

import pytest

from fairlead_authz.changes import Grant, Put, Revoke
from fairlead_authz.editing import edit as module
from fairlead_router import LimitExceeded, NotAuthorized
from unit.authz.editing.desk import Desk


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """Nodes that may be walked over for a list."""
    monkeypatch.setattr(module, "MAX_WALKED", 100)
    return 100


def test_a_list_that_has_everything_walked_again_and_again_is_refused(desk: Desk, limit: int) -> None:
    roles = [f"crew{number}" for number in range(limit)]
    desk.make(*(Put("role", role) for role in roles), by="bob")
    revokes = [Revoke("bob", "manage", role) for role in roles]
    desk.refuse(LimitExceeded, "walked_per_list", *revokes, by="bob")
    desk.make(revokes[0], by="bob")
    desk.make(*revokes[1:])


def test_what_is_made_at_the_end_of_a_walk_costs_none(desk: Desk, limit: int) -> None:
    desk.make(Put("project", "q0"), by="bob")
    inside = [Put("project", f"q{number}", f"q{number // 2}") for number in range(1, limit)]
    desk.make(*inside, *(Put("role", f"crew{number}") for number in range(limit)), by="bob")
    assert desk.can("bob", "manage", f"q{limit - 1}")


def test_what_is_taken_or_given_in_a_list_counts_for_the_changes_behind_it(desk: Desk) -> None:
    desk.make(Put("project", "q"), Put("role", "crew"), Grant("crew", "write", "q"), by="bob")
    desk.make(Grant("crew", "manage", "p"), Grant("ann", "manage", "crew"), by="admin")
    desk.refuse(
        NotAuthorized,
        "'ann' may not write 'q'",
        Put("object", "y", "q"),
        Revoke("ann", "read", "crew"),
        Put("object", "z", "q"),
        by="ann",
    )
    desk.make(Put("object", "y", "q"), Put("project", "inner", "q"), Put("object", "z", "inner"), by="ann")


def test_projects_do_not_lie_in_one_another_without_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message that rests on something asks all projects around it."""
    monkeypatch.setattr(module, "MAX_DEPTH", 3)
    desk.make(Put("project", "a", "bob"), Put("project", "b", "a"), Put("project", "c", "b"))
    desk.refuse(LimitExceeded, "project_depth", Put("project", "d", "c"), by="bob")
    desk.make(Put("project", "top", "bob"), Put("object", "thing", "b"), by="bob")
    desk.refuse(LimitExceeded, "project_depth", Put("project", "a", "top"), by="bob")
    desk.make(Put("project", "b", "top"), by="bob")
