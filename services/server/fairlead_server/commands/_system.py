"""What the inputs of system logs share: a stream in a project that administrators read, and how they end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead_client import ClientError
from fairlead_client.asyncio import Connection, call
from fairlead_client.spooling import spool_directory
from fairlead_server.commands._notes import note
from fairlead_server.commands._sending import until_done
from fairlead_server.connect import Server, command_error, hush_autobahn
from fairlead_server.errors import EXIT_INTERRUPTED

PROJECT = "system-logs"

ProjectOption = Annotated[
    str, typer.Option("--project", metavar="P", help="Of a new log; made if it is not there.", show_default=True)
]
StreamOption = Annotated[
    str | None, typer.Option("--stream", metavar="ID", help="The log's id; else it has the host's name in it.")
]


def stream_of(given: str | None, kind: str) -> str:
    """The stream of this host's logs of a kind."""
    host = "".join(each if each.isascii() and each.isalnum() else "-" for each in os.uname().nodename)
    return given or f"{kind}-{host}"[:128]


def state_directory(kind: str, stream: str) -> Path:
    """Where an input keeps what it must know again."""
    return spool_directory().parent / kind / stream


async def make_project(connection: Connection, project: str) -> None:
    """Makes the project unless it is there: as an administrator's it is read by administrators only, until granted."""

    async def make(session: Any) -> None:
        await call(session, "fairlead.authz.apply", [{"op": "put", "kind": "project", "id": project}])

    await until_done(connection, make)


def connection_to(server: Server) -> Connection:
    """A connection for as long as it takes; its outages are told."""

    def say(reason: str | None) -> None:
        note("connected again" if reason is None else f"{reason}; trying again")

    return Connection(server.url, realm=server.realm, token=server.token, on_change=say)


def run_until_stopped(server: Server, job: Coroutine[Any, Any, None]) -> None:
    """Runs it to its end or a signal. After SIGTERM, as from a service manager, the status is 0, after Ctrl-C 130."""
    hush_autobahn()
    try:
        stopped = asyncio.run(_until_signal(job))
    except ClientError as error:
        raise command_error(error, server.url) from None
    if stopped == signal.SIGINT:
        raise typer.Exit(EXIT_INTERRUPTED)


async def _until_signal(job: Coroutine[Any, Any, None]) -> int | None:
    """The signal that has ended it; None when it came to its end."""
    loop = asyncio.get_running_loop()
    numbers: list[int] = []
    working = asyncio.ensure_future(job)

    def on_signal(number: int) -> None:
        numbers.append(number)
        working.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    with suppress(asyncio.CancelledError):
        await working
    return numbers[0] if numbers else None
