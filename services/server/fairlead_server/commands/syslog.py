"""`fairlead syslog`: syslog messages as a live log that administrators read.

What has been read is in a spool on disk before anything else happens, and is sent from there: a server that is away, or
a kill of ours, loses nothing of it. What was dropped before we could read it is counted where the kernel does so, and
said by a marker in the log.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fairlead_client.asyncio import LogWriter
from fairlead_client.records import MARKER, now_us
from fairlead_server.commands._listening import Listener, Sink, listen
from fairlead_server.commands._notes import note, plural
from fairlead_server.commands._syslog import records_of_message
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
from fairlead_server.connect import DEFAULT_URL, Server, TokenFileOption, UrlOption, command_error, server_of

PRODUCER = "syslog"
MARKER_SOURCE = "fairlead"
HEARTBEAT_S = 60
# How long the last messages may take after a signal; the rest is sent by the next start.
LINGER_S = 5.0


def syslog(
    listen_on: Annotated[
        list[str],
        typer.Option(
            "--listen",
            metavar="URL",
            help="As unix:///run/fairlead/log, udp://127.0.0.1:5514, tcp://...; may be repeated.",
        ),
    ],
    stream: StreamOption = None,
    project: ProjectOption = PROJECT,
    raw: Annotated[bool, typer.Option("--raw", help="Keep whole messages, with priority, time and host.")] = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Take syslog messages (RFC 5424 and 3164) into a log: a source for each program, a record for each line.

    Whoever reaches the address can write there: syslog knows no senders. The log's project is made if it is not there,
    and is yours then. Run as an administrator, so that only administrators read the log until you grant it to others.
    """
    server = server_of(url, token_file)
    run_until_stopped(server, Inputs(server, stream_of(stream, "syslog"), is_raw=raw).run(listen_on, project))


class Inputs:
    """One run."""

    def __init__(self, server: Server, stream: str, *, is_raw: bool) -> None:
        self._server = server
        self._stream = stream
        self._is_raw = is_raw
        self._listeners: list[Listener] = []

    async def run(self, urls: list[str], project: str) -> None:
        """Until it is cancelled, or the server takes no more. Raises ClientError, CommandError."""
        connection = connection_to(self._server)
        try:
            writer = LogWriter(
                connection,
                self._stream,
                self._resume,
                producer=PRODUCER,
                project=project,
                heartbeat_s=HEARTBEAT_S,
                spool=state_directory("syslog", self._stream),
            )
            try:
                self._listen(urls, writer)
                await make_project(connection, project)
                raise command_error(await writer.failed(), self._server.url)
            finally:
                for listener in self._listeners:
                    listener.close()
                unsent = await writer.close(linger_s=LINGER_S)
                if unsent is not None:
                    note(f"{plural(unsent.records, 'line')} not sent yet: the next start of this does")
        finally:
            await connection.close()

    def _listen(self, urls: list[str], writer: LogWriter) -> None:
        def take(message: bytes) -> None:
            writer.write_records(records_of_message(message, now_us(), is_raw=self._is_raw))

        def dropped(count: int) -> None:
            writer.write_records([(now_us(), MARKER_SOURCE, json.dumps({"lost": count}), MARKER)])
            note(f"{plural(count, 'message')} came faster than they could be read, and the kernel dropped them")

        sink = Sink(lambda: writer.has_room, take, dropped)
        for url in urls:
            listener, name = listen(url, sink)
            self._listeners.append(listener)
            note(f"listening on {name}; the log is {self._stream}")

    def _resume(self) -> None:
        for listener in self._listeners:
            listener.resume()
