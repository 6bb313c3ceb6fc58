"""`fairlead logs`: shows a log, or follows it to its end.

Without `-f` it shows what is there now and ends with 0; a server that cannot be reached is an error. With `-f` it lives
through the server's restarts, shows every line once, and ends as the command did whose log it is.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import datetime
from typing import Annotated

import typer

from fairlead_client import ClientError, Follower, Revoked, Sealed, Start, Unreachable
from fairlead_client.asyncio import AsyncioRuntime, Connection, connect, disconnect, follow_items
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.runtime import Session, Sessions
from fairlead_server.commands._display import Display, JsonDisplay, OutputClosed
from fairlead_server.commands._notes import note
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
from fairlead_server.errors import EXIT_INTERRUPTED, EXIT_REVOKED, CommandError

# As for a program that was ended by SIGPIPE.
EXIT_OUTPUT_CLOSED = 141
LARGEST_STATUS = 255


def logs(  # noqa: PLR0913 (one parameter an option)
    stream: Annotated[str, typer.Argument(metavar="ID", help="The log's id.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the log ends.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", metavar="N", min=0, help="Begin with the last N lines.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Begin at a time (RFC 3339), or 10m, 2h, 3d ago.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", metavar="S", help="Only this source, as stdout; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line, all on stdout.")] = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Show the log ID: its stdout on stdout, its other sources on stderr.

    With -f the exit status is that of the log's command, and 124 when the permission to read is revoked. 125 is an
    error of ours.
    """
    if tail is not None and since is not None:
        raise CommandError("--tail and --since exclude each other: one says where to begin")
    since_us = None if since is None else time_us_of(since, datetime.now().astimezone())
    server = server_of(url, token_file)
    follower = Follower(stream, Start(tail=tail, since_us=since_us), to_the_end=follow)
    display = (JsonDisplay if as_json else Display)(stream, source or ())
    hush_autobahn()
    try:
        status = asyncio.run(_show(server, follower, display))
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    except OutputClosed:
        status = EXIT_OUTPUT_CLOSED
    except ClientError as error:
        display.failed(getattr(error, "uri", ""), str(error))
        raise command_error(error, server.url) from None
    raise typer.Exit(status)


async def _show(server: Server, follower: Follower, display: Display) -> int:
    if follower.to_the_end:
        connection = Connection(server.url, realm=server.realm, token=server.token, on_change=_say_change)
        try:
            return await _show_from(connection, follower, display)
        finally:
            await connection.close()
    session = await connect(server.url, realm=server.realm, token=server.token)
    try:
        return await _show_from(_OneSession(session), follower, display)
    finally:
        await disconnect(session)


async def _show_from(sessions: Sessions, follower: Follower, display: Display) -> int:
    """Shows all items; the status to end with."""
    async with aclosing(follow_items(sessions, follower)) as items:
        async for item in items:
            display.show(item)
            if isinstance(item, Revoked):
                raise CommandError(f"the permission to read {follower.stream} was revoked: {item.reason}", EXIT_REVOKED)
            if isinstance(item, Sealed) and follower.to_the_end:
                return _ended(item)
    return 0


def _ended(sealed: Sealed) -> int:
    """The command's status as ours; one that no process can have is an error all the same."""
    reason = "" if sealed.reason is None else f" ({sealed.reason})"
    if sealed.exit_code is None:
        note(f"the log has ended, without an exit status{reason}")
        return 0
    note(f"the log has ended, with exit status {sealed.exit_code}{reason}")
    return sealed.exit_code if 0 <= sealed.exit_code <= LARGEST_STATUS else 1


def _say_change(reason: str | None) -> None:
    note("connected again" if reason is None else f"{reason}; trying again")


class _OneSession:
    """Sessions of somebody who does not wait for a server that is away."""

    def __init__(self, session: AutobahnSession) -> None:
        self.runtime = AsyncioRuntime()
        self._session = session

    async def session(self) -> Session:
        """The session, as long as it lives."""
        if not self._session.is_open:
            raise Unreachable("the connection was lost")
        return self._session
