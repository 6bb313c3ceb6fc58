"""`fairlead outbox`: the rows of a table of another PostgreSQL database as records, live.

`install` is for whoever owns the database, `follow` runs for ever, as a service.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead_client import CallFailed
from fairlead_client.asyncio import given_sessions
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_server.commands import _progress
from fairlead_server.commands._notes import note, plural
from fairlead_server.commands._system import connection_to, run_until_stopped
from fairlead_server.connect import DEFAULT_URL, Server, TokenFileOption, UrlOption, server_of, with_session
from fairlead_server.errors import CommandError
from fairlead_server.outbox import installer
from fairlead_server.outbox.follower import NOTHING_YET, Follower, Progress
from fairlead_server.outbox.mapping import Mapping, columns_of, read_mapping
from fairlead_server.outbox.names import Names, names_of
from fairlead_server.outbox.records import Change, Records
from fairlead_server.outbox.snapshots import Cursor
from fairlead_server.outbox.source import Source, opened

DATABASE_VARIABLE = "FAIRLEAD_OUTBOX_DATABASE"

DatabaseOption = Annotated[
    str,
    typer.Option(
        "--database",
        envvar=DATABASE_VARIABLE,
        metavar="URL",
        help="postgresql://USER@HOST:PORT/NAME; its password comes from PGPASSWORD or ~/.pgpass.",
    ),
]
TableOption = Annotated[str, typer.Option("--table", metavar="TABLE", help="TABLE or SCHEMA.TABLE.")]
NameOption = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Of the outbox; else it is called as the table.")
]

application = typer.Typer(no_args_is_help=True, help="Follow a table of another PostgreSQL database.")


@application.command("install")
def install_outbox(
    database: DatabaseOption,
    table: TableOption,
    name: NameOption = None,
    id_column: Annotated[
        str | None, typer.Option("--id-column", metavar="COLUMN", help="Unique; else the primary key.")
    ] = None,
    no_notify: Annotated[
        bool, typer.Option("--no-notify", help="Wake nobody: the follower looks ten times a second.")
    ] = False,
    is_shown: Annotated[bool, typer.Option("--print", help="Show the SQL, and do nothing.")] = False,
) -> None:
    """Make a table's outbox, and the triggers that write into it."""
    names = names_of(table, name)
    if is_shown:
        print(asyncio.run(installer.script(database, names, id_column, notifies=not no_notify)), end="")
    elif asyncio.run(installer.install(database, names, id_column, notifies=not no_notify)):
        note(f"outbox {names.outbox!r} has what becomes of {names.source} from now on")
    else:
        note(f"outbox {names.outbox!r} is there already")


@application.command("remove")
def remove_outbox(database: DatabaseOption, table: TableOption, name: NameOption = None) -> None:
    """Take an outbox and its triggers away. The records stay as they are."""
    names = names_of(table, name)
    if not asyncio.run(installer.remove(database, names)):
        raise CommandError(f"there is no outbox {names.outbox!r}")


