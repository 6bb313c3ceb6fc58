"""A batch: consecutive records of one stream, stored, cached and delivered as a whole.

It is immutable and shared: by the store's cache, by all live subscribers and by all who
catch up. Its payload is made once; the router makes each serializer's bytes of it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Protocol, TypeVar

from fairlead_logstream.model.records import array_of, decode_records, fitting, joined, split
from fairlead_router import Payload

BATCH_OVERHEAD_BYTES = 512
"""What a batch costs besides its records: small ones count too."""


class Batch:
    """Records `first` to `next` (half open) under one publication id; `records` is the canonical array."""

    __slots__ = (
        "_payload",
        "_result",
        "count",
        "epoch",
        "first",
        "max_time_us",
        "min_time_us",
        "publication",
        "records",
    )

    def __init__(
        self, first: int, count: int, times_us: tuple[int, int], epoch: int, publication: int, records: bytes
    ) -> None:
        self.first = first
        self.count = count
        self.min_time_us, self.max_time_us = times_us
        self.epoch = epoch
        self.publication = publication
        self.records = records
        self._payload: Payload | None = None
        self._result: Payload | None = None

    def __repr__(self) -> str:
        return f"<Batch {self.first}..{self.next} of epoch {self.epoch}, {len(self.records)} bytes>"

    @property
    def next(self) -> int:
        """The number behind the last record."""
        return self.first + self.count

    @property
    def size(self) -> int:
        """Bytes of the records."""
        return len(self.records)

    @property
    def payload(self) -> Payload:
        """The batch dict `{first, records, next, epoch}` as the only argument of an event."""
        if self._payload is None:
            self._payload = Payload.from_json(self._arguments())
        return self._payload

    @property
    def result(self) -> Payload:
        """The same for a RESULT, which needs empty kwargs: Autobahn with `details=True` loses its session without."""
        if self._result is None:
            self._result = Payload.from_json(self._arguments(), b"{}")
        return self._result

    def _arguments(self) -> bytes:
        return b'[{"first":%d,"records":%b,"next":%d,"epoch":%d}]' % (self.first, self.records, self.next, self.epoch)

    def between(self, start: int, end: int) -> Batch:
        """The part of this batch in `[start, end)`, which must meet it; itself when it lies inside."""
        first, last = max(start, self.first), min(end, self.next)
        if first == self.first and last == self.next:
            return self
        records = array_of(split(self.records)[first - self.first : last - self.first])
        times_us = (self.min_time_us, self.max_time_us)
        return Batch(first, last - first, times_us, self.epoch, self.publication, records)

    def within(self, limit_count: int, limit_bytes: int) -> Batch:
        """The first records of this batch, so many in count and in bytes, but at least one."""
        if self.count <= limit_count and len(self.records) <= limit_bytes:
            return self
        count = fitting(split(self.records), limit_count, limit_bytes)
        return self.between(self.first, self.first + count)

    def first_at(self, time_us: int) -> int | None:
        """The number of the first record here that is of this time or later."""
        if self.max_time_us < time_us:
            return None
        times = enumerate(record.time_us for record in decode_records(self.records))
        return next((self.first + index for index, time in times if time >= time_us), None)

    def first_behind(self, offset: int) -> int:
        """The number of the first record here that begins at this byte of `records` or behind it."""
        begin = len("[")
        for number, raw in enumerate(split(self.records), self.first):
            if begin >= offset:
                return number
            begin += len(raw) + len(",")
        return self.next


def cost_of(batch: Batch) -> int:
    """Bytes that a batch counts for."""
    return len(batch.records) + BATCH_OVERHEAD_BYTES


class Sized(Protocol):
    """Something of so many bytes."""

    @property
    def size(self) -> int:
        """Bytes of the records."""
        ...


S = TypeVar("S", bound=Sized)


def in_groups(items: Iterable[S], limit_bytes: int) -> Iterator[list[S]]:
    """Neighbours together up to a size; a larger one is alone."""
    group: list[S] = []
    size = 0
    for item in items:
        if group and size + item.size > limit_bytes:
            yield group
            group, size = [], 0
        group.append(item)
        size += item.size
    if group:
        yield group


def contiguous(batches: list[Batch], start: int) -> list[Batch]:
    """Those that reach beyond `start`, up to the first hole between them."""
    batches = [batch for batch in batches if batch.next > start]
    for index, (batch, following) in enumerate(pairwise(batches)):
        if batch.next != following.first:
            return batches[: index + 1]
    return batches


def merged(batches: list[Batch]) -> Batch:
    """Contiguous batches as one, under the first one's publication id: for results, which have ids of their own."""
    if len(batches) == 1:
        return batches[0]
    times_us = (min(batch.min_time_us for batch in batches), max(batch.max_time_us for batch in batches))
    records = joined([batch.records for batch in batches])
    count = sum(batch.count for batch in batches)
    return Batch(batches[0].first, count, times_us, batches[0].epoch, batches[0].publication, records)
