r"""Records: one line of output each, checked once and kept in one canonical form.

A record is `[time_us, source, text, flags]`. The canonical form of several is a JSON
array in WAMP-JSON: text is a string, and what is not valid UTF-8 or begins with U+0000
is U+0000 and the base64 of its bytes (spec: "Binary conversion of JSON Strings").
What reaches a reader is these bytes, whatever serializer the writer used.

Decoding is the dear part of an append, so it happens once, in C, with the rules in the
types; Python looks at single records only where the bytes say that it must.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fairlead_router import InvalidArgument

PARTIAL = 1
"""The line goes on in the next record of that source."""
MARKER = 2
"""The text is a JSON document of ours: truncated, lost, attempt."""
CARRIAGE_RETURN = 4
r"""The text contains `\r`: a progress bar, which a viewer may collapse."""

MARKER_SOURCE = "fairlead"
"""The source of the markers that the service writes itself."""

TEXT_LIMIT_BYTES = 64 << 10
"""The longest text: writers cut longer lines into partial records."""

BATCH_LIMIT_BYTES = 64 << 10
"""Where a batch is cut: what one revocation cannot take back is one write of as much (G3)."""

_RECORD_LIMIT_BYTES = 128 << 10
"""A record's canonical form. A text of control characters is six times as long in JSON;
beyond this it is kept as binary (four thirds), so that any record fits into any answer."""

MAX_NUMBER = 2**53
"""The largest integer that JavaScript keeps."""


class Record(msgspec.Struct, array_like=True, gc=False):
    """One line, or a part of one. `text` is as in WAMP-JSON: see `text_or_bytes`."""

    time_us: Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
    source: Annotated[str, Meta(min_length=1, max_length=64)]
    text: Annotated[str, Meta(max_length=2 * TEXT_LIMIT_BYTES)]
    flags: Annotated[int, Meta(ge=0, le=2**31 - 1)]

    @property
    def text_or_bytes(self) -> str | bytes:
        """The text, or the bytes where they are no text."""
        return base64.b64decode(self.text[1:]) if self.text.startswith("\0") else self.text


class Piece(msgspec.Struct, frozen=True, gc=False):
    """Some consecutive records in canonical form, with what is asked of them without decoding."""

    count: int
    min_time_us: int
    max_time_us: int
    data: bytes

    @property
    def size(self) -> int:
        """Bytes in canonical form."""
        return len(self.data)


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_decode = msgspec.json.Decoder(list[Record]).decode
_decode_raw = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def decode_records(data: bytes | msgspec.Raw) -> list[Record]:
    """Read a JSON array of records; raises InvalidArgument naming the record, the value and the rule.

    >>> decode_records(b'[[5, "stdout", "hello", 0]]')[0].text
    'hello'
    """
    try:
        return _decode(data)
    except msgspec.ValidationError as error:
        raise InvalidArgument(_explained(str(error), data)) from None
    except _UNREADABLE as error:
        raise InvalidArgument(f"records cannot be read: {error}") from None


def marker(time_us: int, **facts: Any) -> Record:
    """A record of ours between the producers': what was lost, or which attempt begins."""
    return Record(time_us, MARKER_SOURCE, _encode(facts).decode(), MARKER)


def pieces(records: list[Record]) -> list[Piece]:
    """Check what the types cannot, and give the canonical form, cut to BATCH_LIMIT_BYTES.

    Raises InvalidArgument. Changes the records given to their canonical form.
    """
    if not records:
        return []
    data = _encode(records)
    if _needs_a_look(records, data):
        for index, record in enumerate(records):
            _settle(index, record)
        data = _encode(records)
    return _cut(records, data)


def split(data: bytes) -> list[bytes]:
    """The records of a canonical array, each as it stands there."""
    return [bytes(raw) for raw in _decode_raw(data)]


def array_of(raws: list[bytes]) -> bytes:
    """Records as they stand somewhere, as a canonical array."""
    return b"[" + b",".join(raws) + b"]"


def fitting(raws: list[bytes], limit_count: int, limit_bytes: int) -> int:
    """How many of them make an array within these limits; at least one."""
    size = len("[]")
    for count, raw in enumerate(raws[:limit_count]):
        size += len(raw) + len(",")
        if size > limit_bytes and count:
            return count
    return max(1, min(limit_count, len(raws)))


