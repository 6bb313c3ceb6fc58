"""The systemd journal as records, and the place in it that each batch of them begins behind.

`journalctl` reads it: its JSON is the one interface to the journal that is promised to stay. An entry's message is one
record a line, so entries and records are counted apart; the same entries make the same records each time.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from fairlead_client.records import WireRecord, records_of
from fairlead_server.errors import CommandError

# journalctl leaves out fields that are longer, unless told otherwise: the journal itself has a limit of 64 MiB a field.
_LONGEST_LINE_BYTES = 16 * 1024 * 1024
_SOURCE_CHARACTERS = 64
_BATCH_ENTRIES, _BATCH_BYTES = 100, 32 * 1024
# What has come within so long is sent together.
_TOGETHER_S = 0.05
# What names the source of an entry, the best first.
_NAMES = ("SYSLOG_IDENTIFIER", "_COMM", "_SYSTEMD_UNIT", "_TRANSPORT")


class Entry(NamedTuple):
    """An entry of the journal; `cursor` is its place."""

    cursor: str
    records: list[WireRecord]


class Place(NamedTuple):
    """The producer's number `seq` is that of the first record behind the entry at `cursor`; None: of the first one."""

    seq: int
    cursor: str | None


class Places:
    """The places that the service may name when it is asked how far it has come, kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: list[Place] = []
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.exists():
                self._places = [Place(int(seq), cursor) for seq, cursor in json.loads(path.read_bytes())]
        except (OSError, ValueError, TypeError) as error:
            raise CommandError(f"cannot read {str(path)!r}: {error}") from None

    def before(self, seq: int) -> Place | None:
        """The last place at or before a number; None where that was not kept."""
        found = [place for place in self._places if place.seq <= seq]
        return found[-1] if found else Place(0, None) if seq == 0 else None

    def add(self, place: Place, acknowledged: int) -> None:
        """Records are about to be sent from here on. Those before what the service has are not needed. Durable."""
        needed = self.before(acknowledged)
        behind = [each for each in self._places if acknowledged < each.seq < place.seq]
        self._places = [*([] if needed is None or needed.seq >= place.seq else [needed]), *behind, place]
        draft = self._path.with_name(self._path.name + ".new")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(descriptor, json.dumps(self._places).encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            draft.replace(self._path)
        except OSError as error:
            raise CommandError(
                f"cannot keep the place in the journal in {str(self._path)!r}: {error.strerror}"
            ) from None


@asynccontextmanager
async def entries(options: Sequence[str], after: str | None) -> AsyncIterator[AsyncIterator[Entry]]:
    """The entries behind a cursor, or all, as journalctl with these options brings them. Raises CommandError."""
    place = ["--lines=all"] if after is None else [f"--after-cursor={after}"]
    command = ["journalctl", "--output=json", "--all", "--no-pager", "--quiet", *place, *options]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE_BYTES,
            start_new_session=True,  # a Ctrl-C is for us
        )
    except OSError as error:
        raise CommandError(f"journalctl cannot be started: {error.strerror}") from None
    try:
        yield _entries(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def batches(found: AsyncIterator[Entry], idle_s: float) -> AsyncGenerator[list[Entry], None]:
    """Entries together as they come; an empty list when none has come for so long."""
    coming: asyncio.Future[Entry | None] | None = None
    batch: list[Entry] = []
    try:
        while True:
            coming = coming or asyncio.ensure_future(_next(found))
            if not (await asyncio.wait({coming}, timeout=_TOGETHER_S if batch else idle_s))[0]:
                yield batch
                batch = []
                continue
            entry, coming = coming.result(), None
            if entry is not None:
                batch.append(entry)
            if batch and (entry is None or _is_full(batch)):
                yield batch
                batch = []
            if entry is None:
                return
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _next(found: AsyncIterator[Entry]) -> Entry | None:
    return await anext(found, None)


def _is_full(batch: list[Entry]) -> bool:
    return (
        len(batch) >= _BATCH_ENTRIES or sum(len(record[2]) for each in batch for record in each.records) > _BATCH_BYTES
    )


async def _entries(process: asyncio.subprocess.Process) -> AsyncIterator[Entry]:
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        while line := await process.stdout.readline():
            yield entry_of(json.loads(line))
    except ValueError as error:
        raise CommandError(f"journalctl wrote what is no entry: {error}") from None
    said = (await process.stderr.read()).decode(errors="replace").strip()
    if await process.wait():
        raise CommandError(f"journalctl failed: {said or process.returncode}")


def entry_of(fields: dict[str, Any]) -> Entry:
    """An entry as `journalctl -o json` writes it. Raises ValueError.

    A field is a string, a list of bytes where it is no text, a list of those where it was given several times.
    """
    try:
        cursor, time_us = str(fields["__CURSOR"]), int(fields["__REALTIME_TIMESTAMP"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"an entry without {error}") from None
    named = next((found for each in _NAMES if (found := _text(fields.get(each)))), b"journal")
    name = named.decode(errors="replace")[:_SOURCE_CHARACTERS].replace("\0", "\ufffd")
    message = _text(fields.get("MESSAGE"))
    return Entry(cursor, records_of(name, message, time_us) if message else [])


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode(errors="surrogatepass")
    if not isinstance(value, list):
        return b""
    if all(isinstance(each, int) for each in value):
        return bytes(value)
    return b"\n".join(map(_text, value))
