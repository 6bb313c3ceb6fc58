"""`fairlead journald`: the systemd journal as a live log that administrators read.

The journal is its own spool: what the service has not acknowledged is read again, from the cursor that belongs to the
number of its last record. So nothing is lost or repeated, whichever side is killed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer

from fairlead_client.asyncio import call
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.requests import CREATE
from fairlead_server.commands._journal import Entry, Place, Places, batches, entries
from fairlead_server.commands._notes import note
from fairlead_server.commands._sending import Sending, until_done
from fairlead_server.commands._system import (
    PROJECT,
    ProjectOption,
    StreamOption,
    connection_to,
    make_project,
    run_until_stopped,
    state_directory,
    stream_of,
)
from fairlead_server.connect import DEFAULT_URL, Server, TokenFileOption, UrlOption, server_of
from fairlead_server.errors import CommandError

PRODUCER = "journald"
# When nothing is written for longer than the first, we are heard by the second all the same.
BEAT_S, HEARTBEAT_S = 20, 60


def journald(  # noqa: PLR0913 (one parameter an option)
    stream: StreamOption = None,
    project: ProjectOption = PROJECT,
    once: Annotated[bool, typer.Option("--once", help="End when all that is there now is in the log.")] = False,
    directory: Annotated[
        Path | None, typer.Option("--directory", metavar="DIR", help="Of the journal, as journalctl has it.")
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", metavar="UNIT", help="Only this; may be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Where to begin, as journalctl has it; else all.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Follow the systemd journal into a log: a source for each program, a record for each line.

    Its project is made if it is not there, and is yours then. Run as an administrator, so that only administrators read
    the log until you grant it to others. It goes on where it was stopped, and exactly there.
    """
    server = server_of(url, token_file)
    options = [f"--unit={each}" for each in unit or ()]
    options += ["--follow"] if not once else []
    options += [f"--directory={directory}"] if directory is not None else []
    run_until_stopped(server, Journal(server, stream_of(stream, "journal"), options, since).run(project))


class Journal:
    """One run."""

    def __init__(self, server: Server, stream: str, options: list[str], since: str | None) -> None:
        self._server = server
        self._stream = stream
        self._options = options
        self._since = since
        self._places = Places(state_directory("journald", stream) / "places.json")

    async def run(self, project: str) -> None:
        """Until the journal ends, which it does with --once. Raises ClientError, CommandError."""
        connection = connection_to(self._server)
        try:
            await make_project(connection, project)
            note(f"the log is {self._stream}")
            await until_done(connection, lambda session: self._follow(session, project))
        finally:
            await connection.close()

    async def _follow(self, session: AutobahnSession, project: str) -> None:
        about = {"producer": PRODUCER, "project": project, "heartbeat_s": HEARTBEAT_S}
        stand = await call(session, CREATE, self._stream, **about)
        known = int(stand["producer_seq"])
        place = self._places.before(known)
        if place is None:
            where = "what was kept of the place in the journal is gone"
            raise CommandError(f"{self._stream} has {known} records, but {where}: begin another --stream")
        sending = Sending(session, self._stream, {"producer": PRODUCER, "term": stand["producer_term"]})
        sending.begins_at(place.seq, "seq", lambda _: 1, skipped=known - place.seq)
        since = [f"--since={self._since}"] if self._since is not None and place.cursor is None else []
        try:
            async with entries([*self._options, *since], place.cursor) as found:
                await self._send(found, sending, place)
            await sending.settle()
        finally:
            await sending.close()

    async def _send(self, found: AsyncIterator[Entry], sending: Sending, place: Place) -> None:
        """The place of a batch is kept before it is sent: the service may have it, and we may not hear of that."""
        async with aclosing(batches(found, BEAT_S)) as together:
            async for batch in together:
                if not batch:
                    await sending.settle()
                    await sending.beat()
                    continue
                self._places.add(place, sending.acknowledged)
                records = [record for entry in batch for record in entry.records]
                await sending.send(records)
                place = Place(place.seq + len(records), batch[-1].cursor)
