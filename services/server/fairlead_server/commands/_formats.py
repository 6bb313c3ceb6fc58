"""The formats of log files: what records their bytes are.

Of a plain file a record is a line as it stands there, and the file's bytes are what a producer counts, so that an
import goes on within a line if need be. The other formats say more of a line than its text, and their records are
counted. Both are the same each time a file is read, which is what makes an import go on exactly.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Literal, Protocol

from fairlead_client.records import LONGEST_TEXT_BYTES, PARTIAL, Text, WireRecord, records_of, text_of
from fairlead_client.splitting import LineSplitter
from fairlead_server.commands._stamps import TimeOf, rfc3339_us
from fairlead_server.errors import CommandError

Unit = Literal["bytes", "records"]

# A line of a format whose lines are read whole.
LONGEST_LINE_BYTES = 4 * 1024 * 1024


class Format(Protocol):
    """Reads one file, from its begin or from where an import goes on."""

    unit: Unit

    def feed(self, data: bytes) -> list[WireRecord]:
        """The records that these bytes complete. Raises CommandError for what is not of the format."""

    def finish(self) -> list[WireRecord]:
        """The records that are left at the end of the file."""


class Plain:
    """Lines as they are; a line without a time has that of the one before it, and the first ones have `time_us`."""

    unit: Unit = "bytes"

    def __init__(self, source: str, time_of: TimeOf, time_us: int) -> None:
        self._splitter = LineSplitter(source)
        self._time_of = time_of
        self._time_us = time_us
        self._is_within_line = False

    def went_before(self, data: bytes, *, is_all: bool) -> None:
        """The bytes before those that are fed, or the last of them: the time goes on from there."""
        lines = data.split(b"\n")
        for line in lines if is_all else lines[1:]:
            self._look(text_of(line))
        self._is_within_line = bool(lines[-1])

    def feed(self, data: bytes) -> list[WireRecord]:
        """Lines that are whole."""
        return [*map(self._timed, self._splitter.feed(data, 0))]

    def finish(self) -> list[WireRecord]:
        """A last line without an end."""
        return [*map(self._timed, self._splitter.finish())]

    def _timed(self, record: WireRecord) -> WireRecord:
        _, source, text, flags = record
        if not self._is_within_line:
            self._look(text)
        self._is_within_line = bool(flags & PARTIAL)
        return (self._time_us, source, text, flags)

    def _look(self, text: Text) -> None:
        found = self._time_of(text if isinstance(text, str) else text.decode(errors="replace"))
        if found is not None:
            self._time_us = found


class _Lines:
    """A format in which each line, read whole, is a record or some parts of one."""

    unit: Unit = "records"
    name: ClassVar[str]

    def __init__(self) -> None:
        self._rest = b""
        self._count = 0

    def feed(self, data: bytes) -> list[WireRecord]:
        """The records of whole lines."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE_BYTES:
            raise CommandError(f"line {self._count + 1} is longer than {LONGEST_LINE_BYTES} bytes")
        return [*self._all(lines)]

    def finish(self) -> list[WireRecord]:
        """Those of a last line without an end."""
        rest, self._rest = self._rest, b""
        return [*self._all([rest])] if rest else []

    def records_of_line(self, line: bytes) -> Iterable[WireRecord]:
        """The records of a line. Raises what a wrong value raises where it is used."""
        raise NotImplementedError

    def _all(self, lines: list[bytes]) -> Iterator[WireRecord]:
        for line in lines:
            self._count += 1
            try:
                yield from self.records_of_line(line)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise CommandError(f"line {self._count} is no {self.name}: {type(error).__name__}: {error}") from None


class DockerJson(_Lines):
    r"""Docker's json-file: `{"log": "text\n", "stream": "stdout", "time": "..."}`."""

    name = "line of Docker's json-file"

    def records_of_line(self, line: bytes) -> Iterable[WireRecord]:
        """A `log` without an end is a part of a line."""
        value = json.loads(line)
        log: str = value["log"]
        flags = 0 if log.endswith("\n") else PARTIAL
        return records_of(value["stream"], log, rfc3339_us(value["time"]), flags)


class Crunch(_Lines):
    """Arvados' container logs, `TIME text`, and those of its jobs before, `TIME job pid task source text`.

    A line without a time belongs to the one before it.
    """

    name = "line of an Arvados log"
    _CONTAINER = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z) (.*)", re.DOTALL)
    _JOB = re.compile(
        rb"(\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d) [a-z0-9]{5}-8i9sb-[a-z0-9]{15} \d+ (?:\d+ (stderr|stdout) |\d* ?)(.*)",
        re.DOTALL,
    )

    def __init__(self, source: str, time_us: int) -> None:
        super().__init__()
        self._source = source
        self._time_us = time_us

    def records_of_line(self, line: bytes) -> Iterable[WireRecord]:
        """Without its time, which is a field of the record."""
        source = self._source
        if found := self._CONTAINER.fullmatch(line):
            self._time_us, line = rfc3339_us(found[1].decode()), found[2]
        elif found := self._JOB.fullmatch(line):
            self._time_us, line = rfc3339_us(found[1].decode() + "Z"), found[3]
            source = found[2].decode() if found[2] else source
        return records_of(source, line, self._time_us)


class Ndjson(_Lines):
    """What `fairlead export --format ndjson` and `fairlead logs --json` write; documents that are no record are passed
    over, they are about the log that was written.
    """

    name = "record"

    def records_of_line(self, line: bytes) -> Iterable[WireRecord]:
        """The record, with everything but its number."""
        value: dict[str, Any] = json.loads(line)
        if "time_us" not in value:
            return []
        text = value["text"] if "text" in value else base64.b64decode(value["base64"], validate=True)
        if not isinstance(text, str | bytes) or len(text) > LONGEST_TEXT_BYTES:
            raise ValueError(f"its text is no string of at most {LONGEST_TEXT_BYTES} bytes")
        return [(int(value["time_us"]), str(value["source"]), text, int(value["flags"]))]


FORMATS: dict[str, Callable[[str, TimeOf, int], Format]] = {
    "plain": Plain,
    "docker": lambda _source, _time_of, _time_us: DockerJson(),
    "crunch": lambda source, _time_of, time_us: Crunch(source, time_us),
    "ndjson": lambda _source, _time_of, _time_us: Ndjson(),
}
"""By the name that `--format` takes; each is made with the source's name, what finds times, and the file's time."""


def size_of(record: WireRecord) -> int:
    """The bytes of the file that a record of a plain one is."""
    text, flags = record[2], record[3]
    size = len(text) if isinstance(text, bytes) or text.isascii() else len(text.encode(errors="surrogatepass"))
    return size + (0 if flags & PARTIAL else 1)
