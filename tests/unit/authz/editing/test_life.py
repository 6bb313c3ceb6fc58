"""Trash and frost: who may, whom they reach, and what comes back."""

from __future__ import annotations

import pytest

from fairlead_authz.changes import Change, Freeze, Grant, Put, Trash, Unfreeze, Untrash
from fairlead_authz.errors import Conflict
from fairlead_router import NotAuthorized
from unit.authz.editing.desk import NOW_US, Desk


def test_what_is_trashed_is_hidden_with_what_it_owns_until_it_is_taken_out(desk: Desk) -> None:
    desk.make(Trash("p"), by="ann")
    assert desk.node("p").trash_at_us == NOW_US
    assert not any(desk.can(user, "read", node_id) for user in ("ann", "admin") for node_id in ("p", "x"))
    desk.make(Untrash("p"), by="ann")
    assert desk.can("ann", "read", "x")


def test_a_time_to_come_is_kept_and_what_is_in_the_trash_stays_since_when_it_was(desk: Desk) -> None:
    desk.make(Trash("x", at_us=NOW_US + 1))
    assert desk.can("ann", "read", "x")
    desk.make(Trash("x"))
    assert desk.node("x").trash_at_us == NOW_US
    desk.make(Trash("x", at_us=7), Trash("x"))
    assert desk.node("x").trash_at_us == 7


def test_to_trash_and_untrash_needs_what_a_change_needs(desk: Desk) -> None:
    desk.make(Grant("bob", "read", "x"), Grant("bob", "write", "staff"))
    for change in (Trash("x"), Untrash("x")):
        desk.refuse(NotAuthorized, "'bob' may not write 'x'", change, by="bob")
    desk.refuse(NotAuthorized, "'bob' may not manage 'staff'", Trash("staff"), by="bob")
    desk.make(Freeze("p"))
    desk.refuse(NotAuthorized, "nobody may write 'x': project 'p' is frozen", Trash("x"))


def test_a_trashed_role_loses_for_good_what_it_was_granted(desk: Desk) -> None:
    desk.make(Grant("bob", "read", "staff"), Grant("staff", "read", "x"))
    desk.make(Trash("staff"))
    assert not desk.can("bob", "read", "x")
    desk.make(Untrash("staff"))
    assert not desk.can("bob", "read", "x")
    assert desk.graph.links_to("staff")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Trash("bob"), "user 'bob' cannot be trashed: deactivate it instead"),
        (Trash("c"), "container 'c' cannot be trashed: it goes with its requests"),
        (Trash("row"), "log 'row' cannot be trashed: it goes with what it is about"),
        (Trash("all-users"), "role 'all-users' belongs to every store and cannot be trashed"),
        (Trash("staff", at_us=NOW_US + 1), "role 'staff' can be trashed at once only, not at 1001"),
        (Freeze("x"), "'x' is an object; only a project can be frozen"),
        (Unfreeze("staff"), "'staff' is a role; only a project can be frozen"),
    ],
)
def test_not_everything_is_trashed_or_frozen(desk: Desk, change: Change, text: str) -> None:
    desk.make(Put("container", "c"), Put("log", "row", about="x"))
    desk.refuse(Conflict, text, change)


def test_frost_reaches_what_is_inside_and_takes_no_reading(desk: Desk) -> None:
    desk.make(Put("project", "inner", "p"), Put("object", "y", "inner"), Freeze("p"), by="ann")
    assert desk.node("p").frozen_by == "ann"
    assert not any(desk.can(user, "write", "y") for user in ("ann", "admin"))
    assert desk.can("ann", "read", "y")
    desk.make(Unfreeze("p"), by="ann")
    assert desk.can("ann", "write", "y")


def test_to_freeze_and_to_unfreeze_needs_manage_and_that_nothing_around_is_frozen(desk: Desk) -> None:
    desk.make(Put("project", "inner", "p"), Grant("bob", "write", "p"), Freeze("inner"))
    for change in (Freeze("p"), Unfreeze("inner")):
        desk.refuse(NotAuthorized, "'bob' may not manage", change, by="bob")
    desk.make(Freeze("p"))
    for change in (Freeze("inner"), Unfreeze("inner")):
        desk.refuse(Conflict, "project 'inner' is frozen with what it is in: project 'p' is frozen", change)
    desk.make(Unfreeze("p"), Unfreeze("inner"))
    assert desk.can("bob", "write", "inner")


def test_who_froze_first_is_remembered(desk: Desk) -> None:
    desk.make(Freeze("p"), by="ann")
    desk.make(Freeze("p"))
    assert desk.node("p").frozen_by == "ann"