def joined(arrays: list[bytes]) -> bytes:
    """Several canonical arrays, none of them empty, as one."""
    return arrays[0] if len(arrays) == 1 else b"[" + b",".join(array[1:-1] for array in arrays) + b"]"


# ---- the looks that most batches don't need ----


_SPECIAL = re.compile(rb"\\(?:u0000|r)")


def _needs_a_look(records: list[Record], data: bytes) -> bool:
    r"""False for ordinary lines. JSON has one way each to write U+0000 and `\r`, so the bytes tell."""
    return (
        len(data) > TEXT_LIMIT_BYTES
        or (b"\\" in data and _SPECIAL.search(data) is not None)
        or any(flags & MARKER for flags in {record.flags for record in records})
    )


def _settle(index: int, record: Record) -> None:
    """Bring one record into canonical form, or refuse it."""
    if "\0" in record.source:
        raise InvalidArgument(f"records[{index}] has the source {record.source!r}: U+0000 is not allowed")
    text = record.text
    content = _binary(index, text) if text.startswith("\0") else text.encode()
    if len(content) > TEXT_LIMIT_BYTES:
        raise InvalidArgument(
            f"records[{index}] has a text of {len(content)} bytes: at most {TEXT_LIMIT_BYTES}, "
            "a longer line goes in partial records"
        )
    if b"\r" in content:
        record.flags |= CARRIAGE_RETURN
    record.text = _canonical_text(content)
    if record.flags & MARKER:
        _check_marker(index, record.text)


def _binary(index: int, text: str) -> bytes:
    try:
        return base64.b64decode(text[1:], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument(
            f"records[{index}] has a text that begins with U+0000 and is not base64 behind it, "
            "as WAMP writes binary strings"
        ) from None


def _canonical_text(content: bytes) -> str:
    """Text wherever it can be text, so that all readers get the same whatever the writer chose."""
    if not content.startswith(b"\0"):
        try:
            text = content.decode()
        except UnicodeDecodeError:
            pass
        else:
            if len(content) <= _RECORD_LIMIT_BYTES // 6 or len(_encode(text)) <= _RECORD_LIMIT_BYTES:
                return text
    return "\0" + base64.b64encode(content).decode()


def _check_marker(index: int, text: str) -> None:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidArgument(
            f"records[{index}] is a marker (flag bit 1), and its text {text[:80]!r} is not JSON"
        ) from None


def _cut(records: list[Record], data: bytes) -> list[Piece]:
    """Halve until each piece fits, or is a single record."""
    if len(data) > BATCH_LIMIT_BYTES and len(records) > 1:
        middle = len(records) // 2
        left, right = records[:middle], records[middle:]
        return _cut(left, _encode(left)) + _cut(right, _encode(right))
    times = [record.time_us for record in records]
    return [Piece(len(records), min(times), max(times), data)]


# ---- errors ----

_PLACE = re.compile(r"(?P<rule>.*?)(?: - at `\$(?:\[(?P<index>\d+)\](?:\[(?P<field>\d+)\])?)?.*`)?$", re.DOTALL)
_FIELDS = ("time_us", "source", "text", "flags")
_SHOWN_CHARACTERS = 40


def _explained(message: str, data: bytes | msgspec.Raw) -> str:
    """The message of msgspec with the place in our words and the value itself."""
    match = _PLACE.match(message)
    assert match is not None
    rule, index, field = match["rule"], match["index"], match["field"]
    try:
        value = msgspec.json.decode(data)
    except _UNREADABLE as error:
        return f"records cannot be read: {error}"
    place = "records"
    if index is not None:
        value, place = value[int(index)], f"records[{index}]"
    if field is not None:
        value, place = value[int(field)], f"{place} {_FIELDS[int(field)]}"
    shown = repr(value)
    if len(shown) > _SHOWN_CHARACTERS:
        shown = shown[:_SHOWN_CHARACTERS] + "..."
    return f"{place} is {shown}: {rule}; a record is [time_us, source, text, flags]"
