"""`fairlead outbox install`, `remove` and `status`: which tables can be followed, and what is in the database then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_server.errors import CommandError
from fairlead_server.outbox import installer
from fairlead_server.outbox.names import names_of
from support import postgres
from support.outbox import NAMES, Database
from support.serving import COMMAND_S, FAIRLEAD, Commands, Done


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database(postgres.new_database())
    yield made
    made.connection.close()


async def outbox(database: Database, *arguments: str) -> Done:
    """`fairlead outbox` with the database, and without a server."""
    command = (*FAIRLEAD, "outbox", arguments[0], "--database", database.url, *arguments[1:])
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    stdout, stderr = await asyncio.wait_for(process.communicate(), COMMAND_S)
    assert process.returncode is not None
    return Done(process.returncode, stdout, stderr.decode())


async def test_what_is_printed_is_what_makes_it(database: Database) -> None:
    shown = await outbox(database, "install", "--table", "containers", "--print")
    assert (shown.status, shown.stderr) == (0, "")
    assert not await installer.remove(database.url, NAMES), "nothing was done"
    database.connection.execute(shown.stdout)
    done = await outbox(database, "install", "--table", "containers")
    assert (done.status, done.stderr) == (0, "fairlead: outbox 'containers' is there already\n")


async def test_the_primary_key_is_the_key_unless_another_is_named(database: Database) -> None:
    assert await installer.install(database.url, NAMES, None, notifies=True)
    database.add("a")
    assert database.execute(f"SELECT key, op FROM {NAMES.rows}") == [("1", "insert")]
    assert await installer.install(database.url, NAMES, "uuid", notifies=True), "another key makes another outbox"
    database.add("b")
    assert database.execute(f"SELECT key, op FROM {NAMES.rows}") == [("b", "insert")]


async def test_it_is_made_anew_where_a_trigger_is_missing(database: Database) -> None:
    assert await database.install()
    [epoch] = database.execute(f"SELECT epoch FROM {NAMES.outboxes}")
    assert not await database.install()
    database.execute("ALTER TABLE containers DISABLE TRIGGER fairlead_outbox_containers_insert")
    assert await database.install()
    assert database.execute(f"SELECT epoch FROM {NAMES.outboxes}") != [epoch]


async def test_who_may_only_write_the_table_fills_the_outbox(database: Database) -> None:
    assert await database.install()
    database.execute("DROP ROLE IF EXISTS outbox_writer")
    database.execute("CREATE ROLE outbox_writer")
    database.execute("GRANT INSERT ON containers TO outbox_writer")
    database.execute("GRANT USAGE ON SEQUENCE containers_id_seq TO outbox_writer")
    database.execute("SET ROLE outbox_writer")
    database.add("a")
    database.execute("RESET ROLE")
    assert database.waiting == 1
    database.execute("DROP OWNED BY outbox_writer; DROP ROLE outbox_writer")


async def test_names_that_need_quotes_are_quoted(database: Database) -> None:
    database.execute('CREATE SCHEMA "My ""odd"" %s"')
    database.execute('CREATE TABLE "My ""odd"" %s"."T \'{x}" ("K %s" text PRIMARY KEY, "v" json)')
    names = names_of('My "odd" %s.T \'{x}', "odd")
    assert await installer.install(database.url, names, None, notifies=True)
    database.execute('INSERT INTO "My ""odd"" %s"."T \'{x}" VALUES (\'a\', \'1\')')
    assert database.execute(f"SELECT key, op FROM {names.rows}") == [("a", "insert")]
    database.execute(f"UPDATE {names.source} SET v = '2'")
    assert database.execute(f"SELECT op FROM {names.rows} ORDER BY id")[-1] == ("update",)


@pytest.mark.parametrize(
    ("statement", "table", "id_column", "error"),
    [
        ("SELECT 1", "nothing", None, 'there is no table "public"."nothing"'),
        ("CREATE VIEW v AS SELECT * FROM containers", "v", None, "is no plain table"),
        ("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)", "p", None, "is no plain table"),
        ("CREATE UNLOGGED TABLE u (id int PRIMARY KEY)", "u", None, "is no plain table"),
        ("CREATE TABLE child () INHERITS (containers)", "containers", None, "is no plain table"),
        ("CREATE TABLE two (a int, b int, PRIMARY KEY (a, b))", "two", None, "has no primary key of one column"),
        ("SELECT 1", "containers", "state", '\'state\' of "public"."containers" must be a column, unique and not null'),
        ("CREATE TABLE dated (at timestamptz PRIMARY KEY)", "dated", None, "is a timestamp with time zone: a key is"),
        ("SELECT 1", "containers", "none", "must be a column, unique and not null"),
    ],
)
async def test_what_cannot_be_followed_is_refused(
    database: Database, statement: str, table: str, id_column: str | None, error: str
) -> None:
    database.execute(statement)
    with pytest.raises(CommandError) as caught:
        await installer.install(database.url, names_of(table, None), id_column, notifies=True)
    assert error in str(caught.value)


async def test_a_removed_outbox_leaves_the_table_as_it_was(database: Database) -> None:
    assert await database.install()
    done = await outbox(database, "remove", "--table", "containers")
    assert (done.status, done.stderr) == (0, "")
    database.add("a")
    assert database.execute("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'containers'::regclass") == [(0,)]
    again = await outbox(database, "remove", "--table", "containers")
    assert (again.status, again.stderr) == (125, "fairlead: there is no outbox 'containers'\n")


async def test_a_database_that_is_not_there_is_one_line(database: Database) -> None:
    database.url = database.url.replace("/test", "/absent")
    done = await outbox(database, "install", "--table", "containers")
    assert done.status == 125
    assert done.stderr.startswith("fairlead: the database cannot do it now: ")
    assert done.stderr.count("\n") == 1


async def test_who_waits_for_a_long_writer_gives_up_and_lets_the_others_go_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead_server.outbox.installing.LOCK_TIMEOUT_S", 0.1)
    with database.transaction() as slow:
        slow.execute("INSERT INTO containers (uuid) VALUES ('slow')")
        with pytest.raises(CommandError, match="cannot do it now: canceling statement due to lock timeout"):
            await database.install()


async def test_status_says_how_far_the_follower_is_behind(database: Database, server: Commands) -> None:
    assert await database.install()
    database.add("a", "b")
    where = ("--database", database.url, "--table", "containers", "--kind", "status_container")
    done = await server.fairlead("outbox", "status", *where)
    assert done.status == 0, done.stderr
    assert "2 rows wait in outbox 'containers'" in done.lines[0]
    assert done.lines[1:] == [
        "nobody follows it",
        "the next follower copies the table: nothing of it was followed before",
    ]
    assert (await server.fairlead("outbox", "follow", "--once", *where)).status == 0
    found = json.loads((await server.fairlead("outbox", "status", "--json", *where)).stdout)
    assert (found["waiting"], found["follower"], found["copies"]) == (0, None, None)


async def test_status_of_a_server_that_is_away_is_one_line(database: Database, tmp_path: Path) -> None:
    where = ("--database", database.url, "--table", "containers", "--kind", "k", "--url", "ws://127.0.0.1:1/ws")
    process = await asyncio.create_subprocess_exec(
        *FAIRLEAD, "outbox", "status", *where, stderr=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    _, stderr = await asyncio.wait_for(process.communicate(), COMMAND_S)
    assert process.returncode == 125
    assert stderr.decode().startswith("fairlead: cannot reach ws://127.0.0.1:1/ws")
    assert stderr.count(b"\n") == 1