@application.command("follow")
def follow(  # noqa: PLR0913 (one parameter an option)
    database: DatabaseOption,
    table: TableOption,
    name: NameOption = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Of the records.")] = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="TEXT", help="Of the records' ids, before the key.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="ID", help="Of the records: a user, a project.")
    ] = None,
    owner_column: Annotated[
        str | None, typer.Option("--owner-column", metavar="COLUMN", help="Where a row's owner is.")
    ] = None,
    object_id: Annotated[
        str | None, typer.Option("--object", metavar="ID", help="Who may read it reads all; else each has its own.")
    ] = None,
    object_column: Annotated[
        str | None, typer.Option("--object-column", metavar="COLUMN", help="Where a row's object is.")
    ] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--columns", metavar="LIST", help="COLUMN or FIELD=COLUMN, ...; else all.")
    ] = None,
    mapping_file: Annotated[
        Path | None, typer.Option("--mapping", metavar="FILE", help="TOML with these options; they count over it.")
    ] = None,
    skips_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Leave a row out that Fairlead refuses; else end.")
    ] = False,
    copies_anew: Annotated[bool, typer.Option("--copy", help="Copy the whole table first, in any case.")] = False,
    is_once: Annotated[bool, typer.Option("--once", help="End when all that is there now is told.")] = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Tell what becomes of the rows of a table, as records. It goes on where the last one ended, and exactly there."""
    given = {
        "kind": kind,
        "prefix": prefix,
        "owner": owner,
        "owner_column": owner_column,
        "object": object_id,
        "object_column": object_column,
        "columns": columns_of(columns) if columns else None,
    }
    mapping = read_mapping(mapping_file, {key: value for key, value in given.items() if value is not None})
    following = Following(server_of(url, token_file), names_of(table, name), mapping, skips_refused)
    run_until_stopped(following.server, following.run(database, is_once=is_once, copies_anew=copies_anew))


class Following:
    """One run of `follow`."""

    def __init__(self, server: Server, names: Names, mapping: Mapping, skips_refused: bool) -> None:
        self.server = server
        self._names = names
        self._mapping = mapping
        self._skips_refused = skips_refused

    async def run(self, database: str, *, is_once: bool, copies_anew: bool) -> None:
        """Until it is ended. Raises ClientError, CommandError."""
        connection = connection_to(self.server)
        shown = _Shown()
        try:
            records = Records(connection, self._mapping, self._refused)
            open_source = partial(Source.open, database, self._names, self._mapping)
            follower = Follower(open_source, records, self._mapping, self._refused, shown)
            await follower.run(is_once=is_once, copies_anew=copies_anew)
        finally:
            shown.line.end()
            await connection.close()

    def _refused(self, change: Change, error: CallFailed) -> None:
        text = f"{change['op']} of record {change['id']!r} is refused: {error}"
        if not self._skips_refused:
            raise CommandError(f"{text}; --skip-refused leaves such out")
        note(f"left out: {text}")


class _Shown(Progress):
    """On stderr."""

    def __init__(self) -> None:
        self.line = _progress.Progress(after_s=1.0)

    def said(self, text: str) -> None:
        self.line.end()
        note(text)

    def copied(self, rows: int, estimate: int | None) -> None:
        if estimate is None or estimate < rows:
            self.line.show(f"copied {plural(rows, 'row')}")
        else:
            self.line.show(f"copied {_progress.share(rows, estimate, 'rows')}")


@application.command("status")
def status(  # noqa: PLR0913 (one parameter an option)
    database: DatabaseOption,
    table: TableOption,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="Of the records.")],
    name: NameOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Say how far the follower of an outbox is behind."""
    names, mapping = names_of(table, name), Mapping(kind)
    cursor = with_session(server_of(url, token_file), partial(_cursor, mapping))
    found = asyncio.run(_status(database, names, mapping, cursor))
    print(json.dumps(found) if as_json else "\n".join(_sentences(found)))


async def _cursor(mapping: Mapping, session: AutobahnSession) -> Cursor | None:
    sessions = given_sessions()
    sessions.joined(session)
    return await Records(sessions, mapping, lambda change, error: None).cursor()


async def _status(database: str, names: Names, mapping: Mapping, cursor: Cursor | None) -> dict[str, Any]:
    async with opened(database, names, mapping) as source:
        here, _, consumed = await source.installed()
        behind = await source.behind(None if cursor is None else cursor.done)
    copying = None if cursor is None else cursor.copying
    return {
        "outbox": names.outbox,
        "source": here.source,
        "waiting": behind.rows,
        "oldest_s": round(behind.oldest_s, 3),
        "follower": behind.follower,
        "copied": None if copying is None else copying.rows,
        "copies": NOTHING_YET if cursor is None else cursor.why_copy(here, consumed),
    }


def _sentences(found: dict[str, Any]) -> list[str]:
    rows = plural(found["waiting"], "row")
    lines = [f"{found['source']}: {rows} wait in outbox {found['outbox']!r}"]
    if found["waiting"]:
        lines[0] += f", the oldest for {found['oldest_s']:g} s"
    process = found["follower"]
    lines.append("nobody follows it" if process is None else f"a follower reads it (process {process} of the database)")
    if found["copied"] is not None:
        lines.append(f"a copy of the table is under way: {plural(found['copied'], 'row')} so far")
    if found["copies"] is not None:
        lines.append(f"the next follower copies the table: {found['copies']}")
    return lines
