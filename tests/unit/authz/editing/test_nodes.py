"""Creating, changing, moving and deleting: who may, and what is refused with which rule."""

from __future__ import annotations

import pytest

from fairlead_authz.changes import Change, Deactivate, Delete, Freeze, Grant, Put, Revoke
from fairlead_authz.editing import Actor, edit, work_out
from fairlead_authz.errors import Conflict, NoSuchObject
from fairlead_authz.model.graph import Kind
from fairlead_authz.model.levels import MANAGE
from fairlead_router import InvalidArgument, LimitExceeded, NotAuthorized
from unit.authz.editing.desk import Desk

OPEN = Actor("anonymous", is_admin=True)
"""An anonymous session in an open realm."""


def test_whoever_makes_a_role_manages_it(desk: Desk) -> None:
    desk.make(Put("role", "crew"), by="bob")
    assert desk.node("crew").owner == "system"
    assert desk.graph.link_level("bob", "crew") == MANAGE


def test_everybody_without_a_token_is_not_the_manager_of_what_is_made_in_an_open_realm(desk: Desk) -> None:
    work_out(desk.graph, [Put("role", "crew"), Put("project", "q")], OPEN, desk.policy).make(desk.graph)
    assert not desk.graph.links_to("crew")
    assert desk.node("q").owner == "system"


def test_a_list_that_changes_too_much_is_refused_whole_with_the_limit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edit, "MAX_DIFFERENCES", 3)
    desk.make(*(Grant(user, "read", "staff") for user in ("ann", "bob", "carol")))
    desk.refuse(LimitExceeded, "differences_per_list", Delete("staff"))
    assert len(desk.graph.links_to("staff")) == 4


def test_a_role_is_changed_by_who_manages_it_and_not_by_who_writes_it(desk: Desk) -> None:
    desk.make(Grant("bob", "write", "staff"))
    for change in (Put("role", "staff", name="S"), Delete("staff")):
        desk.refuse(NotAuthorized, "'bob' may not manage 'staff'", change, by="bob")
    desk.make(Grant("bob", "manage", "staff"))
    desk.make(Put("role", "staff", name="S"), by="bob")
    assert desk.node("staff").name == "S"


def test_a_user_changes_the_name_of_its_own_record_active_or_not(desk: Desk) -> None:
    desk.make(Put("user", "bob", name="Bob"), by="bob")
    desk.make(Deactivate("bob"))
    desk.make(Put("user", "bob", name="Bobby"), by="bob")
    assert desk.node("bob").name == "Bobby"
    desk.refuse(NotAuthorized, "that is for administrators", Put("user", "bob", is_active=True), by="bob")
    desk.refuse(NotAuthorized, "'carol' may not write 'bob'", Put("user", "bob", name="B"), by="carol")


def test_an_inactive_user_changes_nothing_else(desk: Desk) -> None:
    desk.make(Grant("bob", "manage", "x"), Put("user", "bob", is_active=False))
    assert desk.can("bob", "manage", "x")
    for change in (Put("object", "x", name="X"), Put("object", "mine"), Grant("bob", "read", "x"), Delete("x")):
        desk.refuse(NotAuthorized, "'bob' is no active user", change, by="bob")


def test_an_inactive_administrator_changes_nothing(desk: Desk) -> None:
    desk.make(Put("user", "bob", is_admin=True, is_active=False))
    desk.refuse(NotAuthorized, "'bob' is no active user", Put("object", "y"), by="bob")


def test_an_inactive_user_is_made_without_the_usual_links(desk: Desk) -> None:
    desk.make(Put("user", "dora", is_active=False))
    assert not desk.graph.links_from("dora")
    assert not desk.graph.links_to("dora")


def test_nobody_writes_to_what_is_frozen_administrators_included(desk: Desk) -> None:
    desk.make(Put("project", "inner", "p"), Put("object", "y", "ann"), Freeze("p"))
    frozen = "nobody may write 'p': project 'p' is frozen"
    for by in ("admin", "ann"):
        desk.refuse(NotAuthorized, frozen, Put("project", "p", name="P"), by=by)
        desk.refuse(NotAuthorized, frozen, Put("object", "new", "p"), by=by)
        desk.refuse(NotAuthorized, frozen, Put("object", "y", "p"), by=by)
        desk.refuse(NotAuthorized, "nobody may write 'x': project 'p' is frozen", Put("object", "x", "ann"), by=by)
        desk.refuse(NotAuthorized, "'inner': project 'p' is frozen", Delete("inner"), by=by)
    desk.refuse(NotAuthorized, "nobody may write 'p'", Put("project", "p", "bob"))
    desk.refuse(NotAuthorized, "'bob' may not write 'p'", Put("project", "p", name="P"), by="bob")


def test_containers_are_made_and_changed_by_administrators(desk: Desk) -> None:
    desk.make(Put("container", "c"))
    assert (desk.node("c").state, desk.node("c").owner) == ("Queued", "system")
    desk.make(Put("container", "c", state="Running"))
    assert desk.node("c").state == "Running"
    desk.refuse(NotAuthorized, "make the container 'd'", Put("container", "d"), by="ann")
    desk.refuse(NotAuthorized, "may not make the container 'c'", Put("container", "c", state="Cancelled"), by="ann")
    desk.make(Put("container", "c", state="Complete"))
    desk.refuse(Conflict, "container 'c' is Complete and stays so", Put("container", "c", state="Running"))


