"""A producer's source as bytes, and as the records that an agent makes of it."""

from __future__ import annotations

import base64
from typing import Any

from fairlead_logstream.model.records import PARTIAL, Record
from unit.logstream.fakes import NOW_US


def records_of_source(parts: list[tuple[bytes, int]], source: str = "stdout") -> list[Record]:
    """A record for each text with its flags; all are sent as binary, which the service makes text where it is."""
    return [
        Record(NOW_US + index, source, "\0" + base64.b64encode(content).decode(), flags)
        for index, (content, flags) in enumerate(parts)
    ]


def source_of(records: list[Record]) -> bytes:
    """The bytes that these records were."""
    whole = b""
    for record in records:
        content = record.text_or_bytes
        whole += content.encode() if isinstance(content, str) else content
        whole += b"" if record.flags & PARTIAL else b"\n"
    return whole


def source_of_wire(records: list[Any]) -> bytes:
    """The same, of records as a client gets them."""
    whole = b""
    for _time_us, _source, text, flags in records:
        whole += text.encode() if isinstance(text, str) else text
        whole += b"" if flags & PARTIAL else b"\n"
    return whole


def split_source(source: bytes, cuts: list[int]) -> list[tuple[bytes, int]]:
    """The source as lines, and some of them cut into parts: what an agent reads that wakes up at any moment."""
    parts: list[tuple[bytes, int]] = []
    start = 0
    for end in sorted({*cuts, len(source)}):
        parts += [_part(line) for line in _lines(source[start:end])]
        start = end
    return parts


def _part(line: bytes) -> tuple[bytes, int]:
    return line.removesuffix(b"\n"), 0 if line.endswith(b"\n") else PARTIAL


def _lines(data: bytes) -> list[bytes]:
    """Split behind each newline, and only there."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]] + [line for line in data.split(b"\n")[-1:] if line]
