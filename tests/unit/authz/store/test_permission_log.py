"""The permission log: no revision is missed, trimming is never silent, and people can read who did what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
import pytest
import sqlalchemy as sa

from fairlead_authz import Actor, Authz, Delete, Grant, Put
from fairlead_authz.changeset import Changeset
from fairlead_authz.model.graph import Node
from fairlead_authz.store import queries
from fairlead_authz.store.permission_log import LoggedChange, NewChange, Position
from fairlead_authz.store.store import PermissionStore, StoredPermissions
from fairlead_store import StoreUnavailable

BEGINNING = Position(0, 0)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PermissionStore]:
    store = PermissionStore.open(database_url, "realm1")
    await store.load()
    yield store
    await store.close()


def change(name: str) -> Changeset:
    changeset = Changeset()
    changeset.set_node(name, None, Node(name, "object", "admin"))
    return changeset


def new(changeset: Changeset) -> NewChange:
    return NewChange(changeset, "admin", b"[]")


async def append(store: PermissionStore, *revisions: int) -> None:
    for revision in revisions:
        await store.append([new(change(f"o{revision}"))], revision)


async def newest(store: StoredPermissions) -> Position:
    position = (await store.load()).position
    assert position is not None
    return position


async def revisions_after(store: StoredPermissions, after: Position, limit: int = 100) -> list[int]:
    found = await store.read(after, limit)
    assert not found.is_reset
    return [entry.at.revision for entry in found.entries]


async def test_what_follows_a_position_is_read_in_order(store: PermissionStore) -> None:
    start = await newest(store)
    await append(store, 2, 3, 4)
    found = await store.read(start, 100)
    assert [entry.at.revision for entry in found.entries] == [2, 3, 4]
    assert [list(entry.rows.nodes) for entry in found.entries] == [["o2"], ["o3"], ["o4"]]
    assert found.is_whole


async def test_a_limited_read_says_that_there_is_more(store: PermissionStore) -> None:
    start = await newest(store)
    await append(store, 2, 3, 4)
    assert [(await store.read(start, limit)).is_whole for limit in (1, 2, 3)] == [False, False, True]
    assert await revisions_after(store, start, 2) == [2, 3]


async def test_whoever_is_behind_what_was_trimmed_is_told_to_load_anew(store: PermissionStore) -> None:
    start = await newest(store)
    await append(store, 2, 3, 4, 5)
    (second, third, fourth, _) = [entry.at for entry in (await store.read(start, 100)).entries]
    assert await store.trim(keep=2) == 3
    for lost in (start, second, third):
        found = await store.read(lost, 100)
        assert (found.is_reset, found.is_whole, found.entries) == (True, False, [])
    assert await revisions_after(store, fourth) == [5]


async def test_trimming_leaves_the_newest_entry_and_revisions_go_on(store: PermissionStore) -> None:
    await append(store, 2, 3)
    assert await store.trim(keep=0) == 2
    assert await store.trim(keep=0) == 0
    await append(store, 4)
    assert (await newest(store)).revision == 4


async def test_a_log_that_is_to_be_bounded_is_trimmed_now_and_then(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "TRIM_EVERY", 5)
    store = PermissionStore.open(database_url, "realm1", keep=3)
    await store.load()
    await append(store, 2, 3, 4)
    assert [each.revision for each in (await store.changes()).changes] == [1, 2, 3, 4]
    await append(store, 5, 6)
    assert [each.revision for each in (await store.changes()).changes] == [3, 4, 5, 6]
    await store.close()


async def test_a_position_of_another_history_is_a_reset(store: PermissionStore) -> None:
    """As after a backup was restored: the revision may be there again, with another change."""
    await append(store, 2)
    position = await newest(store)
    for other in (position._replace(at_us=position.at_us - 1), position._replace(revision=3), BEGINNING):
        assert (await store.read(other, 100)).is_reset


async def test_a_gap_by_another_hand_is_a_reset(store: PermissionStore) -> None:
    start = await newest(store)
    await append(store, 2, 3, 4)

    def forget(connection: sa.Connection) -> None:
        connection.exec_driver_sql("DELETE FROM permission_log WHERE revision = 3")

    await store._database.write(forget)
    assert (await store.read(start, 100)).is_reset


async def test_a_revision_that_is_not_the_next_is_refused(store: PermissionStore) -> None:
    await append(store, 2)
    for revision in (1, 2, 4):
        with pytest.raises(StoreUnavailable, match="the store is at 2"):
            await append(store, revision)
    await append(store, 3)


async def test_a_change_behind_one_that_failed_in_the_same_commit_fails_too(store: PermissionStore) -> None:
    """Changes that wait go in one transaction: none may be kept under a number that leaves a gap before it."""
    start = await newest(store)
    bad = change("o2")
    bad.nodes["o2"] = bad.nodes["o2"]._replace(after=Node("o2", "object", None))  # type: ignore[arg-type]
    writing = [store.append([new(bad)], 2), store.append([new(change("o3"))], 3)]
    results = await asyncio.gather(*writing, return_exceptions=True)
    assert [isinstance(result, Exception) for result in results] == [True, True]
    assert await revisions_after(store, start) == []


async def test_no_reader_ever_sees_a_revision_before_those_that_come_before_it(
    store: PermissionStore, database_url: str
) -> None:
    """What an id that is drawn before the commit would break: one polls as fast as it can while many write."""
    reader = StoredPermissions.look_into(database_url, "realm1")
    position = await newest(store)
    seen: list[int] = []
    writing = asyncio.gather(*[store.append([new(change(f"o{number}"))], number) for number in range(2, 302)])
    while len(seen) < 300:
        found = await reader.read(position, 7)
        assert not found.is_reset
        seen += [entry.at.revision for entry in found.entries]
        position = found.entries[-1].at if found.entries else position
    assert seen == list(range(2, 302))
    await writing
    await reader.close()


async def test_a_change_that_is_not_committed_yet_is_not_read(store: PermissionStore, database_url: str) -> None:
    """Another connection of ours holds a written entry back: the reader waits beside it and then misses nothing."""
    start = await newest(store)
    reader = StoredPermissions.look_into(database_url, "realm1")
    loop = asyncio.get_running_loop()
    is_written, may_commit = asyncio.Event(), asyncio.Event()

    def write_slowly(connection: sa.Connection) -> None:
        logged = [LoggedChange(2, 7, "admin", msgspec.Raw(b"[]"))]
        queries.append("realm1", [new(Changeset())], logged, None, connection)
        loop.call_soon_threadsafe(is_written.set)
        asyncio.run_coroutine_threadsafe(may_commit.wait(), loop).result(10)

    slow = store._database.submit(write_slowly)
    await is_written.wait()
    later = asyncio.ensure_future(append(store, 3))
    assert await revisions_after(reader, start) == []
    may_commit.set()
    await asyncio.gather(slow, later)
    assert await revisions_after(reader, start) == [2, 3]
    await reader.close()


# ---------------------------------------------------------------- who did what


@pytest.fixture
async def audited(database_url: str) -> AsyncIterator[StoredPermissions]:
    authz = await Authz.open(database_url)
    await authz.apply([Put("user", "alice"), Put("user", "bob"), Put("object", "log", owner="alice")])
    await authz.apply([Grant("bob", "read", "log")], Actor("alice", is_admin=False))
    await authz.create_token("bob")
    await authz.apply([Put("object", "log2"), Delete("log")])
    yield authz._state.store
    await authz.close()


async def test_every_change_is_kept_with_who_asked_for_what_and_when(audited: StoredPermissions) -> None:
    changes, after = await audited.changes()
    assert [(each.revision, each.actor) for each in changes] == [
        (1, "system"),
        (2, "admin"),
        (3, "alice"),
        (4, "admin"),
        (5, "admin"),
    ]
    assert json.loads(bytes(changes[2].asked)) == [{"op": "grant", "user": "bob", "level": "read", "object": "log"}]
    assert [each.at_us for each in changes] == sorted(each.at_us for each in changes)
    assert after is None


async def test_changes_are_found_by_what_they_name_and_who_made_them(audited: StoredPermissions) -> None:
    async def found(**about: str) -> list[int]:
        return [each.revision for each in (await audited.changes(**about)).changes]  # type: ignore[arg-type]

    assert await found(object="log") == [2, 3, 5]
    assert await found(object="log2") == [5]
    assert await found(object="lo") == []
    assert await found(object="bob") == [2, 3, 4, 5]  # he got a token; his link went with the log
    assert await found(user="alice") == [3]
    assert await found(user="admin", object="log") == [2, 5]


async def test_a_page_ends_with_where_to_go_on(audited: StoredPermissions) -> None:
    first = await audited.changes(limit=2)
    assert ([each.revision for each in first.changes], first.after) == ([1, 2], 2)
    rest = await audited.changes(after=2, limit=3)
    assert ([each.revision for each in rest.changes], rest.after) == ([3, 4, 5], None)


async def test_an_audit_looks_at_so_many_entries_and_says_how_far_it_came(
    audited: StoredPermissions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "AUDIT_SCAN_LIMIT", 3)
    assert await audited.changes(object="log2") == ([], 3)
    found, after = await audited.changes(after=3, object="log2")
    assert ([each.revision for each in found], after) == ([5], None)
