"""Scanning: looking through stored batches for what a filter lets pass, in the thread that reads them.

A scan ends where its answer is full, where it has looked at enough, or before a batch that is damaged or missing; if
that is the first one, it raises CorruptBatch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.records import split
from fairlead_logstream.model.scan import Found, Scan
from fairlead_logstream.store.stream_store import CorruptBatch


class Stored(NamedTuple):
    """A batch in the store, and how to read it; that raises CorruptBatch."""

    first: int
    next: int
    times_us: tuple[int, int]
    size: int
    load: Callable[[], Batch]


def in_memory(batch: Batch) -> Stored:
    """A batch that need not be read."""
    return Stored(batch.first, batch.next, (batch.min_time_us, batch.max_time_us), batch.size, lambda: batch)


def scan(asked: Scan, stored: Iterable[Stored]) -> Found:
    """Look through the batches, which come in the order of the scan. Raises CorruptBatch."""
    found = Found(asked.begin, [], [])
    scanned_bytes = 0
    try:
        for each in stored:
            _check_position(asked, found.position, each)
            is_full = _look_into(asked, each, found)
            scanned_bytes += each.size
            if is_full or scanned_bytes >= asked.scan_bytes:
                return found
        _check_end(asked, found.position)
    except CorruptBatch:
        if found.position == asked.begin:
            raise
    return found


def _check_position(asked: Scan, position: int, each: Stored) -> None:
    """Raises CorruptBatch for the records between `position` and the batch, should they be missing."""
    if asked.is_backwards and each.next < position:
        raise CorruptBatch(each.next, position)
    if not asked.is_backwards and each.first > position:
        raise CorruptBatch(position, each.first)


def _check_end(asked: Scan, position: int) -> None:
    """There are no more batches: raises CorruptBatch if there should be."""
    first, following = (asked.start, position) if asked.is_backwards else (position, asked.end)
    if first < following:
        raise CorruptBatch(first, following)


def _look_into(asked: Scan, each: Stored, found: Found) -> bool:
    """Add what a batch has; whether the answer is full."""
    first, following = max(asked.start, each.first), min(asked.end, each.next)
    if asked.wanted.may_be_of(*each.times_us):
        selection = asked.wanted.select(each.load().between(first, following))
        if selection is not None:
            pairs = list(zip(selection.seqs, split(selection.records), strict=True))
            if not _take(asked, found, pairs):
                return True
    found.position = first if asked.is_backwards else following
    return False


def _take(asked: Scan, found: Found, pairs: list[tuple[int, bytes]]) -> bool:
    """Add what there is room for; False if that is not all."""
    for seq, raw in reversed(pairs) if asked.is_backwards else pairs:
        is_full = len(found.seqs) >= asked.limit_count or found.size + len(raw) >= asked.limit_bytes
        if found.seqs and is_full:
            found.position = seq + 1 if asked.is_backwards else seq
            return False
        found.add(seq, raw)
    return True
