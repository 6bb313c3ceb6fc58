"""DueTimes: keys with the time at which each is due, the earliest first.

Pure data: it reads no clock and calls nobody. A key that is set again leaves a dead entry in the heap; these are swept
out when they are more than half of it, so that times that are moved again and again take no room.
"""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, TypeVar

import msgspec

K = TypeVar("K", bound=Hashable)

_SMALL = 64
"""A heap so short is not worth sweeping."""


class Due(msgspec.Struct, Generic[K], frozen=True):
    """What is due, and since when: microseconds since 1970."""

    key: K
    at_us: int


class DueTimes(Generic[K]):
    """When what is due: microseconds since 1970."""

    __slots__ = ("_at_us", "_heap", "_numbers", "next_us")

    def __init__(self) -> None:
        self.next_us: int | None = None
        """The earliest of all, None if there is none."""
        self._at_us: dict[K, int] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._at_us)

    def set(self, key: K, at_us: int | None) -> None:
        """The key is due at this time and at no other; None: never."""
        if at_us is None:
            self._at_us.pop(key, None)
        elif self._at_us.get(key) != at_us:
            self._at_us[key] = at_us
            heappush(self._heap, (at_us, next(self._numbers), key))
        self._tidy()

    def pop(self, now_us: int) -> Due[K] | None:
        """Take out what is due first; None if nothing is due yet."""
        if self.next_us is None or self.next_us > now_us:
            return None
        at_us, _, key = heappop(self._heap)
        del self._at_us[key]
        self._tidy()
        return Due(key, at_us)

    def _tidy(self) -> None:
        """The first of the heap is alive, and so are half of all."""
        heap = self._heap
        if len(heap) > max(_SMALL, 2 * len(self._at_us)):
            heap[:] = [(at_us, next(self._numbers), key) for key, at_us in self._at_us.items()]
            heapify(heap)
        while heap and self._at_us.get(heap[0][2]) != heap[0][0]:
            heappop(heap)
        self.next_us = heap[0][0] if heap else None
