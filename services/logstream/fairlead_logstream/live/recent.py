"""The recent batches of all streams, so that who is a little behind need not read the store.

One bound for all streams together: a busy stream may fill it, an idle one loses its
share in time and is read from the store again. Batches leave in the order in which
they came, so each stream's window stays contiguous and ends at its head.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from operator import attrgetter

from fairlead_logstream.model.batch import Batch, cost_of

RECENT_LIMIT_BYTES = 16 << 20
"""A minute at 2 000 lines/s of 100 bytes; who is further behind reads the store, which is as quick. What is
really kept is two to three times that: the records, and a serializer's bytes of each batch or two."""

GONE_LIMIT = 256
"""Batches that were forgotten and still take memory, before the list is cut: cutting costs a copy of the rest."""

_first = attrgetter("first")


class Window:
    """The recent batches of one stream, contiguous up to its head."""

    __slots__ = ("_batches", "_gone")

    def __init__(self) -> None:
        self._batches: list[Batch] = []
        self._gone = 0

    def add(self, batch: Batch) -> None:
        """The stream's next batch."""
        self._batches.append(batch)

    def drop_first(self) -> int:
        """Forget the oldest batch; returns what it cost."""
        size = cost_of(self._batches[self._gone])
        self._gone += 1
        if self._gone >= min(GONE_LIMIT, len(self._batches)):
            del self._batches[: self._gone]
            self._gone = 0
        return size

    def read(self, start: int, limit_bytes: int) -> list[Batch] | None:
        """The batches from the one that holds `start`, up to `limit_bytes` but at least one; None if it is not here."""
        index = bisect_right(self._batches, start, lo=self._gone, key=_first) - 1
        if index < self._gone:
            return None
        found = [self._batches[index]]
        size = len(found[0].records)
        for batch in self._batches[index + 1 : index + 1 + limit_bytes // 8]:
            size += len(batch.records)
            if size > limit_bytes:
                break
            found.append(batch)
        return found


class Recent:
    """The windows of all streams under one bound."""

    def __init__(self, limit_bytes: int = RECENT_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._size = 0
        self._order: deque[Window] = deque()

    def add(self, window: Window, batch: Batch) -> None:
        """Keep a batch that has just become durable, and forget the oldest ones beyond the bound."""
        window.add(batch)
        self._order.append(window)
        self._size += cost_of(batch)
        while self._size > self._limit_bytes:
            self._size -= self._order.popleft().drop_first()
