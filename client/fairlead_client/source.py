"""Where an Appender has its records from: a spool, or a file that is its own.

Either numbers what it has, from 0 on: a spool its records, a file its bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from fairlead_client.records import WireRecord
from fairlead_client.spool_meta import SpoolMeta


class Position(NamedTuple):
    """A place between two records: `seq` is the number of the next one, at `offset` of the file of `segment`."""

    seq: int
    segment: int
    offset: int


class Batch(NamedTuple):
    """What is to be sent next: `records`, of which the first has the number `first`, behind `lost` numbers to skip."""

    first: int
    lost: int
    records: list[WireRecord]
    after: Position
    end: dict[str, Any] | None


class Source(Protocol):
    """What an Appender needs."""

    meta: SpoolMeta

    @property
    def has_end(self) -> bool:
        """The stream is to be sealed behind what there is."""

    @property
    def next_seq(self) -> int:
        """The number that the next thing will get."""

    @property
    def oldest(self) -> Position:
        """Where the oldest thing is that can be read."""

    def read(self, position: Position) -> Batch | None:
        """The next batch from a place on; None where nothing follows, for now."""

    def seek(self, seq: int) -> Position:
        """The place of a number, or the nearest before it."""

    def acknowledge(self, position: Position) -> None:
        """What is before the place is not needed any more."""

    def saving(self) -> Callable[[], None]:
        """A job for any thread that keeps `meta`; it raises OSError."""
