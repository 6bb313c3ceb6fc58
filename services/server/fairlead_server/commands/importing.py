"""`fairlead import`: existing log files become a stream.

Which of a file is in the log the server knows, so a second call goes on exactly where the first was cut, also after a
power loss, and adds what a file has grown by.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from fairlead_client import ClientError
from fairlead_client.asyncio import Connection
from fairlead_client.requests import given
from fairlead_server.commands._formats import FORMATS
from fairlead_server.commands._importing import Imported, Importer
from fairlead_server.commands._notes import note, plural
from fairlead_server.commands._opening import Opened, source_of
from fairlead_server.commands._pairs import pairs_of
from fairlead_server.commands._progress import Progress, bar
from fairlead_server.commands._stamps import stamps_of
from fairlead_server.connect import (
    DEFAULT_URL,
    Server,
    TokenFileOption,
    UrlOption,
    command_error,
    hush_autobahn,
    server_of,
)
from fairlead_server.errors import EXIT_INTERRUPTED, CommandError


class Target(NamedTuple):
    """Where it goes, what is said of it, and how it ends."""

    stream: str
    about: dict[str, Any]
    follows: bool
    seals: bool
    exit_code: int | None


def import_files(  # noqa: PLR0913 (one parameter an option)
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Also .gz and .zst.", show_default=False)],
    stream: Annotated[str, typer.Option("--stream", metavar="ID", help="The log's id.", show_default=False)],
    format_: Annotated[
        str, typer.Option("--format", metavar="|".join(FORMATS), help="What the lines of the files are.")
    ] = "plain",
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="S", help="Their source; else that of a file is its name up to a dot."),
    ] = None,
    timestamps: Annotated[
        str | None,
        typer.Option(
            "--timestamps", metavar="PATTERN", help="What lines begin with, as strptime has it; else ISO 8601."
        ),
    ] = None,
    utc: Annotated[bool, typer.Option("--utc", help="Times without an offset are UTC, not local.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what the last FILE grows by.")] = False,
    seal: Annotated[bool, typer.Option("--seal", help="End the log behind them.")] = False,
    exit_code: Annotated[
        int | None, typer.Option("--exit-code", metavar="N", help="For --seal: how what wrote them ended.")
    ] = None,
    object_id: Annotated[str | None, typer.Option("--object", metavar="ID", help="The object of a new log.")] = None,
    project: Annotated[str | None, typer.Option("--project", metavar="P", help="The project of a new log.")] = None,
    meta: Annotated[
        list[str] | None, typer.Option("--meta", metavar="K=V", help="For a new log's metadata; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")] = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Put the lines of files into the log ID, one file behind the other.

    A line's time is what it begins with; without one it is that of the line before, and of the first lines the file's.
    What is in the log already is left out: the same call goes on where it was stopped. A file is known by its source
    and its first line, so it may be moved, rotated and compressed meanwhile.
    """
    if format_ not in FORMATS:
        raise CommandError(f"--format {format_!r} is none of {', '.join(FORMATS)}")
    if follow and (seal or format_ != "plain"):
        raise CommandError("--follow takes plain files, which have no end: no --seal, no other --format")
    if exit_code is not None and not seal:
        raise CommandError("--exit-code is about --seal, which is not there")
    time_of = stamps_of(timestamps, are_utc=utc)
    imported = [Imported(path, source or source_of(path), format_, time_of) for path in files]
    _check_known_apart(imported)
    about = given(object=object_id, project=project, metadata=pairs_of(meta, "--meta") if meta else None)
    target = Target(stream, about, follow, seal, exit_code)
    server = server_of(url, token_file)
    hush_autobahn()
    try:
        asyncio.run(_import(server, imported, target))
    except KeyboardInterrupt:
        _say(imported, stream, as_json)
        note("stopped; the same call goes on from there")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except ClientError as error:
        raise command_error(error, server.url) from None
    _say(imported, stream, as_json)


def _check_known_apart(imported: Sequence[Imported]) -> None:
    known: dict[str, Imported] = {}
    for each in imported:
        other = known.setdefault(each.producer(), each)
        if other is not each:
            rule = "with the same source and first line they are taken for one file; give each a --source of its own"
            raise CommandError(f"{str(other.path)!r} and {str(each.path)!r}: {rule}")


async def _import(server: Server, imported: Sequence[Imported], target: Target) -> None:
    progress = Progress()

    def show(each: Imported, file: Opened) -> None:
        progress.show(f"{each.path.name} {bar(file.done_bytes, file.total_bytes)}")

    def say(reason: str | None) -> None:
        progress.end()
        note("connected again" if reason is None else f"{reason}; trying again")

    connection = Connection(server.url, realm=server.realm, token=server.token, on_change=say)
    try:
        importer = Importer(connection, target.stream, target.about, show)
        for each in imported:
            await importer.run(each)
        while target.follows:  # the last file, and whichever takes its place
            await importer.run(imported[-1], follows=True)
        if target.seals:
            await importer.seal(target.exit_code)
    finally:
        progress.end()
        await connection.close()


def _say(imported: Sequence[Imported], stream: str, as_json: bool) -> None:
    """What was done, file by file."""
    if as_json:
        files = [{"file": str(each.path), "source": each.source, "records": each.records} for each in imported]
        print(json.dumps({"stream": stream, "files": files}))
        return
    for each in imported:
        before = " (the rest was there already)" if each.skipped else ""
        note(f"{each.path}: {plural(each.records, 'line')} more in {stream}{before}")
