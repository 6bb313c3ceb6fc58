"""Users set up, shut out, and merged."""

from __future__ import annotations

import pytest

from fairlead_authz.changes import Activate, Change, Deactivate, Freeze, Grant, Merge, Put, Revoke
from fairlead_authz.errors import Conflict, NoSuchUser
from fairlead_authz.model.levels import LOGIN, MANAGE, READ, WRITE
from fairlead_router import NotAuthorized, RequestError
from unit.authz.editing.desk import Desk


def test_who_is_deactivated_loses_what_it_was_granted_and_keeps_what_it_owns(desk: Desk) -> None:
    desk.make(Put("user", "ann", is_admin=True), Grant("ann", "read", "staff"), Grant("bob", "read", "ann"))
    desk.make(Deactivate("ann"))
    assert not desk.graph.links_from("ann")
    assert (desk.node("ann").is_active, desk.node("ann").is_admin) == (False, False)
    assert desk.can("ann", "manage", "x")
    assert desk.can("bob", "read", "ann")


def test_who_is_activated_is_in_all_users_again_and_seen_by_them(desk: Desk) -> None:
    desk.make(Grant("all-users", "read", "x"), Deactivate("bob"), Revoke("all-users", "read", "bob"))
    assert not desk.can("bob", "read", "x")
    desk.make(Activate("bob"))
    assert desk.can("bob", "read", "x")
    assert desk.can("carol", "read", "bob")


def test_setting_up_again_lowers_nothing(desk: Desk) -> None:
    desk.make(Grant("bob", "manage", "all-users"), Activate("bob"))
    assert desk.graph.link_level("bob", "all-users") == MANAGE


def test_what_a_merged_user_owned_was_granted_and_was_granted_on_is_the_others(desk: Desk) -> None:
    desk.make(Put("object", "y", "carol"), Grant("ann", "write", "y"), Grant("bob", "login", "y"))
    desk.make(Grant("carol", "manage", "ann"), Grant("carol", "read", "bob"), Freeze("p"))
    desk.make(Put("user", "ann", is_admin=True), Merge("ann", into="bob"))
    assert desk.node("p").owner == "bob"
    assert desk.graph.granted("bob", "y") == WRITE | LOGIN
    assert desk.graph.granted("carol", "bob") == MANAGE
    assert not desk.graph.owned("ann")
    assert not desk.graph.links_from("ann")
    assert not desk.graph.links_to("ann")
    assert (desk.node("ann").is_active, desk.node("ann").is_admin) == (False, False)
    assert not desk.node("bob").is_admin
    assert not any(desk.can("ann", "read", node_id) for node_id in ("p", "x", "y"))


def test_a_link_between_the_merged_becomes_none_to_itself(desk: Desk) -> None:
    desk.make(Grant("ann", "manage", "bob"), Grant("bob", "read", "ann"), Merge("ann", into="bob"))
    assert set(desk.graph.links_to("bob")) == {"all-users"}
    assert set(desk.graph.links_from("bob")) == {"all-users"}
    assert desk.graph.link_level("all-users", "bob") == READ


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (Merge("ann", "ann"), Conflict, "user 'ann' cannot be merged into itself"),
        (Merge("admin", "ann"), Conflict, "user 'admin' belongs to every store and cannot be merged"),
        (Merge("ann", "anonymous"), Conflict, "cannot be merged into 'anonymous': nobody logs in as it"),
        (Merge("ann", "nobody"), NoSuchUser, "user 'nobody' does not exist"),
        (Merge("staff", "ann"), NoSuchUser, "user 'staff' does not exist"),
        (Deactivate("admin"), Conflict, "user 'admin' stays an active administrator"),
        (Deactivate("system"), Conflict, "nobody logs in as it"),
        (Activate("anonymous"), Conflict, "nobody logs in as it"),
        (Activate("p"), NoSuchUser, "user 'p' does not exist"),
    ],
)
def test_what_cannot_be_done_to_a_user_is_refused(
    desk: Desk, change: Change, error: type[RequestError], text: str
) -> None:
    desk.refuse(error, text, change)


@pytest.mark.parametrize("change", [Activate("bob"), Deactivate("bob"), Merge("bob", "ann"), Merge("nobody", "ann")])
def test_the_lives_of_users_are_for_administrators(desk: Desk, change: Change) -> None:
    desk.refuse(NotAuthorized, "that is for administrators", change, by="ann")
