r"""Records: how the output of a program becomes them.

A record is one line without its end, `[time_us, source, text, flags]`. What is not valid UTF-8, or begins with U+0000
(which WAMP's JSON keeps for binary strings), is `bytes`. A last line without an end and the parts of a line over 64 KiB
are partial: the line goes on in the next record of that source. So nothing is changed on the way:

>>> [(text, flags) for _, _, text, flags in records_of("stdout", "a\nb", 0)]
[('a', 0), ('b', 0)]
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from fairlead_client.errors import ClientError

PARTIAL = 1
MARKER = 2
HAS_RETURN = 4

# As the service has them: of a source; of a time and the flags (2**53 is what JavaScript keeps).
SOURCE_CHARACTERS = 64
LARGEST_TIME_US = 2**53
LARGEST_FLAGS = 2**31 - 1
_BAD_IN_SOURCE = re.compile("[\0\ud800-\udfff]")

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


def _check(source: Any, text: Any, time_us: Any, flags: Any) -> None:
    if not isinstance(text, str | bytes):
        raise TypeError(f"a record's text is str or bytes, not {type(text).__name__}")
    if not isinstance(source, str) or not 0 < len(source) <= SOURCE_CHARACTERS or _BAD_IN_SOURCE.search(source):
        rule = f"text of 1 to {SOURCE_CHARACTERS} characters, without U+0000 and surrogates"
        raise ClientError(f"a record's source is {rule}, not {source!r}")
    for name, value, largest in (("time_us", time_us, LARGEST_TIME_US), ("flags", flags, LARGEST_FLAGS)):
        if not isinstance(value, int) or not 0 <= value <= largest:
            raise ClientError(f"a record's {name} is an integer from 0 to {largest}, not {value!r}")
    if flags & MARKER:
        _check_marker(text)


def _check_marker(text: Text) -> None:
    problem = f"a marker's text is one line of JSON, not {text[:80]!r}"
    if isinstance(text, bytes) or "\n" in text:
        raise ClientError(problem)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise ClientError(problem) from None


def records_of(source: str, text: Text, time_us: int, flags: int = 0) -> list[WireRecord]:
    """The records of what a program hands over as a whole: one a line, in parts where one is too long.

    A text that ends without a line's end is a whole line all the same; `flags` of PARTIAL say otherwise, of the last.
    Raises ClientError, or TypeError, for what the service would refuse: one such record would hold up all behind it.
    """
    _check(source, text, time_us, flags)
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
