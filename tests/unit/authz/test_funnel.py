"""The funnel: all or nothing, durable before it holds, refused with one clear error."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from fairlead_authz import Actor, Authz, Conflict, Delete, Grant, NoSuchObject, NoSuchUser, Put, Revoke
from fairlead_authz.authz import ITSELF
from fairlead_authz.changes import Change
from fairlead_router import AuthenticationFailed, InvalidArgument, NotAuthorized, RequestError


def _url(directory: Path) -> str:
    return f"sqlite:///{directory}/permissions.sqlite"


@pytest.fixture
async def authz(tmp_path: Path) -> AsyncIterator[Authz]:
    authz = await Authz.open(_url(tmp_path))
    await authz.apply([Put("user", "alice"), Put("user", "bob"), Put("role", "staff")])
    await authz.apply([Put("project", "p", owner="alice"), Put("object", "log", owner="p")])
    yield authz
    await authz.close()


async def test_a_grant_through_a_role_and_a_project_reaches_the_object(authz: Authz) -> None:
    await authz.apply([Grant("bob", "read", "staff"), Grant("staff", "write", "p")])
    assert authz.can("bob", "read", "log")
    assert not authz.can("bob", "write", "log")
    assert authz.explain("bob", "read", "log") == "bob has read on staff; staff has write on p; p owns log"


async def test_revoke_takes_the_level_and_what_is_above_it(authz: Authz) -> None:
    await authz.apply([Grant("bob", "manage", "log")])
    await authz.apply([Revoke("bob", "write", "log")])
    assert authz.can("bob", "read", "log")
    assert not authz.can("bob", "write", "log")
    await authz.apply([Revoke("bob", "read", "log")])
    assert not authz.can("bob", "read", "log")


async def test_a_second_grant_merges_into_the_higher_level(authz: Authz) -> None:
    await authz.apply([Grant("bob", "write", "log"), Grant("bob", "read", "log")])
    assert authz.can("bob", "write", "log")


async def test_still_names_who_keeps_the_right_and_why(authz: Authz) -> None:
    await authz.apply([Grant("bob", "read", "log"), Grant("bob", "read", "p")])
    applied = await authz.apply([Revoke("bob", "read", "log")])
    assert applied.still == [{"user": "bob", "level": "read", "object": "log", "why": "bob has read on p; p owns log"}]


async def test_a_list_is_atomic(authz: Authz) -> None:
    with pytest.raises(NoSuchUser, match="'carol'"):
        await authz.apply([Grant("bob", "read", "log"), Grant("carol", "read", "log")])
    assert not authz.can("bob", "read", "log")


async def test_a_failed_commit_changes_nothing(authz: Authz, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "permissions.sqlite") as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON permission_log BEGIN SELECT RAISE(FAIL, 'disk'); END"
        )
    connection.close()
    revision = authz.revision
    with pytest.raises(sa.exc.IntegrityError, match="disk"):
        await authz.apply([Grant("bob", "read", "log")])
    assert not authz.can("bob", "read", "log")
    assert authz.revision == revision


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    first = await Authz.open(_url(tmp_path))
    await first.apply([Put("user", "bob"), Put("object", "log"), Grant("bob", "write", "log")])
    token = await first.create_token("bob")
    await first.close()
    second = await Authz.open(_url(tmp_path))
    assert second.can("bob", "write", "log")
    assert second.revision == first.revision
    assert second.authenticator.principal(token).authid == "bob"
    await second.close()


async def test_lists_made_at_once_do_not_interleave(authz: Authz) -> None:
    before = authz.revision
    lists: list[list[Change]] = [
        [Put("object", f"o{number}"), Grant("bob", "read", f"o{number}")] for number in range(20)
    ]
    applied = await asyncio.gather(*(authz.apply(changes) for changes in lists))
    assert sorted(each.revision for each in applied) == list(range(before + 1, before + 21))
    assert all(authz.can("bob", "read", f"o{number}") for number in range(20))


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ([Put("object", "a.b")], InvalidArgument, "'a.b' is no id"),
        ([Put("object", "o", owner="nobody")], NoSuchObject, "owner 'nobody'"),
        ([Put("object", "o", owner="staff")], Conflict, "'staff' of 'o' is a role"),
        ([Put("project", "p", owner="p")], Conflict, "cannot be owned by 'p'"),
        ([Put("project", "q", owner="p"), Put("project", "p", owner="q")], Conflict, "which it owns itself"),
        ([Put("user", "p")], Conflict, "is a project already"),
        ([Put("object", "o", is_admin=True)], InvalidArgument, "belong to users"),
        ([Put("user", "admin", is_admin=False)], Conflict, "stays an active administrator"),
        ([Delete("p")], Conflict, "still owns 1, 'log' for one"),
        ([Delete("all-users")], Conflict, "cannot be deleted"),
        ([Delete("nothing")], NoSuchObject, "'nothing' does not exist"),
        ([Grant("bob", "read", "nothing")], NoSuchObject, "'nothing'"),
        ([Grant("nobody", "read", "log")], NoSuchUser, "'nobody'"),
        ([Grant("p", "read", "log")], Conflict, "is a project"),
    ],
)
async def test_wrong_changes_name_the_value_and_the_rule(
    authz: Authz, changes: list[Change], error: type[RequestError], text: str
) -> None:
    with pytest.raises(error, match=text.replace("(", r"\(")):
        await authz.apply(changes)


@pytest.mark.parametrize(
    "change",
    [
        Grant("bob", "read", "log"),
        Revoke("alice", "read", "log"),
        Put("object", "o", owner="p"),
        Put("object", "log", owner="bob"),
        Put("user", "mallory"),
        Put("role", "r"),
        Delete("log"),
        Delete("alice"),
        Grant("bob", "read", "does-not-exist"),
    ],
)
async def test_who_has_no_right_changes_nothing_and_learns_nothing(authz: Authz, change: Change) -> None:
    with pytest.raises(NotAuthorized):
        await authz.apply([change], Actor("bob", is_admin=False))


async def test_a_manager_may_grant_and_a_writer_may_not(authz: Authz) -> None:
    await authz.apply([Put("user", "carol"), Grant("bob", "write", "log")])
    with pytest.raises(NotAuthorized):
        await authz.apply([Grant("carol", "read", "log")], Actor("bob", is_admin=False))
    await authz.apply([Grant("carol", "read", "log")], Actor("alice", is_admin=False))
    assert authz.can("carol", "read", "log")


async def test_moving_needs_write_on_both_owners(authz: Authz) -> None:
    await authz.apply([Put("project", "mine", owner="bob"), Grant("bob", "read", "p")])
    with pytest.raises(NotAuthorized):
        await authz.apply([Put("object", "log", owner="mine")], Actor("bob", is_admin=False))
    await authz.apply([Grant("bob", "write", "p")])
    await authz.apply([Put("object", "log", owner="mine")], Actor("bob", is_admin=False))
    assert not authz.can("alice", "read", "log")


async def test_tokens_of_a_deleted_or_deactivated_user_are_void(authz: Authz) -> None:
    token = await authz.create_token("bob")
    assert authz.authenticator.principal(token).authid == "bob"
    await authz.apply([Put("user", "bob", is_active=False)], ITSELF)
    with pytest.raises(AuthenticationFailed):
        authz.authenticator.principal(token)
    await authz.apply([Put("user", "bob", is_active=True)])
    with pytest.raises(AuthenticationFailed):
        authz.authenticator.principal(token)


@pytest.mark.parametrize("text", ["", "v2", "v2/x/y", "v1/a/b", "v2/a/b/c", "\0"])
async def test_a_bad_token_is_refused(authz: Authz, text: str) -> None:
    with pytest.raises(AuthenticationFailed, match="not valid"):
        authz.authenticator.principal(text)


async def test_a_token_of_another_user_than_claimed_is_refused(authz: Authz) -> None:
    token = await authz.create_token("bob")
    with pytest.raises(AuthenticationFailed, match="'alice'"):
        authz.authenticator.principal(token, "alice")
