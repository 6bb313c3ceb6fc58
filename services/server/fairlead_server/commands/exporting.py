"""`fairlead export`: a log as a file, or a directory with a file for each source."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, get_args

import typer

from fairlead_client import ClientError, Cursor, Follower, Start
from fairlead_client.asyncio import Connection
from fairlead_client.follow import follow_items
from fairlead_client.following import Batch, Reset, Revoked
from fairlead_server.commands._display import STDOUT
from fairlead_server.commands._notes import note, plural
from fairlead_server.commands._output import Output, OutputClosed
from fairlead_server.commands._progress import Progress, share
from fairlead_server.commands._wording import words_for
from fairlead_server.commands._writing_out import Files, Kind, written
from fairlead_server.connect import (
    DEFAULT_URL,
    Server,
    TokenFileOption,
    UrlOption,
    command_error,
    hush_autobahn,
    server_of,
)
from fairlead_server.errors import EXIT_INTERRUPTED, EXIT_OUTPUT_CLOSED, EXIT_REVOKED, CommandError


class Export:
    """One run: the follower, and what was missing on the way."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.gaps = 0
        self.records = 0
        self.progress = Progress(after_s=0.5)

    async def run(self, server: Server, take: Callable[[Batch], Awaitable[None]]) -> None:
        """Hands on all batches up to the head as it is now. Raises ClientError, and CommandError after a revocation."""
        connection = Connection(server.url, realm=server.realm, token=server.token, on_change=self._say_change)
        try:
            async with aclosing(follow_items(connection, self.follower)) as items:
                async for item in items:
                    if isinstance(item, Batch):
                        self.records += len(item.records)
                        await take(item)
                        self._show()
                    elif words := words_for(self.follower.stream, item, is_followed=False):
                        self._say(words)
                        self.gaps += 1
                    if isinstance(item, Revoked):
                        raise CommandError("the export is not whole", EXIT_REVOKED)
                    if isinstance(item, Reset):
                        raise CommandError("the export cannot go on in another store: delete it and begin anew")
        finally:
            self.progress.end()
            await connection.close()

    def _show(self) -> None:
        cursor, end = self.follower.cursor, self.follower.end
        if cursor is not None and end is not None:
            self.progress.show(share(cursor.next, max(cursor.next, end), "lines"))

    def _say(self, text: str) -> None:
        self.progress.end()
        note(text)

    def _say_change(self, reason: str | None) -> None:
        self._say("connected again" if reason is None else f"{reason}; trying again")


def export(
    stream: Annotated[str, typer.Argument(metavar="ID", help="The log's id.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="A new file, or directory; else stdout.")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="text|ndjson|dir", help="Bytes, records, or a file for each source.")
    ] = "text",
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Write the log ID as it is now: its bytes in their order, or its records, one JSON document a line.

    With -o the same call goes on with an export that was cut. What is not there any more is told, and the exit status
    is 125 then. `fairlead import --format ndjson` makes the same records of them again.
    """
    kinds: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
    if format_ not in kinds:
        raise CommandError(f"--format {format_!r} is none of {', '.join(kinds)}")
    if format_ == "dir" and output is None:
        raise CommandError("--format dir needs -o: the directory")
    server = server_of(url, token_file)
    hush_autobahn()
    try:
        if output is None:
            done = asyncio.run(_to_stdout(server, stream, kinds[format_]))
        else:
            done = _to_files(server, Files(output, stream, kinds[format_]), stream)
    except KeyboardInterrupt:
        if output is not None:
            note("stopped; the same call goes on from there")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except OutputClosed:
        raise typer.Exit(EXIT_OUTPUT_CLOSED) from None
    except ClientError as error:
        raise command_error(error, server.url) from None
    if done.gaps:
        raise CommandError(f"the export of {stream} is not whole: see above")
    if output is not None:
        note(f"{plural(done.records, 'record')} of {stream} written to {output}")


def _to_files(server: Server, files: Files, stream: str) -> Export:
    place = files.place
    start = Start() if place is None else Start(Cursor(place.epoch, place.next))
    follower = Follower(stream, start, to_the_end=False)
    export = Export(follower)

    async def take(batch: Batch) -> None:
        files.write(batch)
        assert follower.cursor is not None, "a batch moves the cursor"
        files.came_to(*follower.cursor)

    try:
        asyncio.run(export.run(server, take))
        files.finish()
    except BaseException:
        files.save()
        raise
    finally:
        files.close()
    return export


async def _to_stdout(server: Server, stream: str, kind: Kind) -> Export:
    export = Export(Follower(stream, Start(), to_the_end=False))
    export.progress = Progress(after_s=0.5, is_shown=not os.isatty(STDOUT))
    output = Output()

    async def take(batch: Batch) -> None:
        output.write(STDOUT, b"".join(data for _, data in written(batch, kind)))
        await output.room()

    await output.unless_closed(export.run(server, take))
    await output.unless_closed(output.drained())
    return export
