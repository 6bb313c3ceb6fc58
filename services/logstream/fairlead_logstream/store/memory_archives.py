"""The archive rows of the store that forgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import StreamKey
from fairlead_logstream.model.segment import Segment


class Archived(Protocol):
    """A stream as the store keeps it."""

    segments: list[Segment]
    batches: list[Batch]
    bytes_before: dict[int, int]
    oldest: int
    archived: int
    version: int


class MemoryArchiveRows:
    """The segments of all streams; those of deleted ones until they are forgotten."""

    def __init__(self, find: Callable[[int], Archived | None]) -> None:
        self._find = find
        self._gone: dict[tuple[int, int], Segment] = {}

    def trimmed(self, stream_id: int, kept: Archived, oldest: int) -> None:
        """What is before is gone."""
        gone = [segment for segment in kept.segments if segment.next <= oldest]
        kept.segments = kept.segments[len(gone) :]
        self._gone |= {(stream_id, segment.first): segment for segment in gone}

    async def add(self, key: StreamKey, segment: Segment) -> bool:
        kept = self._find(key.id)
        if kept is None or segment.first != max(kept.archived, kept.oldest) or segment.next <= segment.first:
            return False
        bytes_before = kept.bytes_before[segment.first]
        kept.segments.append(msgspec.structs.replace(segment, bytes_before=bytes_before))
        kept.batches = [batch for batch in kept.batches if batch.first >= segment.next]
        kept.archived = segment.next
        kept.version += 1
        return True

    async def at(self, key: StreamKey, number: int) -> Segment | None:
        return next(iter(await self.from_number(key, number, 1)), None)

    async def from_number(self, key: StreamKey, number: int, limit: int) -> list[Segment]:
        return [segment for segment in self._of(key) if segment.next > number][:limit]

    async def before(self, key: StreamKey, number: int) -> Segment | None:
        return next((segment for segment in reversed(self._of(key)) if segment.first < number), None)

    async def with_byte(self, key: StreamKey, end: int, offset: int) -> Segment | None:
        met = [segment for segment in self._of(key) if segment.first < end and segment.bytes_before <= offset]
        return met[-1] if met else None

    async def since(self, key: StreamKey, time_us: int) -> Segment | None:
        return next((segment for segment in self._of(key) if segment.max_time_us >= time_us), None)

    async def gone(self, stream_id: int | None, limit: int) -> list[tuple[int, Segment]]:
        return [(owner_id, segment) for (owner_id, _), segment in self._gone.items() if stream_id in (None, owner_id)][
            :limit
        ]

    async def forget(self, stream_id: int, first: int) -> None:
        self._gone.pop((stream_id, first), None)

    def _of(self, key: StreamKey) -> list[Segment]:
        kept = self._find(key.id)
        return [] if kept is None else kept.segments
