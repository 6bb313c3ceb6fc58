"""Granting and revoking: who may, to whom, and what two grants come to."""

from __future__ import annotations

import pytest

from fairlead_authz.changes import Change, Grant, Put, Revoke, Trash
from fairlead_authz.errors import Conflict, NoSuchUser
from fairlead_authz.model.levels import LOGIN, MANAGE, NONE, READ, WRITE
from fairlead_router import NotAuthorized, RequestError
from unit.authz.editing.desk import Desk


def test_at_most_one_level_stands_for_a_pair_and_the_login_is_beside_it(desk: Desk) -> None:
    steps: list[tuple[Change, int]] = [
        (Grant("bob", "write", "x"), WRITE),
        (Grant("bob", "read", "x"), WRITE),
        (Grant("bob", "login", "x"), WRITE | LOGIN),
        (Grant("bob", "manage", "x"), MANAGE | LOGIN),
        (Revoke("bob", "manage", "x"), WRITE | LOGIN),
        (Revoke("bob", "read", "x"), LOGIN),
        (Revoke("bob", "write", "x"), LOGIN),
        (Revoke("bob", "login", "x"), NONE),
    ]
    for change, granted in steps:
        desk.make(change)
        assert desk.graph.granted("bob", "x") == granted
    assert not desk.graph.links_to("x")


def test_a_login_that_goes_leaves_the_level(desk: Desk) -> None:
    desk.make(Grant("bob", "login", "x"), Grant("bob", "read", "x"), Revoke("bob", "login", "x"))
    assert desk.graph.granted("bob", "x") == READ


def test_granting_needs_manage_on_the_head(desk: Desk) -> None:
    desk.make(Grant("bob", "write", "x"))
    for change in (Grant("carol", "read", "x"), Revoke("bob", "read", "x"), Grant("carol", "login", "x")):
        desk.refuse(NotAuthorized, "'bob' may not manage 'x'", change, by="bob")
    desk.make(Grant("bob", "manage", "x"))
    desk.make(Grant("carol", "read", "x"), by="bob")
    assert desk.can("carol", "read", "x")


def test_nothing_is_granted_to_a_tail_that_the_granter_does_not_see(desk: Desk) -> None:
    desk.policy = desk.policy._replace(users_visible=False)
    for tail in ("bob", "nobody"):
        desk.refuse(NotAuthorized, f"'ann' may not read '{tail}'", Grant(tail, "read", "x"), by="ann")
        desk.refuse(NotAuthorized, f"'ann' may not read '{tail}'", Revoke(tail, "read", "x"), by="ann")
    desk.make(Grant("bob", "read", "x"))
    desk.make(Revoke("bob", "read", "x"), by="ann")
    assert not desk.can("bob", "read", "x")


def test_a_grant_on_what_is_frozen_is_no_write_to_it(desk: Desk) -> None:
    desk.make(Grant("bob", "write", "p"))
    assert desk.can("bob", "write", "x")


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (Grant("p", "read", "x"), Conflict, "'p' is a project; only a user or a role"),
        (Grant("x", "read", "p"), Conflict, "'x' is an object; only a user or a role"),
        (Grant("nobody", "read", "x"), NoSuchUser, "user 'nobody' does not exist"),
        (Grant("gone", "read", "x"), Conflict, "role 'gone' is in the trash, so nothing can be granted to it"),
    ],
)
def test_a_tail_is_a_user_or_a_role_that_is_there(
    desk: Desk, change: Change, error: type[RequestError], text: str
) -> None:
    desk.make(Put("role", "gone"), Trash("gone"))
    desk.refuse(error, text, change)
