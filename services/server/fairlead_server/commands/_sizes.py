"""Sizes and ages as people write and read them."""

from __future__ import annotations

import re

from fairlead_server.errors import CommandError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?([kmgt]i?)?b?", re.IGNORECASE)
_THOUSAND = 1000


def bytes_of(text: str, option: str) -> int:
    """Bytes of "500", "1.5 GB" or "64MiB". Raises CommandError.

    >>> bytes_of("1.5k", "--keep-bytes")
    1500
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise CommandError(f"{option} {text!r} is no size: write it as 500000, 500MB, 1.5GB, 64MiB")
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def count_of(text: str, option: str) -> int:
    """A number of lines, or that of a line. Raises CommandError."""
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise CommandError(f"{option} {text!r} is no number of lines")
    return int(text)


def size_text(size_bytes: int) -> str:
    """Three digits of it.

    >>> size_text(999), size_text(12_345_678)
    ('999 B', '12.3 MB')
    """
    if size_bytes < _THOUSAND:
        return f"{size_bytes} B"
    size, units = size_bytes / _THOUSAND, iter(("kB", "MB", "GB", "TB"))
    unit = next(units)
    while round(size, 1) >= _THOUSAND and (larger := next(units, None)) is not None:
        size, unit = size / _THOUSAND, larger
    return f"{size:.1f} {unit}"


def age_text(age_s: float) -> str:
    """The largest unit of it; a moment in the future, by another clock, is now.

    >>> age_text(59), age_text(3 * 3600 + 5)
    ('59s', '3h')
    """
    for unit, length_s in (("d", 86_400), ("h", 3600), ("m", 60)):
        if age_s >= length_s:
            return f"{int(age_s // length_s)}{unit}"
    return f"{max(0, int(age_s))}s"