def test_only_an_administrator_opens_a_container_to_the_readers_of_a_request(desk: Desk) -> None:
    desk.make(Put("container", "c"), Put("container_request", "wish", "ann"))
    desk.refuse(NotAuthorized, "'ann' may not manage 'c'", Put("container_request", "wish", about="c"), by="ann")
    desk.make(Put("container_request", "wish", about="c"))
    assert desk.can("ann", "read", "c")
    desk.make(Put("container_request", "wish", name="w"), by="ann")
    assert desk.can("ann", "read", "c")
    desk.make(Put("container_request", "wish", about=None), by="ann")
    assert not desk.can("ann", "read", "c")


def test_a_log_row_is_written_about_what_its_writer_may_read(desk: Desk) -> None:
    desk.refuse(NotAuthorized, "'bob' may not read 'x'", Put("log", "row", about="x"), by="bob")
    desk.make(Put("log", "row", about="x"), by="ann")
    assert desk.can("ann", "read", "row")
    desk.make(Put("log", "row", about=None))
    assert not desk.can("ann", "read", "row")


def test_what_is_about_a_deleted_thing_is_not_about_the_next_of_that_name(desk: Desk) -> None:
    desk.make(Put("log", "row", "admin", about="x"), Delete("x"), Put("object", "x", "bob"))
    assert desk.node("row").about is None
    assert not desk.can("bob", "read", "row")


def test_a_thing_with_a_uuid_of_arvados_or_a_content_hash_is_like_any_other(desk: Desk) -> None:
    ids = ["zzzzz-4zz18-000000000000001", "d41d8cd98f00b204e9800998ecf8427e+0"]
    desk.make(*(Put("collection", id_, "p") for id_ in ids))
    assert all(desk.can("ann", "manage", id_) for id_ in ids)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (Put("collection", "y", "staff"), Conflict, "owner 'staff' of 'y' is a role; only a user or a project"),
        (Put("collection", "y", "seek"), Conflict, "owner 'seek' of 'y' is a filter; only a user or a project"),
        (Put("collection", "y", "x"), Conflict, "owner 'x' of 'y' is an object; only a user or a project"),
        (Put("project", "p", "inner"), Conflict, "'p' cannot be owned by 'inner', which it owns itself"),
        (Put("project", "seek"), Conflict, "'seek' is a filter already and cannot become a project"),
        (Put("collection", "x"), Conflict, "'x' is an object already and cannot become a collection"),
        (Put("object", "y", state="Queued"), InvalidArgument, "state belongs to containers; 'y' is an object"),
        (
            Put("project", "y", about="x"),
            InvalidArgument,
            "about belongs to collection, container_request, log, object; 'y'",
        ),
        (Put("object", "y", about="x"), Conflict, "object 'y' cannot be about 'x', an object: only a container"),
        (Put("collection", "y", about="x"), Conflict, "collection 'y' cannot be about 'x', an object: only a content"),
        (Put("log", "row", about="rows"), Conflict, "log 'row' cannot be about 'rows', a log itself"),
        (Put("log", "row", about="nothing"), NoSuchObject, "object 'nothing' does not exist"),
        (Put("role", "staff", "ann"), Conflict, "role 'staff' is owned by 'system' and cannot be moved"),
    ],
)
def test_what_contradicts_the_graph_is_refused(desk: Desk, change: Change, error: type[Conflict], text: str) -> None:
    desk.make(Put("filter", "seek", "ann"), Put("project", "inner", "p"), Put("log", "rows", "ann", about="x"))
    desk.refuse(error, text, change)


# ---- what an error may tell


def test_who_may_not_write_a_thing_does_not_hear_whose_it_is(desk: Desk) -> None:
    desk.make(Put("project", "secret", "ann"), Put("object", "hidden", "secret"))
    desk.refuse(NotAuthorized, "'bob' may not write 'hidden'", Put("object", "hidden", "bob"), by="bob")


@pytest.mark.parametrize("kind", ["user", "container", "content"])
def test_whether_there_is_a_user_or_container_is_not_told_to_who_may_not_see_it(desk: Desk, kind: Kind) -> None:
    desk.make(Put(kind, "hidden"), Revoke("all-users", "read", "hidden"))
    for node_id in ("hidden", "nothing"):
        desk.refuse(NotAuthorized, f"'bob' may not make the {kind} '{node_id}'", Put(kind, node_id), by="bob")


def test_the_frozen_project_around_a_thing_is_named_to_those_who_see_it(desk: Desk) -> None:
    desk.make(Put("role", "guests"), Grant("bob", "read", "guests"), Grant("guests", "write", "x"), Freeze("p"))
    desk.refuse(NotAuthorized, "nobody may write 'x': a project that it is in is frozen", Delete("x"), by="bob")
    desk.refuse(NotAuthorized, "nobody may write 'x': project 'p' is frozen", Delete("x"), by="ann")


# ---- contents


def test_a_content_is_read_by_whoever_reads_a_collection_that_holds_it(desk: Desk) -> None:
    hash_ = "d41d8cd98f00b204e9800998ecf8427e+0"
    desk.make(Put("content", hash_), *(Put("collection", each, "p", about=hash_) for each in ("one", "two")))
    desk.make(Grant("bob", "manage", "one"))
    assert desk.can("bob", "read", hash_)
    assert not desk.can("bob", "write", hash_)
    assert not desk.can("carol", "read", hash_)
    desk.make(Put("collection", "one", about=None))
    assert desk.can("ann", "read", hash_)
    assert not desk.can("bob", "read", hash_)


def test_nobody_opens_a_content_to_itself_by_saying_that_a_collection_holds_it(desk: Desk) -> None:
    desk.make(Put("content", "hash"))
    desk.refuse(NotAuthorized, "'bob' may not manage 'hash'", Put("collection", "mine", about="hash"), by="bob")
