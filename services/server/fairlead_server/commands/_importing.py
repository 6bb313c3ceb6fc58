"""Sends a file's records to the log service, from where the service says that it has them.

Each file is a producer of its own, known by its source and its first line: `create` says how much of it is in the log,
and the file is read from there. A lost session, a restart of either side and a second call all go on in this way; two
at once store nothing twice. The file is the spool: nothing of it is kept elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead_client.asyncio import Connection, call
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.requests import CREATE, SEAL, Result, given
from fairlead_server.commands._formats import FORMATS, Format, Plain, size_of
from fairlead_server.commands._notes import plural
from fairlead_server.commands._opening import Identity, Opened, identity_of
from fairlead_server.commands._sending import Sending, until_done
from fairlead_server.commands._stamps import TimeOf
from fairlead_server.errors import CommandError

_READ_BYTES = 48 * 1024
_LOOKED_BACK_BYTES = 64 * 1024
"""For the time of the line before the one at which an import goes on."""
_POLL_S = 0.25


@dataclass
class Imported:
    """One file, and what came of it."""

    path: Path
    source: str
    format: str
    time_of: TimeOf
    records: int = 0
    skipped: int = 0

    def producer(self) -> str:
        """The producer that the file is. Raises CommandError."""
        return self._producer(identity_of(self.path))

    async def settled_producer(self) -> str:
        """The same, once the first line is whole: what the file is known by changes no more then."""
        while True:
            identity = identity_of(self.path)
            if identity.is_whole:
                return self._producer(identity)
            await asyncio.sleep(_POLL_S)

    def _producer(self, identity: Identity) -> str:
        return f"import-{self.source}-{identity.fingerprint}"

    def stored(self, result: Result) -> None:
        """An append was answered."""
        self.records += result["next"] - result["first"]

    def reader(self, time_us: int) -> Format:
        """Reads it from its begin."""
        return FORMATS[self.format](self.source, self.time_of, time_us)


class Importer:
    """Imports files into one stream; `about` are arguments of `create`. `on_progress` hears of a file's bytes."""

    def __init__(
        self,
        connection: Connection,
        stream: str,
        about: dict[str, Any],
        on_progress: Callable[[Imported, Opened], None],
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._about = about
        self._on_progress = on_progress

    async def run(self, imported: Imported, *, follows: bool = False) -> None:
        """Until the end of the file, or with `follows` until another takes its place. Raises what does not pass."""
        producer = await imported.settled_producer() if follows else imported.producer()
        await until_done(self._connection, lambda session: self._send(session, imported, producer, follows=follows))

    async def seal(self, exit_code: int | None) -> None:
        """Ends the stream."""

        async def seal(session: AutobahnSession) -> None:
            await call(session, SEAL, self._stream, **given(exit_code=exit_code))

        await until_done(self._connection, seal)

    async def _send(self, session: AutobahnSession, imported: Imported, producer: str, *, follows: bool) -> None:
        with Opened(imported.path) as file:
            reader = imported.reader(file.modified_us)
            stand = await call(session, CREATE, self._stream, producer=producer, unit=reader.unit, **self._about)
            begin = int(stand["producer_seq"])
            about = {"producer": producer, "term": stand["producer_term"]}
            imported.skipped = begin
            sending = Sending(session, self._stream, about, imported.stored)
            if isinstance(reader, Plain):
                reader.went_before(file.go_to(begin, _LOOKED_BACK_BYTES), is_all=begin <= _LOOKED_BACK_BYTES)
                sending.begins_at(begin, "offset", size_of)
            else:
                sending.begins_at(0, "seq", lambda _: 1, skipped=begin)
            try:
                await self._send_all(file, reader, sending, imported, follows=follows)
                await sending.settle()
            finally:
                await sending.close()

    async def _send_all(
        self, file: Opened, reader: Format, sending: Sending, imported: Imported, *, follows: bool
    ) -> None:
        is_ending = False
        while True:
            data = file.read(_READ_BYTES)
            if data:
                await sending.send(reader.feed(data))
                self._on_progress(imported, file)
            elif not follows or is_ending:
                break
            else:
                is_ending = file.is_replaced  # what was written before that is read once more
                await sending.settle()
                await asyncio.sleep(0 if is_ending else _POLL_S)
        await sending.send(reader.finish())
        if sending.skipped:
            rule = "it is not the file that was imported, or was cut"
            raise CommandError(f"the file has {plural(sending.skipped, 'record')} less than are in the log: {rule}")
