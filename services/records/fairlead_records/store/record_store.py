"""What the record service needs of a store: load everything once, then write one group of changes after the other.

A group is durable as a whole or not at all, and is told when it is. All records are in memory while the service runs,
so nothing is read afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from fairlead_records.model.record import Change, Record


class Answer(msgspec.Struct, frozen=True):
    """What came of a request with a key: whoever repeats it gets the same again."""

    authid: str
    key: str
    result: bytes
    """JSON."""
    at_us: int


class Group(msgspec.Struct, frozen=True):
    """What one transaction makes durable."""

    changes: Sequence[Change]
    answers: Sequence[Answer]


class Loaded(msgspec.Struct, frozen=True):
    """All that a store has."""

    epoch: int
    """Drawn when the store was made: bookmarks of another one mean nothing here."""
    secret: bytes
    """32 random bytes, made with the epoch: what bookmarks are sealed with."""
    records: Sequence[Record]
    """In the order in which they were made."""
    history: Sequence[Change]
    """The latest changes, as many as are wanted, in order and without a hole up to the last one."""
    answers: Sequence[Answer]
    """In order of time."""


class RecordStore(Protocol):
    """The records of one realm."""

    @property
    def backlog(self) -> int:
        """Jobs that wait for their transaction."""
        ...

    async def load(self, kept_changes: int) -> Loaded:
        """Everything, with at most so many changes. Raises StoreError, also for what is damaged, which it names."""
        ...

    def write(self, group: Group) -> asyncio.Future[None]:
        """Resolves when the group is durable, else raises StoreError, and then nothing of it is kept."""
        ...

    async def trim(self, changes_upto: int, answers_before_us: int) -> None:
        """Forget the changes up to that revision, and the answers of before that time. Raises StoreError."""
        ...

    async def close(self) -> None:
        """Finish what is being written."""
        ...
