"""Times on the command line: a moment, how long ago it was, or how long something lasts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from fairlead_server.errors import CommandError

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[dhms])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_us_of(text: str, now: datetime, option: str = "--since") -> int:
    """Microseconds since 1970 of "2026-11-21T09:30:00Z" or of "90s", "10m", "1h30m", "2d" ago.

    A time without an offset is local. Raises CommandError.
    """
    return _time_us(text, option, "ago", lambda duration: now - duration)


def coming_time_us_of(text: str, option: str, now: datetime) -> int:
    """As `time_us_of`, but a duration is from now on."""
    return _time_us(text, option, "from now on", lambda duration: now + duration)


def duration_s_of(text: str, option: str) -> float:
    """Seconds of "90s", "10m", "1h30m", "2d". Raises CommandError."""
    try:
        if _DURATION.fullmatch(text):
            return timedelta(**_durations(text)).total_seconds()
    except OverflowError:
        pass
    raise CommandError(f"{option} {text!r} is no duration: write it as 90s, 10m, 1h30m, 2d")


def utc(time_us: int) -> str:
    """A time as people and `time_us_of` read it, to the second."""
    return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time_us(text: str, option: str, direction: str, moved: Callable[[timedelta], datetime]) -> int:
    try:
        if _DURATION.fullmatch(text):
            moment = moved(timedelta(**_durations(text)))
        else:
            moment = datetime.fromisoformat(text).astimezone()
        time_us = (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        rule = f"write it as 2026-11-21T09:30:00Z or as 90s, 10m, 1h30m, 2d ({direction})"
        raise CommandError(f"{option} {text!r} is no time: {rule}") from None
    return max(0, time_us)


def _durations(text: str) -> dict[str, float]:
    durations: dict[str, float] = {}
    for amount, unit in _PART.findall(text):
        name = _UNITS[unit]
        durations[name] = durations.get(name, 0.0) + float(amount)
    return durations
