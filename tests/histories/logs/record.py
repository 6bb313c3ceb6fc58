"""What is recorded of a play with logs: what each producer sent and was told, and all that each follower got, in order.

A record's text is `LABEL NUMBER PADDING`. A label is `PRODUCER.ANYTHING`; under each label the numbers count up by one.
Times are those of histories.record: of the clock of the process that everybody is in.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from histories.record import NEVER_S, Change

Kind = Literal["records", "lagged", "reset", "head"]

MARKER = "!"
"""The first character of the label of a marker, a record that the service itself has made: `!lost`, `!truncated`."""

SOURCES = ("even", "odd")
"""Of a record, by its number; a filtered follower wants one of them."""


class Seen(NamedTuple):
    """A record and its position. Of a marker, `number` is how many records it stands for, -1 if it does not say."""

    position: int
    label: str
    number: int
    producer: str | None = None
    """Of a marker: whose records are missing, if they are of one."""

    @property
    def is_marker(self) -> bool:
        return self.label.startswith(MARKER)

    def is_of(self, source: str | None) -> bool:
        """Whether a follower of this source gets it."""
        return source is None or (not self.is_marker and SOURCES[self.number % 2] == source)


class Sent(msgspec.Struct):
    """Records `number` to `number + count` of a label. Of a writer who is told no positions, `epoch` stays None."""

    stream: str
    label: str
    number: int
    count: int
    sent_s: float
    acknowledged_s: float = NEVER_S
    epoch: int | None = None
    first: int = 0
    next: int = 0


class Item(msgspec.Struct):
    """Something that a follower got: it stands for the positions `first` to `next`, of which a head has none."""

    at_s: float
    kind: Kind
    epoch: int
    first: int
    next: int
    records: list[Seen] = []
    size_bytes: int = 0


class Run(msgspec.Struct):
    """One request of a follower, or what it was answered until it made the next one."""

    follower: str
    user: str
    stream: str
    asked_s: float
    epoch: int | None = None
    start: int | None = None
    """With its epoch, the cursor; without one the follower begins anew."""
    source: str | None = None
    items: list[Item] = []
    refused_s: float = NEVER_S
    """When it was told that it has no right; perhaps after something else had come."""
    committed: int | None = None
    """Who keeps its cursor in the service: up to where a commit was acknowledged in this run."""


class Stored(msgspec.Struct):
    """All that the store has of one epoch of a stream, at rest."""

    stream: str
    epoch: int
    oldest: int
    next: int
    records: list[Seen]


class LogHistory(msgspec.Struct):
    """One play. `users`, `objects` and `changes` are what a Timeline wants; each stream is an object of its name."""

    objects: list[str]
    users: list[str]
    changes: list[Change] = []
    sent: list[Sent] = []
    runs: list[Run] = []
    stored: list[Stored] = []
    stayed: dict[str, str] = {}
    """Followers that were there until all was quiet, and the stream of each."""
    absent: list[tuple[float, float]] = []
    """From when to when there may have been no streams: the store was replaced."""
    faults: dict[str, int] = {}
    """How often which fault was made."""
