"""Where streams are kept: the narrow protocol between the log service and a database.

Correctness rests on six sentences, which `test_stream_store.py` checks
of every implementation:

- `write` resolves when the change is durable, and a change is stored whole or not at all.
- Changes of one stream are submitted one after the other, each after the last resolved.
- `read` gives the stored batches that meet `[start, end)`, in order, without a hole,
  beginning with the one that holds `start`; at least one where there is one.
- What `write` has resolved, `read` sees.
- A failing change fails alone.
- What `trim` or `delete` has taken away is gone at once, though the space that it takes goes later.

Where several servers share a store (`sharing` is not None) a seventh: `write` raises MovedOn for a change whose
`version` is not the stream's newest, and an empty change asks just that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Change, Cursor, Outline, Producer, StreamKey, StreamRow
from fairlead_logstream.model.scan import Found, Scan
from fairlead_logstream.model.segment import Segment


class CorruptBatch(Exception):
    """The stored records `first` to `next`, where the next batch begins, are damaged: they are lost, no others are."""

    def __init__(self, first: int, following: int) -> None:
        super().__init__(f"the records {first} to {following} are damaged in the store")
        self.first = first
        self.next = following


class MovedOn(Exception):
    """Another server has changed the stream, or deleted it: nothing was stored, and what is known of it is old."""


class Sharing(Protocol):
    """What servers that share a store ask of it. Errors are `fairlead_store.StoreError`."""

    async def versions(self, stream_ids: Collection[int] | None = None) -> dict[int, int]:
        """How often each of these streams has changed, or of all of the realm, by its id."""
        ...

    async def rows(self, stream_ids: Collection[int]) -> list[StreamRow]:
        """These streams as they stand; those that are gone are left out."""
        ...

    def listen(self, woken: Callable[[list[int]], None]) -> None:
        """Be told, until the store is closed, which streams another server has changed. It may also not be told."""
        ...

    async def named(self, name: str) -> StreamRow | None:
        """The stream of this name."""
        ...


class ArchiveRows(Protocol):
    """Which records of the streams are in the archive: the oldest ones, without a hole between segments.

    What is before a stream's `oldest` is in no answer but `gone`'s.
    """

    async def add(self, key: StreamKey, segment: Segment) -> bool:
        """The oldest batches that are here are in the archive now; they go from here. Its `bytes_before` is not asked.

        False, and nothing is changed, where the segment does not begin with them: the stream was trimmed or deleted,
        or another server has archived it.
        """
        ...

    async def at(self, key: StreamKey, number: int) -> Segment | None:
        """The segment that holds the record, else the first one behind it."""
        ...

    async def from_number(self, key: StreamKey, number: int, limit: int) -> list[Segment]:
        """That segment and those that follow."""
        ...

    async def before(self, key: StreamKey, number: int) -> Segment | None:
        """The last segment that begins before the record."""
        ...

    async def with_byte(self, key: StreamKey, end: int, offset: int) -> Segment | None:
        """The last segment that begins before the record `end`, and with this byte of the stream or before it."""
        ...

    async def since(self, key: StreamKey, time_us: int) -> Segment | None:
        """The first segment with a record of this time or later."""
        ...

    async def gone(self, stream_id: int | None, limit: int) -> list[tuple[int, Segment]]:
        """Segments of a stream, or of any, that were trimmed or deleted, with their streams' ids."""
        ...

    async def forget(self, stream_id: int, first: int) -> None:
        """The file of such a segment is gone."""
        ...


class StreamStore(Protocol):
    """The streams of one realm. Errors are `fairlead_store.StoreError`."""

    @property
    def archives(self) -> ArchiveRows:
        """What was here and is in the archive."""
        ...

    @property
    def sharing(self) -> Sharing | None:
        """None: this process has the store for itself."""
        ...

    @property
    def backlog(self) -> int:
        """Jobs and changes that wait to be written, roughly."""
        ...

    async def streams(self) -> list[StreamRow]:
        """All streams, for the directory: once, at the start."""
        ...

    async def create(self, new: StreamRow) -> StreamRow:
        """Store a new stream (its `id` is ignored), or give the one that has its name already."""
        ...

    async def producers(self, stream_id: int) -> dict[str, Producer]:
        """The producers that have written to a stream."""
        ...

    def write(self, change: Change) -> asyncio.Future[None]:
        """Store one step of a stream; resolves when it is durable."""
        ...

    async def read(self, key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        """The batches that meet `[start, end)`, up to `limit_bytes` of records but at least one.

        Raises CorruptBatch when the first of them is damaged, and ends before a later one that is.
        """
        ...

    async def tail_start(self, key: StreamKey, end: int, limit_count: int, limit_bytes: int) -> int:
        """Where to begin for the last `limit_count` records before `end`.

        Later than that where the batches from there would exceed `limit_bytes`, but at least the last one is taken.
        """
        ...

    async def batch_with_byte(self, key: StreamKey, end: int, offset: int) -> tuple[int, Batch] | None:
        """The batch before `end` that holds this byte of the stream, or is the last before it, and where it begins.

        None where that is before the oldest batch. Raises CorruptBatch.
        """
        ...

    async def first_batch_since(self, key: StreamKey, time_us: int) -> Batch | None:
        """The first batch with a record of this time or later. Raises CorruptBatch when it is damaged."""
        ...

    async def scan(self, key: StreamKey, asked: Scan) -> Found:
        """Look for records without bringing the others here (scanning.py). Raises CorruptBatch."""
        ...

    async def outlines(self, key: StreamKey, start: int, limit: int) -> list[Outline]:
        """The batches that begin at `start` or later, so many at most, without their records."""
        ...

    async def size_between(self, key: StreamKey, start: int, end: int) -> int:
        """About how many bytes the records `[start, end)` have: exact where a batch begins."""
        ...

    # ---- what goes

    async def trim(self, key: StreamKey, oldest: int) -> None:
        """Remove all before `oldest`, where a batch begins or the stream's head. Appends go on meanwhile."""
        ...

    async def delete(self, key: StreamKey) -> None:
        """Remove a stream with all that belongs to it: its name is free for another. Nobody writes to it any more."""
        ...

    # ---- cursors

    async def commit_cursor(self, key: StreamKey, cursor: Cursor, *, back: bool = False) -> Cursor:
        """Keep a cursor; gives what is kept then.

        One that is known keeps its owner, and its place where the new one is before it, unless it may go `back`.
        """
        ...

    async def cursors(self, key: StreamKey) -> list[Cursor]:
        """The cursors of a stream, by name."""
        ...

    async def delete_cursor(self, key: StreamKey, name: str) -> None:
        """Forget a cursor; one that is not there is none already."""
        ...

    async def close(self) -> None:
        """Finish what was submitted."""
        ...
