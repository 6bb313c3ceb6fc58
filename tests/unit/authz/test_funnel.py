"""The funnel: all or nothing, durable before it holds, refused with one clear error."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from fairlead_authz import (
    Actor,
    Applied,
    Authz,
    Conflict,
    Delete,
    Grant,
    NoSuchObject,
    NoSuchUser,
    Put,
    Revoke,
    still,
)
from fairlead_authz import funnel as module
from fairlead_authz.authz import ITSELF
from fairlead_authz.changes import Change
from fairlead_authz.store.permission_log import LoggedChange, NewChange
from fairlead_router import ANONYMOUS, AuthenticationFailed, InvalidArgument, NotAuthorized, Principal, RequestError


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


async def test_still_names_members_of_a_role_that_keep_the_right_by_another_path(authz: Authz) -> None:
    await authz.apply([Put("user", "carol"), *(Grant(user, "read", "staff") for user in ("bob", "carol"))])
    await authz.apply([Grant("staff", "read", "log"), Grant("carol", "write", "p")])
    applied = await authz.apply([Revoke("staff", "read", "log")])
    assert applied.still == [
        {"user": "carol", "level": "read", "object": "log", "why": "carol has write on p; p owns log"}
    ]


async def test_still_names_no_more_than_can_be_found_out_quickly(authz: Authz, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why somebody keeps a right is found by a walk over all that it reaches, which it may have made itself."""
    monkeypatch.setattr(still, "STILL_STEPS", 5)
    await authz.apply([Put("object", f"o{number}", owner="alice") for number in range(20)])
    applied = await authz.apply([Revoke("alice", "read", f"o{number}") for number in range(20)])
    assert 0 < len(applied.still) < 5


async def test_who_leaves_a_role_is_told_so_though_it_goes_on_seeing_the_role(authz: Authz) -> None:
    await authz.apply([Grant("bob", "read", "staff")])
    why = "staff is a role, and every active user reads every role"
    expected = {"user": "bob", "level": "read", "object": "staff", "why": why, "left": True}
    assert (await authz.apply([Revoke("bob", "read", "staff")])).still == [expected]


async def test_who_is_in_a_role_by_another_one_has_not_left_it(authz: Authz) -> None:
    await authz.apply([Put("role", "crew"), Grant("crew", "read", "staff")])
    await authz.apply([Grant("bob", "read", "crew"), Grant("bob", "read", "staff")])
    why = "bob has read on crew; crew has read on staff"
    expected = {"user": "bob", "level": "read", "object": "staff", "why": why}
    assert (await authz.apply([Revoke("bob", "read", "staff")])).still == [expected]


async def test_a_list_is_atomic(authz: Authz) -> None:
    with pytest.raises(NoSuchUser, match="'carol'"):
        await authz.apply([Grant("bob", "read", "log"), Grant("carol", "read", "log")])
    assert not authz.can("bob", "read", "log")


async def test_what_changes_nothing_makes_no_revision(authz: Authz) -> None:
    await authz.apply([Grant("bob", "write", "log")])
    revision = authz.revision
    unchanging: list[list[Change]] = [
        [Grant("bob", "read", "log")],
        [Revoke("alice", "read", "staff")],
        [Revoke("bob", "write", "log"), Grant("bob", "write", "log")],
        [Put("project", "p")],
    ]
    for changes in unchanging:
        assert (await authz.apply(changes)).revision == revision
    assert (await authz.apply([Put("project", "p", name="P")])).revision == revision + 1


async def test_an_administrator_no_more_when_its_turn_comes_is_refused(authz: Authz) -> None:
    await authz.apply([Put("user", "eve", is_admin=True)])
    eve = Principal("eve", "admin", "ticket")
    results = await asyncio.gather(
        authz.apply([Put("user", "eve", is_admin=False)]),
        authz.apply([Grant("eve", "manage", "log")], eve),
        authz.create_token("bob", eve),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Applied, NotAuthorized, NotAuthorized]


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
        ([Put("object", "o", owner="anonymous")], Conflict, "everybody without a token"),
        ([Put("role", "r", owner="alice")], Conflict, "is owned by 'system', not 'alice'"),
        ([Put("role", "staff", owner="alice")], Conflict, "is owned by 'system' and cannot be moved"),
        ([Put("user", "system", is_active=False)], Conflict, "nobody logs in as it"),
        ([Put("project", "p", name="n" * 1001)], InvalidArgument, "at most 1000 characters"),
        ([Put("object", "x" * 129)], InvalidArgument, "... is no id"),
    ],
)
async def test_wrong_changes_name_the_value_and_the_rule(
    authz: Authz, changes: list[Change], error: type[RequestError], text: str
) -> None:
    with pytest.raises(error, match=re.escape(text)):
        await authz.apply(changes)


