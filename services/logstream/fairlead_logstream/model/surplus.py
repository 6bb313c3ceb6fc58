"""What of a stream is too much: too old, too large, too many. No I/O, no clock.

Whole batches go, the oldest first. A stream that is open keeps its last batch, whatever the limits say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fairlead_logstream.model.rows import Outline, Retention
from fairlead_logstream.model.stream import Stream

US = 1_000_000


def has_surplus(stream: Stream, limits: Retention, now_us: int) -> bool:
    """Whether the stream is beyond its limits as a whole."""
    if stream.head == stream.oldest:
        return False
    return (
        (limits.max_bytes is not None and stream.stored_bytes > limits.max_bytes)
        or (limits.max_records is not None and stream.head - stream.oldest > limits.max_records)
        or (limits.max_age_s is not None and stream.oldest_us < now_us - limits.max_age_s * US)
    )


def surplus(stream: Stream, outlines: list[Outline], limits: Retention, now_us: int) -> list[Outline]:
    """Those of its oldest batches that are beyond its limits."""
    excess_bytes = 0 if limits.max_bytes is None else stream.stored_bytes - limits.max_bytes
    excess_records = 0 if limits.max_records is None else stream.head - stream.oldest - limits.max_records
    oldest_us = 0 if limits.max_age_s is None else now_us - limits.max_age_s * US

    def is_over(outline: Outline, bytes_before: int) -> bool:
        records_before = outline.first - stream.oldest
        return bytes_before < excess_bytes or records_before < excess_records or outline.stored_us < oldest_us

    return _first_of(stream, outlines, is_over)


def oldest_of(stream: Stream, outlines: list[Outline], excess_bytes: int, until_us: float) -> list[Outline]:
    """Those of its oldest batches that were stored before a time, up to a size: others are older than what follows."""
    return _first_of(
        stream,
        outlines,
        lambda outline, bytes_before: bytes_before < excess_bytes and outline.stored_us <= until_us,
    )


def _first_of(stream: Stream, outlines: Iterable[Outline], goes: Callable[[Outline, int], bool]) -> list[Outline]:
    """The first batches that go; each is asked with the size of those before it."""
    going: list[Outline] = []
    size = 0
    for outline in outlines:
        is_last = outline.next >= stream.head
        if (is_last and stream.sealed is None) or not goes(outline, size):
            break
        going.append(outline)
        size += outline.size
    return going
