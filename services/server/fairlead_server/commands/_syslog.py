"""Syslog messages as records, and streams of bytes as messages.

RFC 5424 and RFC 3164 are read. Of a message its text is kept, its time and the name of its program, which is the
record's source; with `is_raw` all of it is kept. What is neither is kept as it came, under the source `syslog`.

No I/O here, and no clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from fairlead_client.records import WireRecord, records_of

MALFORMED = "syslog"
"""The source of what is no message."""

LONGEST_MESSAGE_BYTES = 64 * 1024
"""RFC 5424, 6.1: everybody takes 2048. A longer one comes in parts."""

_SOURCE_CHARACTERS = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_PRIORITY = rb"<(?:19[01]|1[0-8]\d|\d?\d)>"
# PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]
_RFC5424 = re.compile(
    _PRIORITY + rb"1 (\S+) \S{1,255} (\S{1,48}) \S{1,128} \S{1,32} "
    rb'(?:-|(?:\[[^ =\]"]{1,32}(?: [^ =\]"]{1,32}="(?:[^"\\\]]|\\.)*")*\])+)(?: (.*))?',
    re.DOTALL,
)
# PRI Mmm dd hh:mm:ss [HOSTNAME] TAG[pid]: CONTENT, and the ISO time that many send there today
_RFC3164 = re.compile(
    _PRIORITY + rb"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) "
    rb"(?:\S+ )??([^\s:\[\]]{1,64})(?:\[[^\]]*\])?: ?(.*)",
    re.DOTALL,
)
_BOM = b"\xef\xbb\xbf"


def records_of_message(data: bytes, now_us: int, *, is_raw: bool = False) -> list[WireRecord]:
    """The records of one message, a record for each of its lines; none of an empty one.

    >>> records_of_message(b"<34>1 2003-10-11T22:14:15.003Z host su - ID47 - 'su root' failed", 0)
    [(1065910455003000, 'su', "'su root' failed", 0)]
    """
    data = data.rstrip(b"\r\n\0")
    if not data:
        return []
    if found := _RFC5424.fullmatch(data):
        time_us, text = _iso_us(found[1]), (found[3] or b"").removeprefix(_BOM)
    elif found := _RFC3164.fullmatch(data):
        time_us, text = _local_us(found[1], now_us), found[3]
    else:
        return records_of(MALFORMED, data, now_us)
    source = found[2].decode(errors="replace")[:_SOURCE_CHARACTERS].replace("\0", "\ufffd")
    source = MALFORMED if source == "-" else source
    return records_of(source, data if is_raw else text, now_us if time_us is None else time_us)


def _iso_us(text: bytes) -> int | None:
    try:
        moment = datetime.fromisoformat(text.decode())
    except ValueError:
        return None
    return None if moment.tzinfo is None else max(0, (moment - _EPOCH) // timedelta(microseconds=1))


def _local_us(text: bytes, now_us: int) -> int | None:
    """A time without a year and an offset is local, and of the year in which it is nearest to now."""
    if text[:1].isdigit():
        return _iso_us(text)
    now = (_EPOCH + timedelta(microseconds=now_us)).astimezone()
    moments = []
    for year in (now.year - 1, now.year, now.year + 1):
        try:
            moments.append(datetime.strptime(f"{year} {text.decode()}", "%Y %b %d %H:%M:%S").astimezone())
        except ValueError:  # the 29th of February
            continue
    nearest = min(moments, key=lambda moment: abs(moment - now), default=None)
    return None if nearest is None else max(0, (nearest - _EPOCH) // timedelta(microseconds=1))


class BadFrame(Exception):
    """The peer counts wrongly: nothing that follows can be told apart."""


class Deframer:
    """Messages of a stream (RFC 6587): `LENGTH SP MESSAGE`, or each ends with a line feed. A peer may do both."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that these bytes complete. Raises BadFrame."""
        self._data += data
        while (message := self._message()) is not None:
            yield message

    def finish(self) -> bytes:
        """What is left at the end, perhaps nothing: a message without an end."""
        rest, self._data = self._data, b""
        return rest

    def _message(self) -> bytes | None:
        if self._data[:1] in _DIGITS:
            return self._counted()
        line, end, rest = self._data.partition(b"\n")
        if end or len(line) >= LONGEST_MESSAGE_BYTES:
            message = line[:LONGEST_MESSAGE_BYTES]
            self._data = line[LONGEST_MESSAGE_BYTES:] + end + rest if len(line) > len(message) else rest
            return message
        return None

    def _counted(self) -> bytes | None:
        count, space, _ = self._data[: _LONGEST_COUNT + 1].partition(b" ")
        if not space and len(count) <= _LONGEST_COUNT and count.isdigit():
            return None
        if not (space and count.isdigit()) or int(count) > LONGEST_MESSAGE_BYTES:
            raise BadFrame(f"a message begins with {count!r}: its length is to be 1 to {LONGEST_MESSAGE_BYTES}")
        start = len(count) + 1
        end = start + int(count)
        if len(self._data) < end:
            return None
        message, self._data = self._data[start:end], self._data[end:]
        return message


_DIGITS = frozenset(bytes([digit]) for digit in b"123456789")
_LONGEST_COUNT = len(str(LONGEST_MESSAGE_BYTES))
