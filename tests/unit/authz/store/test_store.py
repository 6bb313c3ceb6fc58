"""The funnel and its store, on every database: durable before it holds, and nothing at all when the store fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
import sqlalchemy as sa

from fairlead_authz import Authz, Delete, Grant, Put, Revoke, StoreFailed
from fairlead_router import AuthenticationFailed
from support import postgres
from unit.authz.oracle import World


@pytest.fixture
async def authz(database_url: str) -> AsyncIterator[Authz]:
    authz = await Authz.open(database_url)
    await authz.apply([Put("user", "alice"), Put("user", "bob"), Put("role", "staff")])
    await authz.apply([Put("project", "p", owner="alice"), Put("object", "log", owner="p")])
    yield authz
    await authz.close()


# In each, a change begins well and fails where its entry is stored; and how that is mended.
REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON permission_log"
BREAKS = {
    "sqlite constraint": ([f"{REFUSE} BEGIN SELECT RAISE(FAIL, 'no'); END"], ["DROP TRIGGER refuse"]),
    "sqlite full": (
        [
            "PRAGMA max_page_count = 1",
            f"{REFUSE} BEGIN UPDATE nodes SET name = hex(zeroblob(1000000)) WHERE id = 'p'; END",
        ],
        ["PRAGMA max_page_count = 100000", "DROP TRIGGER refuse"],
    ),
    "postgresql constraint": (
        ["ALTER TABLE permission_log ADD CONSTRAINT refuse CHECK (revision < 0) NOT VALID"],
        ["ALTER TABLE permission_log DROP CONSTRAINT refuse"],
    ),
    "postgresql full": (
        [
            """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$""",
            f"{REFUSE} EXECUTE FUNCTION refuse()",
        ],
        ["DROP TRIGGER refuse ON permission_log"],
    ),
    "postgresql commit": (
        [
            """CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$""",
            """CREATE CONSTRAINT TRIGGER vanish AFTER INSERT ON permission_log
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION vanish()""",
        ],
        ["DROP TRIGGER vanish ON permission_log"],
    ),
}


async def break_store(authz: Authz, url: str, trouble: str) -> Callable[[], Awaitable[None]]:
    """Trouble for every change from now on; call the result to end it."""
    if trouble == "away":
        postgres.take_away(url)
        return partial(asyncio.to_thread, postgres.give_back, url)
    breaking, mending = BREAKS[f"{url.partition(':')[0]} {trouble}"]

    async def do(statements: list[str]) -> None:
        def job(connection: sa.Connection) -> None:
            for statement in statements:
                connection.exec_driver_sql(statement)

        await authz._state.store._database.write(job)

    await do(breaking)
    return partial(do, mending)


TROUBLES = [*BREAKS, "postgresql away"]


@pytest.mark.parametrize(("database_url", "trouble"), [each.split() for each in TROUBLES], indirect=["database_url"])
async def test_a_failed_commit_changes_nothing(authz: Authz, database_url: str, trouble: str) -> None:
    await authz.apply([Grant("bob", "read", "p")])
    token = await authz.create_token("bob")
    before, revision = World(authz.graph), authz.revision
    mend = await break_store(authz, database_url, trouble)
    for change in (Grant("bob", "write", "log"), Revoke("bob", "read", "p"), Delete("bob"), Put("object", "o")):
        with pytest.raises(StoreFailed, match="not kept") as caught:
            await authz.apply([change])
        assert "[SQL" not in caught.value.text
    now = World(authz.graph)
    assert (now.nodes, now.links, authz.revision) == (before.nodes, before.links, revision)
    assert authz.can("bob", "read", "log")
    assert authz.authenticator.principal(token).authid == "bob"
    await mend()
    assert (await authz.apply([Put("object", "o")])).revision == revision + 1  # it goes on without a restart
    await authz.apply([Delete("o")])
    await authz.close()
    again = await Authz.open(database_url)
    stored = World(again.graph)
    assert (stored.nodes, stored.links, again.revision) == (before.nodes, before.links, revision + 2)
    assert again.authenticator.principal(token).authid == "bob"
    await again.close()


async def test_if_the_commit_of_a_group_fails_all_of_it_fails_and_nothing_has_changed(
    authz: Authz, database_url: str
) -> None:
    before, revision = World(authz.graph), authz.revision
    mend = await break_store(authz, database_url, "constraint")
    asking = [authz.apply([Put("object", f"o{number}")]) for number in range(5)]
    assert [type(each) for each in await asyncio.gather(*asking, return_exceptions=True)] == [StoreFailed] * 5
    now = World(authz.graph)
    assert (now.nodes, now.links, authz.revision) == (before.nodes, before.links, revision)
    await mend()
    assert (await authz.apply([Put("object", "o")])).revision == revision + 1


async def test_what_was_acknowledged_is_there_after_a_restart(database_url: str) -> None:
    first = await Authz.open(database_url)
    await first.apply([Put("user", "bob"), Put("object", "log"), Grant("bob", "write", "log")])
    token = await first.create_token("bob")
    await first.close()
    second = await Authz.open(database_url)
    assert second.can("bob", "write", "log")
    assert second.revision == first.revision
    assert second.authenticator.principal(token).authid == "bob"
    await second.close()


async def test_a_deleted_token_is_void_after_a_restart_too(authz: Authz, database_url: str) -> None:
    kept, dropped = await authz.create_token("bob"), await authz.create_token("bob")
    await authz.delete_token(dropped.split("/")[1])
    await authz.close()
    again = await Authz.open(database_url)
    assert again.authenticator.principal(kept).authid == "bob"
    with pytest.raises(AuthenticationFailed):
        again.authenticator.principal(dropped)
    await again.close()


async def test_two_realms_in_one_database_do_not_see_each_other(database_url: str) -> None:
    first = await Authz.open(database_url, "one")
    await first.apply([Put("user", "bob")])
    await first.close()
    second = await Authz.open(database_url, "two")
    assert second.graph.node("bob") is None
    await second.apply([Put("user", "bob", is_admin=True)])
    await second.close()
    first = await Authz.open(database_url, "one")
    bob = first.graph.node("bob")
    assert bob is not None
    assert not bob.is_admin
    await first.close()


async def test_the_tokens_of_a_deleted_user_do_not_come_back_with_the_name(authz: Authz, database_url: str) -> None:
    token = await authz.create_token("bob")
    await authz.apply([Delete("bob")])
    await authz.close()
    again = await Authz.open(database_url)
    await again.apply([Put("user", "bob")])
    with pytest.raises(AuthenticationFailed):
        again.authenticator.principal(token)
    await again.close()


async def test_a_cancelled_caller_leaves_memory_and_store_in_step(authz: Authz, database_url: str) -> None:
    caller = asyncio.ensure_future(authz.apply([Grant("bob", "read", "log")]))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await authz.apply([Put("object", "another")])
    assert authz.can("bob", "read", "log")
    revision = authz.revision
    await authz.close()
    again = await Authz.open(database_url)
    assert again.can("bob", "read", "log")
    assert again.revision == revision
    await again.close()
