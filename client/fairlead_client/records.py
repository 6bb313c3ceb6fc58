r"""Records: how the output of a program becomes them.

A record is one line without its end, `[time_us, source, text, flags]`. What is not valid UTF-8, or begins with U+0000
(which WAMP's JSON keeps for binary strings), is `bytes`. A last line without an end and the parts of a line over 64 KiB
are partial: the line goes on in the next record of that source. So nothing is changed on the way:

>>> [(text, flags) for _, _, text, flags in records_of("stdout", "a\nb", 0)]
[('a', 0), ('b', 0)]
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

PARTIAL = 1
MARKER = 2
HAS_RETURN = 4

# The longest text of one record, in bytes; a longer line comes in parts.
LONGEST_TEXT_BYTES = 64 * 1024

Text: TypeAlias = str | bytes
# As on the wire: time_us, source, text, flags.
WireRecord: TypeAlias = tuple[int, str, Text, int]


class Record(NamedTuple):
    """A record as a follower sees it; `seq` is its place in the stream, `time_us` the producer's clock."""

    seq: int
    time_us: int
    source: str
    text: Text
    flags: int

    @property
    def is_partial(self) -> bool:
        """The line goes on in the next record of this source."""
        return bool(self.flags & PARTIAL)

    @property
    def is_marker(self) -> bool:
        """`text` is a JSON document about the stream (truncated, lost, attempt), not output."""
        return bool(self.flags & MARKER)


def now_us() -> int:
    """The wall clock, in microseconds since 1970."""
    return time.time_ns() // 1000


def text_of(data: bytes) -> Text:
    """The text of a record whose line is `data`."""
    if data[:1] == b"\0":
        return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def record(time_us: int, source: str, line: bytes, flags: int = 0) -> WireRecord:
    """The record of one line, or of one part of it."""
    return (time_us, source, text_of(line), flags | HAS_RETURN if b"\r" in line else flags)


def parts_of(line: bytes) -> Iterator[tuple[bytes, int]]:
    """A line in parts that fit a record, each with its flags; a character is not cut where that can be avoided."""
    start = 0
    while len(line) - start > LONGEST_TEXT_BYTES:
        end = character_boundary(line, start + LONGEST_TEXT_BYTES)
        yield line[start:end], PARTIAL
        start = end
    yield line[start:] if start else line, 0


def character_boundary(data: bytes, end: int) -> int:
    """The last place at or before `end` where `data` can be cut without cutting a UTF-8 character."""
    for back in range(1, 4):
        if end - back < 0:
            break
        byte = data[end - back]
        if byte & 0xC0 != 0x80:  # the first byte of a character, of as many bytes as its leading ones say
            length = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return end - back if length > back else end
    return end


def records_of(source: str, text: Text, time_us: int, flags: int = 0) -> list[WireRecord]:
    """The records of what a program hands over as a whole: one a line, in parts where one is too long.

    A text that ends without a line's end is a whole line all the same; `flags` of PARTIAL say otherwise, of the last.
    """
    data = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    lines = data.removesuffix(b"\n").split(b"\n")
    records = [
        record(time_us, source, part, part_flags | (flags & ~PARTIAL))
        for line in lines
        for part, part_flags in parts_of(line)
    ]
    if flags & PARTIAL and not data.endswith(b"\n"):
        last = records[-1]
        records[-1] = (*last[:3], last[3] | PARTIAL)
    return records
