"""Times on the command line: a moment, or how long ago it was."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from fairlead_server.errors import CommandError

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_AGO = re.compile(r"(?:\d+(?:\.\d+)?[dhms])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_us_of(text: str, now: datetime) -> int:
    """Microseconds since 1970 of "2026-11-21T09:30:00Z" or of "90s", "10m", "1h30m", "2d" ago.

    A time without an offset is local. Raises CommandError.
    """
    try:
        if _AGO.fullmatch(text):
            ago = timedelta(**_durations(text))
            moment = now - ago
        else:
            moment = datetime.fromisoformat(text).astimezone()
        time_us = (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        rule = "write it as 2026-11-21T09:30:00Z or as 90s, 10m, 1h30m, 2d (ago)"
        raise CommandError(f"--since {text!r} is no time: {rule}") from None
    return max(0, time_us)


def _durations(text: str) -> dict[str, float]:
    durations: dict[str, float] = {}
    for amount, unit in _PART.findall(text):
        name = _UNITS[unit]
        durations[name] = durations.get(name, 0.0) + float(amount)
    return durations
