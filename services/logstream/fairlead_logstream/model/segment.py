"""A segment: consecutive batches of a stream that lie in one file of the archive."""

from __future__ import annotations

import msgspec

from fairlead_logstream.model.batch import Batch


class Segment(msgspec.Struct, frozen=True):
    """What the store knows of the records `first` to `next` (half open), which lie at `location`.

    `size` is that of the records in bytes, `bytes_before` that of the stream before them, `max_time_us` the latest
    time of a record, `last_us` that in the last batch, `stored_us` when the last batch was stored: a segment goes when
    all of it is old.
    """

    first: int
    next: int
    size: int
    max_time_us: int
    last_us: int
    stored_us: int
    location: str
    created_us: int
    bytes_before: int = 0


def bytes_at(number: int, batches: list[Batch]) -> int:
    """The size of the records before this one; within a batch its records count alike."""
    size = 0
    for batch in batches:
        if batch.next > number:
            return size + batch.size * max(0, number - batch.first) // batch.count
        size += batch.size
    return size