@pytest.mark.parametrize(
    "change",
    [
        Grant("bob", "read", "log"),
        Revoke("alice", "read", "log"),
        Put("object", "o", owner="p"),
        Put("object", "log", owner="bob"),
        Put("user", "mallory"),
        Put("role", "staff", name="mine"),
        Put("container", "c"),
        Delete("log"),
        Delete("alice"),
        Grant("bob", "read", "does-not-exist"),
        Put("object", "o", owner="does-not-exist"),
        Put("project", "log"),
        Delete("does-not-exist"),
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


async def test_an_anonymous_session_changes_nothing(authz: Authz) -> None:
    for change in (Put("object", "o"), Put("object", "o", owner="p"), Grant("bob", "manage", "anonymous")):
        with pytest.raises(NotAuthorized, match="anonymous"):
            await authz.apply([change], ANONYMOUS)


async def test_what_everybody_can_read(authz: Authz) -> None:
    await authz.apply([Grant("anonymous-users", "read", "log")])
    assert authz.can("anonymous", "read", "log")
    assert authz.can("bob", "read", "log")
    await authz.apply([Revoke("anonymous-users", "read", "log"), Grant("all-users", "read", "log")])
    assert not authz.can("anonymous", "read", "log")
    assert authz.can("bob", "read", "log")


async def test_who_makes_a_role_may_manage_it(authz: Authz) -> None:
    await authz.apply([Put("user", "dora", is_admin=True)])
    await authz.apply([Put("role", "crew")], Actor("dora", is_admin=True))
    await authz.apply([Put("user", "dora", is_admin=False)])
    await authz.apply([Grant("bob", "read", "crew")], Actor("dora", is_admin=False))


async def test_tokens_of_nobody_and_of_well_known_users_are_refused(authz: Authz) -> None:
    for user, error in (
        ("nobody", NoSuchUser),
        ("staff", NoSuchUser),
        ("system", InvalidArgument),
        ("a.b", InvalidArgument),
    ):
        with pytest.raises(error, match=user):
            await authz.create_token(user)
    await authz.apply([Put("user", "bob", is_active=False)])
    with pytest.raises(InvalidArgument, match="'bob' is not active"):
        await authz.create_token("bob")


async def test_a_user_does_not_make_itself_an_administrator(authz: Authz) -> None:
    for change in (Put("user", "bob", is_admin=True), Put("user", "bob", is_active=True)):
        with pytest.raises(NotAuthorized, match="administrators"):
            await authz.apply([change], Actor("bob", is_admin=False))


async def test_each_change_is_judged_by_those_before_it_in_the_list(authz: Authz) -> None:
    alice, bob = Actor("alice", is_admin=False), Actor("bob", is_admin=False)
    await authz.apply([Put("project", "mine"), Put("object", "o", owner="mine"), Grant("alice", "manage", "mine")], bob)
    giving_up: list[Change] = [Revoke("alice", "read", "mine"), Put("object", "o2", owner="mine")]
    with pytest.raises(NotAuthorized, match="'alice' may not write 'mine'"):
        await authz.apply(giving_up, alice)
    assert authz.can("alice", "manage", "o")


# --- lists that wait are committed together ---------------------------------------------------------------------------


def count_commits(authz: Authz) -> list[int]:
    """How many changes each commit has, from now on."""
    commits: list[int] = []
    append = authz._state.store.append

    async def counting(changes: Sequence[NewChange], revision: int) -> list[LoggedChange]:
        commits.append(len(changes))
        return await append(changes, revision)

    authz._state.store.append = counting  # type: ignore[method-assign]
    return commits


async def test_lists_that_wait_for_a_commit_are_committed_together_in_their_order(authz: Authz) -> None:
    commits, first = count_commits(authz), authz.revision
    asking = [asyncio.ensure_future(authz.apply([Put("object", f"o{number}")])) for number in range(10)]
    await asyncio.sleep(0)
    applied = [each.revision for each in await asyncio.gather(*asking)]
    assert applied == list(range(first + 1, first + 11))
    assert sum(commits) == 10
    assert len(commits) <= 2


async def test_a_list_is_worked_out_on_what_those_before_it_come_to(authz: Authz) -> None:
    made, granted, gone, refused = await asyncio.gather(
        authz.apply([Put("object", "o", owner="p")]),
        authz.apply([Grant("bob", "read", "o")]),
        authz.apply([Delete("o")]),
        authz.apply([Grant("bob", "write", "o")]),
        return_exceptions=True,
    )
    assert isinstance(refused, NoSuchObject)
    assert [isinstance(each, Applied) for each in (made, granted, gone)] == [True] * 3
    assert authz.graph.node("o") is None


async def test_whoever_ceases_to_be_an_administrator_in_a_list_before_may_not_make_the_next(authz: Authz) -> None:
    await authz.apply([Put("user", "bob", is_admin=True)])
    bob = Principal("bob", "admin")
    dropped, refused = await asyncio.gather(
        authz.apply([Put("user", "bob", is_admin=False)]),
        authz.apply([Put("user", "eve")], bob),
        return_exceptions=True,
    )
    assert isinstance(dropped, Applied)
    assert isinstance(refused, NotAuthorized)


async def test_a_group_has_no_more_changes_than_a_list_may_have(authz: Authz, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHANGES", 3)
    commits = count_commits(authz)
    await asyncio.gather(*[authz.apply([Put("object", f"o{n}"), Put("object", f"p{n}")]) for n in range(4)])
    assert commits == [1, 1, 1, 1]


async def test_a_caller_that_goes_away_stops_neither_its_list_nor_those_beside_it(authz: Authz) -> None:
    asking = [asyncio.ensure_future(authz.apply([Put("object", f"o{number}")])) for number in range(3)]
    await asyncio.sleep(0)
    asking[1].cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await authz.apply([Put("object", "o3")])
    assert {f"o{number}" for number in range(4)} <= set(authz.graph.nodes)


async def test_whoever_fails_to_hear_of_a_change_keeps_no_list_behind_it_from_being_adopted(authz: Authz) -> None:
    heard: list[int] = []

    def hear(change: LoggedChange) -> None:
        heard.append(change.revision)
        if len(heard) == 1:
            raise ValueError("a mistake of ours")

    authz._funnel.on_change = hear
    first, second = await asyncio.gather(
        authz.apply([Put("object", "a")]), authz.apply([Put("object", "b")]), return_exceptions=True
    )
    assert isinstance(first, ValueError)
    assert isinstance(second, Applied)
    assert {"a", "b"} <= set(authz.graph.nodes)
