"""The times that the lines of a log file begin with."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from fairlead_server.errors import CommandError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ISO = re.compile(r"\[?(\d{4}-\d\d-\d\d[T _]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?) ?(Z|[+-]\d\d:?\d\d)?")
# What strptime reads, and what it looks like in a line.
_DIRECTIVES = {
    "Y": r"\d{4}", "y": r"\d\d", "m": r"\d\d", "d": r"[ \d]?\d", "H": r"\d\d", "M": r"\d\d", "S": r"\d\d",
    "f": r"\d{1,6}", "j": r"\d{3}", "b": r"[^\W\d]+", "B": r"[^\W\d]+", "a": r"[^\W\d]+", "A": r"[^\W\d]+",
    "I": r"\d\d", "p": r"[AaPp][Mm]", "z": r"(?:Z|[+-]\d\d:?\d\d)", "Z": r"[A-Za-z]{3,4}", "%": "%",
}  # fmt: skip
# A time is within this of a line.
_LONGEST = 80

TimeOf = Callable[[str], int | None]


def stamps_of(pattern: str | None, *, are_utc: bool) -> TimeOf:
    """What finds the time at the begin of a line, in microseconds since 1970; without a `pattern` ISO 8601.

    A time without an offset is local, or UTC. Raises CommandError for what is no pattern.
    """
    zone = UTC if are_utc else None
    if pattern is None:
        return lambda line: _iso_time_us(line, zone)
    expression = _expression_of(pattern)

    def time_us(line: str) -> int | None:
        found = expression.match(line[:_LONGEST])
        if found is None:
            return None
        try:
            return _time_us(datetime.strptime(found[0], pattern), zone)  # noqa: DTZ007 (the zone comes next)
        except (ValueError, OverflowError):
            return None

    return time_us


def rfc3339_us(text: str) -> int:
    """A time with an offset, of up to nanoseconds. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return max(0, (moment - _EPOCH) // _MICROSECOND)


def _iso_time_us(line: str, zone: object) -> int | None:
    if not line[:1].isdigit() and line[:1] != "[":
        return None
    found = _ISO.match(line)
    try:
        return None if found is None else _time_us(datetime.fromisoformat(found[1] + (found[2] or "")), zone)
    except (ValueError, OverflowError):
        return None


def _time_us(moment: datetime, zone: object) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC) if zone is UTC else moment.astimezone()
    return max(0, (moment - _EPOCH) // _MICROSECOND)


def _expression_of(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"%(.?)", pattern)
    for directive in parts[1::2]:
        if directive not in _DIRECTIVES:
            known = " ".join(f"%{each}" for each in _DIRECTIVES)
            raise CommandError(f"--timestamps {pattern!r}: %{directive} is none of {known}")
    expression = "".join(_DIRECTIVES[part] if at % 2 else re.escape(part) for at, part in enumerate(parts))
    if len(parts) == 1:
        raise CommandError(f"--timestamps {pattern!r} has nothing to read a time from: write it as %d/%b/%Y:%H:%M:%S")
    return re.compile(expression)
