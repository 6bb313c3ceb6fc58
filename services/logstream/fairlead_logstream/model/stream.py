"""A stream in memory: where it stands, all of it durable. What would change it is a draft (draft.py)."""

from __future__ import annotations

from fairlead_logstream.errors import NoSuchAttempt
from fairlead_logstream.model.append import Append
from fairlead_logstream.model.attempts import found
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Change, Producer, Sealed, StreamKey, StreamRow
from fairlead_logstream.model.segment import Segment
from fairlead_logstream.model.spending import Buckets
from fairlead_router import LimitExceeded

PRODUCERS_LIMIT = 10_000
"""Producers of one stream, each kept as long as the stream: an array job's tasks, not a name for each append."""


class Stream:
    """The durable state of one stream, as the event loop knows it. Its appender changes it, and retention trims it.

    `producers` is None until it has been loaded: most streams are only read. `buckets`, what is left of the rates of
    the budgets, are not durable: after a restart they are full.
    """

    __slots__ = (
        "archived",
        "buckets",
        "created_us",
        "epoch",
        "first_offered",
        "head",
        "id",
        "last_us",
        "name",
        "object_id",
        "oldest",
        "oldest_us",
        "producers",
        "state",
        "trimmed_bytes",
        "version",
        "written_bytes",
        "written_us",
    )

    def __init__(self, row: StreamRow, producers: dict[str, Producer] | None = None) -> None:
        self.id = row.id
        self.name = row.name
        self.object_id = row.object_id
        self.epoch = row.epoch
        self.created_us = row.created_us
        self.producers: dict[str, Producer] | None
        self.take_over(row)
        self.producers = producers
        self.first_offered: dict[str, int] = {}
        self.buckets: Buckets = {}

    def take_over(self, row: StreamRow) -> None:
        """It stands as this row says. Who has written is loaded when it matters."""
        self.state = row.state
        self.oldest = row.oldest
        self.head = row.head
        self.written_bytes = row.written_bytes
        self.trimmed_bytes = row.trimmed_bytes
        self.oldest_us = row.oldest_us
        self.last_us = row.last_us
        self.version = row.version
        self.archived = row.archived
        self.written_us = row.written_us
        self.producers = None

    @property
    def key(self) -> StreamKey:
        """For the store."""
        return StreamKey(self.id, self.epoch)

    @property
    def attempt(self) -> int:
        """Which attempt it is at."""
        return self.state.attempt

    def first_of(self, attempt: int) -> int:
        """The number of an attempt's first record, which retention may have removed. Raises NoSuchAttempt."""
        known = found(self.state.attempts, attempt)
        if known is None:
            numbers = [each.attempt for each in self.state.attempts]
            some = f"{numbers[0]} to {numbers[-1]}" if numbers else "none"
            raise NoSuchAttempt(f"stream '{self.name}' knows of no attempt {attempt}, but of {some}", attempts=numbers)
        return known[0].first

    @property
    def sealed(self) -> Sealed | None:
        """How it ended, if it has."""
        return self.state.sealed

    @property
    def stored_bytes(self) -> int:
        """The size of its records, as they are sent; what retention has removed does not count."""
        return self.written_bytes - self.trimmed_bytes

    @property
    def is_archived(self) -> bool:
        """Whether all of it is in the archive, and nothing will come."""
        return self.sealed is not None and self.archived == self.head

    @property
    def has_archived(self) -> bool:
        """Whether some of it is in the archive, which may be slow."""
        return self.archived > self.oldest

    def archive(self, segment: Segment) -> None:
        """It is durable that these records are in the archive: they will go together."""
        if segment.first <= self.oldest:
            self.oldest_us = segment.stored_us
        self.archived = segment.next

    def trim(self, oldest: int, size: int, oldest_us: int) -> None:
        """It is durable that all before `oldest`, so many bytes, is gone; what is the oldest now was stored then.

        Nothing where more has gone meanwhile: the stream was deleted, or another server has trimmed it.
        """
        if oldest <= self.oldest:
            return
        self.oldest, self.oldest_us = oldest, oldest_us
        self.trimmed_bytes += size

    def offered(self, append: Append) -> None:
        """An append has arrived, whatever becomes of it: an unknown producer begins here. Raises LimitExceeded."""
        name = append.producer
        if name is None or append.seq is None or (self.producers is not None and name in self.producers):
            return
        if name not in self.first_offered:
            check_producers(self.name, len(self.first_offered))
        self.first_offered.setdefault(name, append.seq)

    def adopt(self, change: Change, head: int) -> None:
        """The change is durable."""
        if change.batches and self.head == self.oldest:
            self.oldest_us = change.stored_us
        if change.batches:
            self.written_us = change.stored_us
        self.extend(change.batches)
        self.head = head
        if not change.is_empty:
            self.version = change.version + 1
        if change.state is not None:
            self.state = change.state
        if change.producers and self.producers is not None:
            self.producers.update(change.producers)
            for name in change.producers:
                self.first_offered.pop(name, None)

    def extend(self, batches: list[Batch]) -> None:
        """These batches follow; whoever wrote them."""
        for batch in batches:
            self.head = batch.next
            self.written_bytes += batch.size
            self.last_us = batch.max_time_us


def check_producers(name: str, count: int) -> None:
    """Raises LimitExceeded for one producer more than this, if that is one too many."""
    if count >= PRODUCERS_LIMIT:
        text = f"stream '{name}' has {PRODUCERS_LIMIT} producers already: one is a writer, not an append"
        raise LimitExceeded(text, limit="producers_per_stream")
