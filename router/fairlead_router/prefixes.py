"""Prefix patterns by their lengths: one dictionary look-up for each length in use, however many patterns there are.

>>> index = PrefixIndex()
>>> index.add("com.", 1)
>>> index.add("com.app", 2)
>>> index.matching("com.apple")
[2, 1]
"""

from bisect import insort
from collections import Counter
from operator import neg
from typing import Generic, TypeVar

V = TypeVar("V")


class PrefixIndex(Generic[V]):
    """Pattern -> value. Each pattern has one value."""

    def __init__(self) -> None:
        self._values: dict[str, V] = {}
        self._patterns_of_length: Counter[int] = Counter()
        self._lengths: list[int] = []

    def add(self, pattern: str, value: V) -> None:
        """Enter a pattern that is not in the index."""
        assert pattern not in self._values, f"{pattern!r} is in the index already"
        length = len(pattern)
        if not self._patterns_of_length[length]:
            insort(self._lengths, length, key=neg)
        self._patterns_of_length[length] += 1
        self._values[pattern] = value

    def remove(self, pattern: str) -> None:
        """Take out a pattern that is in the index."""
        length = len(pattern)
        del self._values[pattern]
        self._patterns_of_length[length] -= 1
        if not self._patterns_of_length[length]:
            del self._patterns_of_length[length]
            self._lengths.remove(length)

    def get(self, pattern: str) -> V | None:
        """The value of this very pattern."""
        return self._values.get(pattern)

    def longest(self, uri: str) -> V | None:
        """The value of the longest pattern that `uri` begins with."""
        for length in self._lengths:
            value = self._values.get(uri[:length])
            if value is not None:
                return value
        return None

    def matching(self, uri: str) -> list[V]:
        """The values of all patterns that `uri` begins with, the longest first."""
        return [
            value
            for length in self._lengths
            if length <= len(uri) and (value := self._values.get(uri[:length])) is not None
        ]
