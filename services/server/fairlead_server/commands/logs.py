"""`fairlead logs`: shows logs, or follows them to their ends.

Without `-f` it shows what is there now and ends with 0; a server that cannot be reached is an error. With `-f` it lives
through the server's restarts, shows every line once, and ends as the command did whose log it is.
"""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

from fairlead_client import ClientError, Follower, Start
from fairlead_server.commands._display import STDERR, STDOUT, Display, Json, Plain, Write
from fairlead_server.commands._dressed import Dressed, Paper, local_time, utc_time
from fairlead_server.commands._output import Output, OutputClosed
from fairlead_server.commands._progress import Progress
from fairlead_server.commands._sessions import each_its_own, one_for_all
from fairlead_server.commands._showing import Log, Showing
from fairlead_server.commands._sifting import Grep, Sieve
from fairlead_server.commands._sizes import bytes_of
from fairlead_server.commands._times import time_us_of
from fairlead_server.connect import (
    DEFAULT_URL,
    Server,
    TokenFileOption,
    UrlOption,
    command_error,
    hush_autobahn,
    server_of,
)
from fairlead_server.errors import EXIT_INTERRUPTED, EXIT_OUTPUT_CLOSED, CommandError

# Each that is followed has a connection of its own; more lines than these write are nothing to look at.
MOST_LOGS = 50
# Of the service's markers, which are shown whatever the sources.
MARKER_SOURCE = "fairlead"
# What is shown in less needs no word on how far it is.
PROGRESS_AFTER_S = 1.0


class Color(StrEnum):
    """When there are colours."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Look(NamedTuple):
    """What the lines look like."""

    is_followed: bool
    as_json: bool
    timestamps: bool
    utc: bool
    color: Color


def logs(  # noqa: PLR0913 (one parameter an option)
    streams: Annotated[list[str], typer.Argument(metavar="ID...", help="The logs' ids.", show_default=False)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the logs end.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", metavar="N", min=0, help="Begin with the last N lines.")] = None,
    tail_bytes: Annotated[
        str | None, typer.Option("--tail-bytes", metavar="SIZE", help="Begin with the last lines of so many bytes.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Begin at a time (RFC 3339), or 10m, 2h, 3d ago.")
    ] = None,
    attempt: Annotated[
        int | None, typer.Option("--attempt", metavar="N", min=1, help="Only this attempt.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only lines from before a time, or 10m, 2h, 3d ago.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", metavar="S", help="Only this source, as stdout; may be repeated.")
    ] = None,
    grep: Annotated[
        str | None, typer.Option("--grep", metavar="TEXT", help="Only lines with this text; no pattern.")
    ] = None,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", "-i", help="For --grep.")] = False,
    context: Annotated[
        int, typer.Option("--context", "-C", metavar="N", min=0, help="For --grep: N lines before and after, too.")
    ] = 0,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Begin each line with its time.")] = False,
    utc: Annotated[bool, typer.Option("--utc", help="As --timestamps, but in UTC.")] = False,
    color: Annotated[Color, typer.Option("--color", help="Auto: on a terminal, unless NO_COLOR is set.")] = Color.AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line, all on stdout.")] = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Show the logs ID...: their stdout on stdout, their other sources on stderr.

    Several are interleaved by the times of their lines, and with -f from then on as they come; each line has its log's
    id before it. On a terminal what a progress bar has overwritten is left out.

    With -f the exit status is that of the log's command, or with --attempt of that run; of several, in the order given,
    the first that is not 0. It is 124 when the permission to read was revoked, 130 after Ctrl-C. 125 is an error of
    ours.
    """
    begins: dict[str, object] = {"--tail": tail, "--tail-bytes": tail_bytes, "--since": since, "--attempt": attempt}
    _check(streams, begins, {"-f": follow, "--until": until})
    if grep is None and (ignore_case or context):
        raise CommandError("--ignore-case and --context are about --grep, which is not there")
    now = datetime.now().astimezone()
    start = Start(
        tail=tail,
        tail_bytes=None if tail_bytes is None else bytes_of(tail_bytes, "--tail-bytes"),
        since_us=None if since is None else time_us_of(since, now),
        attempt=attempt,
        sources=[*source, MARKER_SOURCE] if source else None,
    )
    until_us = None if until is None else time_us_of(until, now, "--until")

    def log(stream: str) -> Log:
        found = None if grep is None else Grep(grep, ignores_case=ignore_case, context=context)
        return Log(Follower(stream, start, to_the_end=False), Sieve(source or (), until_us, found))

    shown = [log(stream) for stream in dict.fromkeys(streams)]
    server = server_of(url, token_file)
    hush_autobahn()
    try:
        status = asyncio.run(_show(server, shown, Look(follow, as_json, timestamps or utc, utc, color)))
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    except OutputClosed:
        status = EXIT_OUTPUT_CLOSED
    raise typer.Exit(status)


def _check(streams: list[str], begins: dict[str, object], ends: dict[str, object]) -> None:
    """Raises CommandError for too many logs, and for options of which each says where to begin, or to end."""
    if len(streams) > MOST_LOGS:
        raise CommandError(f"{len(streams)} logs at once; at most {MOST_LOGS} are shown")
    for place, options in (("begin", begins), ("end", ends)):
        given = [option for option, value in options.items() if value is not None and value is not False]
        if len(given) > 1:
            raise CommandError(f"{' and '.join(given)} exclude each other: one says where to {place}")


async def _show(server: Server, logs: list[Log], look: Look) -> int:
    """The status to end with. Raises OutputClosed, CommandError."""
    output = Output()
    display = _display(output.write, [log.follower.stream for log in logs], look)
    try:
        status = await output.unless_closed(_show_from(server, logs, Showing(logs, display, output, _progress()), look))
        await output.unless_closed(output.drained())
    except ClientError as error:
        display.failed(getattr(error, "uri", ""), str(error))
        await output.unless_closed(output.drained())
        raise command_error(error, server.url) from None
    return status


async def _show_from(server: Server, logs: list[Log], showing: Showing, look: Look) -> int:
    opened = each_its_own if look.is_followed else one_for_all
    async with opened(server, len(logs)) as sessions:
        return await showing.run(sessions, is_followed=look.is_followed)


def _progress() -> Progress:
    """For a download: what is shown on the terminal shows itself how far it is."""
    return Progress(after_s=PROGRESS_AFTER_S, is_shown=not os.isatty(STDOUT))


def _display(write: Write, streams: list[str], look: Look) -> Display:
    if look.as_json:
        return Json(write, names_streams=len(streams) > 1)
    papers = (_paper(STDOUT, look.color), _paper(STDERR, look.color))
    if len(streams) == 1 and not look.timestamps and papers == (Paper(), Paper()):
        return Plain(write, is_followed=look.is_followed)
    clock = (utc_time if look.utc else local_time) if look.timestamps else None
    return Dressed(write, streams, papers, clock, is_followed=look.is_followed)


def _paper(descriptor: int, color: Color) -> Paper:
    is_terminal = os.isatty(descriptor)
    is_wanted = is_terminal and not os.environ.get("NO_COLOR")
    return Paper(color is Color.ALWAYS or (color is Color.AUTO and is_wanted), is_terminal)
