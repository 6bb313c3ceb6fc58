"""`fairlead run`: runs a command, its output is a live log.

The server is asked first, for a second at most, so that a mistake (a bad token, no permission, a log that has ended) is
an error before anything runs. A server that is away is none: the command starts, its output is kept in a spool and sent
when the server is back. Whatever becomes of the log, the exit status is the command's.

A run that is killed does not take the command with it: that goes on until it writes again, and ends by SIGPIPE then, or
with `--pty` at once by SIGHUP, as when a terminal is closed. The log stays open; `--send` sends what is in the spool
and ends it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from fairlead_client import CallFailed, ClientError
from fairlead_client.asyncio import Connection, LogWriter
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.errors import SEALED
from fairlead_client.spool import Spool
from fairlead_client.spooling import About, new_spool
from fairlead_client.writer import LINGER_S, Unsent
from fairlead_server.commands._attend import Attendant
from fairlead_server.commands._child import not_started
from fairlead_server.commands._notes import note, plural
from fairlead_server.commands._pairs import pairs_of
from fairlead_server.connect import (
    URL_VARIABLE,
    Server,
    TokenFileOption,
    default_url,
    hush_autobahn,
    request,
    server_of,
    with_session,
)
from fairlead_server.errors import EXIT_ERROR, EXIT_INTERRUPTED, CommandError

# How long the command may have to wait for the server's first word.
FIRST_CONTACT_S = 1.0
# When waiting for the server gets long enough to be explained.
EXPLAIN_S = 1.0
NEXT = "next"
# A run that is killed is shown as stale after so long; a beat costs a message.
HEARTBEAT_S = 15
# As the service takes it: a day.
LONGEST_HEARTBEAT_S = 86_400


class Plan(NamedTuple):
    """What is to be run, and how."""

    command: list[str]
    is_quiet: bool
    linger_s: float
    has_terminal: bool


def run(  # noqa: PLR0913 (one parameter an option)
    command: Annotated[list[str] | None, typer.Argument(metavar="COMMAND...", help="The command to run.")] = None,
    object_id: Annotated[
        str | None, typer.Option("--object", metavar="ID", help="The log's id; a new one if not given.")
    ] = None,
    project: Annotated[str | None, typer.Option("--project", metavar="P", help="The project of a new log.")] = None,
    attempt: Annotated[
        str | None, typer.Option("--attempt", metavar="N|next", help="The N-th, or next, run into the log of this ID.")
    ] = None,
    heartbeat: Annotated[
        int,
        typer.Option(
            "--heartbeat",
            metavar="S",
            min=0,
            max=LONGEST_HEARTBEAT_S,
            help="Silent for longer, it is shown as stale; 0: never.",
        ),
    ] = HEARTBEAT_S,
    meta: Annotated[
        list[str] | None, typer.Option("--meta", metavar="K=V", help="For a new log's metadata; may be repeated.")
    ] = None,
    pty: Annotated[
        bool, typer.Option("--pty", help="Run it on a terminal of its own: stdout and stderr are one.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not repeat the command's output.")] = False,
    linger: Annotated[
        float, typer.Option("--linger", metavar="S", min=0, help="Seconds to wait for the server after the end.")
    ] = LINGER_S,
    send: Annotated[
        Path | None, typer.Option("--send", metavar="SPOOL", help="Run nothing: send what another run has left.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help=f"The server's WebSocket; else {URL_VARIABLE}.")
    ] = None,
    token_file: TokenFileOption = None,
) -> None:
    """Run COMMAND; its output is a live log, and repeated here.

    The exit status is the command's, 128+n when signal n ended it, 127 when it was not found. 125 is an error of ours.
    """
    hush_autobahn()
    if send is not None and command:
        raise CommandError("--send sends what another run has left: it takes no COMMAND")
    if send is not None:
        raise typer.Exit(_finish(_send(_left_spool(send, _number(attempt)), url, token_file, linger)))
    if not command:
        raise CommandError("there is no COMMAND to run: fairlead run [OPTIONS] -- COMMAND...")
    if shutil.which(command[0]) is None:
        number = errno.EACCES if Path(command[0]).exists() else errno.ENOENT
        raise not_started(command[0], OSError(number, os.strerror(number)))
    server = server_of(url or default_url(), token_file)
    nth = _next_attempt(server, object_id) if attempt == NEXT else _number(attempt)
    metadata: dict[str, Any] | None = pairs_of(meta, "--meta") if meta else None
    about = About(object=object_id, project=project, attempt=nth, metadata=metadata, heartbeat_s=heartbeat or None)
    try:
        spool = new_spool(object_id or _new_id(), **about)
    except ClientError as error:
        raise CommandError(str(error)) from None
    spool.meta.url = server.url
    spool.save_meta()
    raise typer.Exit(_finish(_run(server, spool, Plan(command, quiet, linger, pty))))


def _new_id() -> str:
    """An id that nobody else has, and that says when."""
    return f"run-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"


def _number(attempt: str | None) -> int | None:
    """Raises CommandError for what is no number of an attempt."""
    if attempt is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", attempt):
        raise CommandError(f"--attempt {attempt!r} is no attempt: a number from 1 on, or with a COMMAND 'next'")
    return int(attempt)


def _next_attempt(server: Server, stream: str | None) -> int | None:
    """The attempt behind the latest one of a log; None when there is none yet. Raises CommandError."""
    if stream is None:
        raise CommandError("--attempt next is about the log of an --object")

    async def job(session: AutobahnSession) -> int | None:
        found = (await request(session, "fairlead.log.list", prefix=stream, limit=1))["streams"]
        return int(found[0]["attempt"]) + 1 if found and found[0]["stream"] == stream else None

    return with_session(server, job)


def _finish(main: Coroutine[Any, Any, int]) -> int:
    try:
        return asyncio.run(main)
    except KeyboardInterrupt:  # before the command was started
        return EXIT_INTERRUPTED


# ---------------------------------------------------------------- run


async def _run(server: Server, spool: Spool, plan: Plan) -> int:
    away = asyncio.Event()
    connection = _connection(server, away)
    attendant = Attendant(plan.linger_s)
    writer = LogWriter(connection, spool, on_room=attendant.on_room)
    try:
        await _first_word(writer, away)
        if writer.failure is not None:
            raise _refused(writer.stream, writer.failure)
        note(f"the log is {writer.stream}")
        watching = asyncio.create_task(_say_failure(writer))
        with attendant.signals():
            status = await _attend(attendant, writer, plan)
            await _deliver(writer, plan.linger_s, attendant)
        watching.cancel()
        return status
    finally:
        unsent = await writer.close(linger_s=0)
        await connection.close()
        if unsent is not None:
            note(_what_is_left(unsent))


async def _attend(attendant: Attendant, writer: LogWriter, plan: Plan) -> int:
    """Runs the command into the log and ends that; the exit status."""
    try:
        status = await attendant.run(plan.command, writer, is_quiet=plan.is_quiet, has_terminal=plan.has_terminal)
    except CommandError as error:  # it could not be started: say so, if there is a log already
        note(str(error))
        status = error.status
        attendant.is_echo_finished.set()
        if not writer.was_open:
            return status
    writer.seal(status)
    return status


async def _say_failure(writer: LogWriter) -> None:
    error = await writer.failed()
    note(f"the server takes no more of the log: {error}; the command goes on")


async def _first_word(writer: LogWriter, away: asyncio.Event) -> None:
    """Waits until the server has accepted or refused the log, or is known to be away."""
    opened = asyncio.create_task(writer.opened(FIRST_CONTACT_S))
    waiting = asyncio.create_task(away.wait())
    await asyncio.wait({opened, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in (opened, waiting):
        task.cancel()
    await asyncio.wait({opened, waiting})


async def _deliver(writer: LogWriter, linger_s: float, attendant: Attendant) -> None:
    """Waits for the server to take the rest, and for a slow terminal, unless a signal says that nobody wants to."""
    delivered = asyncio.create_task(_delivered(writer, linger_s, attendant))
    interrupted = asyncio.create_task(attendant.is_interrupted.wait())
    await asyncio.wait({delivered, interrupted}, return_when=asyncio.FIRST_COMPLETED)
    for task in (delivered, interrupted):
        task.cancel()
    await asyncio.wait({delivered, interrupted})


async def _delivered(writer: LogWriter, linger_s: float, attendant: Attendant) -> bool:
    text = f"the server has not taken all of the log yet: waiting up to {linger_s:g} s (Ctrl-C ends that)"
    explanation = asyncio.get_running_loop().call_later(EXPLAIN_S, note, text)
    try:
        await writer.drain(linger_s)
    finally:
        explanation.cancel()
    return await attendant.is_echo_finished.wait()


# ---------------------------------------------------------------- send


def _left_spool(path: Path, attempt: int | None) -> Spool:
    """What a run has left, ended if the run could not do that."""
    try:
        spool = Spool.open(path)
    except ClientError as error:
        raise CommandError(str(error)) from None
    if spool.damage:
        note(f"the spool is damaged: {spool.damage}; the rest is sent")
    if not spool.has_end:
        spool.append_end(None, "the run was cut short")
    if attempt is not None:
        spool.meta.attempt = attempt
    return spool


async def _send(spool: Spool, url: str | None, token_file: Path | None, linger_s: float) -> int:
    server = server_of(url or spool.meta.url or default_url(), token_file)
    connection = _connection(server, asyncio.Event())
    writer = LogWriter(connection, spool)
    try:
        await writer.drain(linger_s)
    finally:
        unsent = await writer.close(linger_s=0)
        await connection.close()
    if writer.failure is not None:
        raise _refused(writer.stream, writer.failure)
    if unsent is not None:
        raise CommandError(_what_is_left(unsent))
    note(f"the log {spool.meta.stream} is complete; the spool is deleted")
    return 0


# ---------------------------------------------------------------- what is said


def _connection(server: Server, away: asyncio.Event) -> Connection:
    def changed(reason: str | None) -> None:
        if reason is None:
            note("connected again")
        else:
            away.set()
            note(f"{reason}; the log is kept here and sent later")

    return Connection(server.url, realm=server.realm, token=server.token, on_change=changed)


def _refused(stream: str, error: CallFailed) -> CommandError:
    if error.uri == SEALED:
        attempt = error.details.get("attempt", 1) + 1
        return CommandError(
            f"the log {stream} has ended; --attempt {attempt}, or next, would run into it once more", EXIT_ERROR
        )
    return CommandError(f"the server does not take the log {stream}: {error}")


def _what_is_left(unsent: Unsent) -> str:
    what = plural(unsent.records, "line") if unsent.records else "the end"
    return f"{what} of the log not sent: {unsent.reason}. To send it: fairlead run --send {unsent.spool}"
