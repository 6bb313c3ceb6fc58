r"""How `fairlead logs` shows logs to people: with prefixes, times and colours, and progress bars in one line.

Every line begins with its prefix. A line that comes in parts goes on where it is, unless something else was written in
between: then that ends it, and its rest is a line of its own. On a terminal what a `\r` overwrites is left out, and a
part that overwrites what is shown does so; elsewhere everything is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fairlead_client.following import Batch, Item
from fairlead_client.records import MARKER, PARTIAL
from fairlead_server.commands._display import STDERR, STDOUT, Write, data_of, descriptor_of, note_line
from fairlead_server.commands._wording import marker_text, words_for

# Of the prefixes, in turn, as far apart as a terminal's eight colours are. Red is for stderr.
_PREFIX_COLOURS = (36, 33, 32, 35, 34)
_STDERR_COLOUR = b"\x1b[31m"
_NO_COLOUR = b"\x1b[0m"
_BEGIN_ANEW = b"\r\x1b[K"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Paper(NamedTuple):
    """What one of our two descriptors takes."""

    has_colours: bool = False
    is_terminal: bool = False


class _Open(NamedTuple):
    """A line that is not finished, where it is; `is_returned`: what comes next overwrites it."""

    descriptor: int
    stream: str
    source: str
    is_returned: bool


class _Piece(NamedTuple):
    """What is shown of a record's text. `overwrites` what the line has shown so far."""

    data: bytes
    overwrites: bool = False
    is_returned: bool = False


class Dressed:
    """Shows the logs of `streams`; `clock` makes the text of a time in microseconds."""

    def __init__(
        self,
        write: Write,
        streams: Sequence[str],
        papers: tuple[Paper, Paper] = (Paper(), Paper()),
        clock: Callable[[int], str] | None = None,
        *,
        is_followed: bool = False,
    ) -> None:
        self._write = write
        self._papers = dict(zip((STDOUT, STDERR), papers, strict=True))
        self._clock = clock
        self._is_followed = is_followed
        self._open: _Open | None = None
        self._prefixes = _prefixes(streams, self._papers) if len(streams) > 1 else {}
        self._has_prefix = bool(self._prefixes) or clock is not None

    def show(self, stream: str, item: Item) -> None:
        """Shows one item."""
        if isinstance(item, Batch):
            for record in item.records:
                self._record(stream, *record)
        elif words := words_for(stream, item, is_followed=self._is_followed):
            self.note(words)

    def failed(self, uri: str, text: str) -> None:
        """Ends the line; the text is printed by whoever prints all of them."""
        self._end_open()

    def note(self, text: str) -> None:
        """Says something, in a line of its own."""
        self._end_open()
        self._write(STDERR, note_line(text))

    def _record(self, stream: str, time_us: int, source: str, text: str | bytes, flags: int) -> None:
        if flags & MARKER:
            about = f"{stream}: " if self._prefixes else ""
            self.note(about + marker_text(str(text)))
            return
        descriptor = descriptor_of(source, flags)
        paper = self._papers[descriptor]
        opened = self._open
        if opened is not None and opened[:3] != (descriptor, stream, source):
            self._end_open()
            opened = None
        piece = _piece(data_of(text), is_returned=opened is not None and opened.is_returned, paper=paper)
        if opened is None:
            lead = self._prefix(descriptor, stream, time_us)
        else:
            lead = _BEGIN_ANEW + self._prefix(descriptor, stream, time_us) if piece.overwrites else b""
        is_coloured = paper.has_colours and descriptor == STDERR and piece.data
        shown = _STDERR_COLOUR + piece.data + _NO_COLOUR if is_coloured else piece.data
        is_partial = bool(flags & PARTIAL)
        self._write(descriptor, lead + shown + (b"" if is_partial else b"\n"))
        self._open = _Open(descriptor, stream, source, piece.is_returned) if is_partial else None

    def _prefix(self, descriptor: int, stream: str, time_us: int) -> bytes:
        if not self._has_prefix:
            return b""
        # A colour that the log has set and left is the log's, not our prefix's.
        start = _NO_COLOUR if self._papers[descriptor].has_colours else b""
        prefix = start + (self._prefixes[descriptor, stream] if self._prefixes else b"")
        return prefix if self._clock is None else prefix + f"{self._clock(time_us)} ".encode()

    def _end_open(self) -> None:
        opened, self._open = self._open, None
        # A file that gets one log as it was written gets no byte more.
        if opened is not None and (self._has_prefix or self._papers[opened.descriptor].is_terminal):
            self._write(opened.descriptor, b"\n")


def _piece(data: bytes, *, is_returned: bool, paper: Paper) -> _Piece:
    """What a terminal would show of it in the end: what is behind the last return."""
    if not paper.is_terminal or not (is_returned or b"\r" in data):
        return _Piece(data)
    kept = data.rstrip(b"\r")
    _, separator, visible = kept.rpartition(b"\r")
    overwrites = bool(visible) and (is_returned or bool(separator))
    return _Piece(visible, overwrites, kept != data or (is_returned and not visible))


def _prefixes(streams: Sequence[str], papers: dict[int, Paper]) -> dict[tuple[int, str], bytes]:
    """`id | `, aligned, each with its colour."""
    width = max(map(len, streams))
    prefixes = {}
    for number, stream in enumerate(streams):
        plain = f"{stream:<{width}} |"
        colour = _PREFIX_COLOURS[number % len(_PREFIX_COLOURS)]
        for descriptor, paper in papers.items():
            shown = f"\x1b[{colour}m{plain}\x1b[0m" if paper.has_colours else plain
            prefixes[descriptor, stream] = f"{shown} ".encode()
    return prefixes


def local_time(time_us: int) -> str:
    """ISO 8601 with the offset of here and then.

    A time that no calendar has is shown as its number.
    """
    return _iso(time_us, lambda moment: moment.astimezone().isoformat(timespec="microseconds"))


def utc_time(time_us: int) -> str:
    """ISO 8601 in UTC.

    >>> utc_time(1_000_001)
    '1970-01-01T00:00:01.000001Z'
    """
    return _iso(time_us, lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def _iso(time_us: int, text_of: Callable[[datetime], str]) -> str:
    try:
        return text_of(_EPOCH + timedelta(microseconds=time_us))
    except (OverflowError, ValueError, OSError):
        return str(time_us)
