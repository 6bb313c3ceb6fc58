"""A follower has the writer's graph, says as of when, and never calls old what it cannot prove to be new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from fairlead_authz import Authz, Delete, Grant, Put, Revoke
from fairlead_authz.changes import Activate, Deactivate
from fairlead_authz.store.follower import Follower
from fairlead_authz.store.permission_log import Rows
from fairlead_authz.store.tables import SCHEMA, permission_log
from fairlead_store import Readers, StoreError, StoreUnavailable
from support import postgres
from support.waiting import eventually
from unit.authz.oracle import World


@pytest.fixture
async def authz(database_url: str) -> AsyncIterator[Authz]:
    authz = await Authz.open(database_url)
    await authz.apply([Put("user", "alice"), Put("user", "bob"), Put("project", "p", owner="alice")])
    yield authz
    await authz.close()


@pytest.fixture
async def follower(authz: Authz, database_url: str) -> AsyncIterator[Follower]:
    follower = await Follower.open(database_url)
    yield follower
    await follower.close()


def assert_equal(follower: Follower, authz: Authz) -> None:
    ours, theirs = World(follower.graph), World(authz.graph)
    assert (ours.nodes, ours.links, follower.revision) == (theirs.nodes, theirs.links, authz.revision)


async def test_a_follower_begins_with_what_there_is(follower: Follower, authz: Authz) -> None:
    assert_equal(follower, authz)


async def test_every_acknowledged_change_is_there_after_a_refresh(follower: Follower, authz: Authz) -> None:
    await authz.apply([Grant("bob", "read", "p"), Put("object", "gone", owner="p")])
    await follower.refresh()
    assert_equal(follower, authz)
    await authz.apply([Delete("gone"), Revoke("bob", "read", "p"), Put("project", "p", name="moved", owner="bob")])
    await follower.refresh()
    assert_equal(follower, authz)


async def test_a_running_follower_comes_after_by_itself(follower: Follower, authz: Authz) -> None:
    running = asyncio.create_task(follower.run())
    for number in range(20):
        await authz.apply([Put("object", f"o{number}", owner="p")])
    await eventually(lambda: follower.revision == authz.revision)
    assert_equal(follower, authz)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_follower_that_was_left_behind_by_trimming_loads_anew(follower: Follower, authz: Authz) -> None:
    told: list[Rows | None] = []
    follower.on_change = told.append
    await authz.apply([Put("object", "o", owner="p")])
    await authz.apply([Put("object", "o2", owner="p")])
    await authz._state.store.trim(keep=1)
    await follower.refresh()
    assert_equal(follower, authz)
    assert told == [None]


async def test_each_change_is_told_after_it_is_in_the_graph(follower: Follower, authz: Authz) -> None:
    seen: list[tuple[Rows | None, bool]] = []
    follower.on_change = lambda rows: seen.append((rows, "o" in follower.graph.nodes))
    await authz.apply([Put("object", "o", owner="p")])
    await follower.refresh()
    ((rows, is_there),) = seen
    assert rows is not None
    assert (list(rows.nodes), is_there) == (["o"], True)


async def test_tokens_follow_from_their_making_to_their_end(follower: Follower, authz: Authz) -> None:
    lasting, text = [await authz.create_token("bob") for _ in range(2)]
    await follower.refresh()
    assert [_user(follower, token) for token in (lasting, text, f"{text}x")] == ["bob", "bob", None]
    await authz.change_token(text.split("/")[1], scopes=["subscribe com.x"])
    await authz.delete_token(lasting.split("/")[1])
    await follower.refresh()
    assert (_user(follower, lasting), _scopes(follower, text)) == (None, ("subscribe com.x",))
    await authz.apply([Deactivate("bob"), Activate("bob")])
    await follower.refresh()
    assert _user(follower, text) is None


async def test_the_log_holds_no_secret(authz: Authz, database_url: str) -> None:
    text = await authz.create_token("bob")
    readers = Readers.open(database_url, SCHEMA)
    rows = await readers.read(lambda connection: connection.execute(sa.select(permission_log)).all())
    assert text.split("/")[2] not in str(rows)
    await readers.close()


def _user(follower: Follower, text: str) -> str | None:
    found = follower.tokens.find(text)
    return None if found is None else found.user


def _scopes(follower: Follower, text: str) -> tuple[str, ...] | None:
    found = follower.tokens.find(text)
    assert found is not None
    return found.scopes


async def test_freshness_is_that_of_the_last_look(follower: Follower) -> None:
    assert follower.is_fresh(within_s=10)
    assert follower.seen_at_us is not None
    follower.seen_at_us -= 20_000_000  # nothing was read for so long
    assert not follower.is_fresh(within_s=10)
    await follower.refresh()
    assert follower.is_fresh(within_s=10)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_log_that_cannot_be_read_makes_no_proof_and_is_followed_again_when_it_can(
    follower: Follower, authz: Authz, database_url: str
) -> None:
    running = asyncio.create_task(follower.run())
    await authz.apply([Grant("bob", "read", "p")])
    await eventually(lambda: follower.revision == authz.revision)
    postgres.take_away(database_url)
    await eventually(lambda: not follower.is_fresh(within_s=0.3))
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await follower.refresh()
    postgres.give_back(database_url)
    await eventually(lambda: follower.is_fresh(within_s=0.3))
    await authz.apply([Revoke("bob", "read", "p")])
    await eventually(lambda: follower.revision == authz.revision)
    assert_equal(follower, authz)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_store_that_nobody_has_made_cannot_be_followed(database_url: str) -> None:
    with pytest.raises(StoreError):
        await Follower.open(database_url)


async def test_a_realm_that_nobody_has_begun_cannot_be_followed(authz: Authz, database_url: str) -> None:
    with pytest.raises(StoreUnavailable, match="have not been begun"):
        await Follower.open(database_url, "realm2")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_follower_makes_no_file(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no database"):
        asyncio.run(Follower.open(database_url))
    assert list(tmp_path.iterdir()) == []
