"""What a store keeps of a stream, as values: its row, its producers, and the step that changes them.

No rules here: what an append or a seal makes of a stream is decided in draft.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from fairlead_logstream.model.attempts import Attempts
from fairlead_logstream.model.batch import Batch

RECORDS = 0
BYTES = 1
"""What the numbers of a producer count: its records, or the bytes of its source."""


class Sealed(msgspec.Struct, frozen=True):
    """How a stream ended. `next` is the number behind its last record."""

    exit_code: int | None
    reason: str | None
    next: int


class Producer(msgspec.Struct, frozen=True):
    """What the stream knows of a producer: its term, and the number that its next record must have.

    `seq` counts in `unit`. `records` and `bytes` are what is stored of it, for its budget: `seq` counts the rest too.
    """

    term: int
    seq: int
    unit: int = RECORDS
    records: int = 0
    bytes: int = 0


class Retention(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long and how much of a stream is kept; None: as the service keeps all others."""

    max_age_s: int | None = None
    max_bytes: int | None = None
    max_records: int | None = None


class Dropped(msgspec.Struct, frozen=True):
    """What was acknowledged over a budget and not stored, until a marker in the stream has told it.

    `producer` is None where it is of several, or of none that has a name.
    """

    records: int = 0
    bytes: int = 0
    reason: str | None = None
    producer: str | None = None


class State(msgspec.Struct, frozen=True):
    """What may change of a stream besides its records.

    `attempts` are the latest ones that are known, with their begins; `attempt` may be none of them: it is the number
    before the first one of a new stream that does not begin with 1.
    """

    attempt: int = 1
    sealed: Sealed | None = None
    metadata: dict[str, Any] = {}
    retention: Retention = Retention()
    heartbeat_s: int | None = None
    dropped: Dropped = Dropped()
    attempts: Attempts = ()


class StreamRow(msgspec.Struct, frozen=True):
    """What the store keeps of a stream besides its records and producers.

    `written_bytes` is the size of everything before the head, `trimmed_bytes` of what retention has removed of it:
    the difference is what is stored. `oldest_us` is when the oldest batch was stored, `last_us` the latest time of a
    record in the last batch, `written_us` when that was stored; they are 0 where there is none. What is below
    `archived` and not below `oldest` is in the archive.
    `version` counts the changes, where several servers share a store.
    """

    id: int
    name: str
    object_id: str
    epoch: int
    created_us: int
    state: State = State()
    oldest: int = 0
    head: int = 0
    written_bytes: int = 0
    trimmed_bytes: int = 0
    oldest_us: int = 0
    last_us: int = 0
    version: int = 0
    archived: int = 0
    written_us: int = 0


class StreamKey(NamedTuple):
    """What the store needs to find and label a stream's batches."""

    id: int
    epoch: int


class Change(msgspec.Struct, frozen=True):
    """One durable step of one stream, all or nothing. `state` is None where it stays as it is.

    `written_bytes` is the size of everything before the first of the batches, `version` that of the stream that the
    change was made of: where servers share a store, it is stored only if that is the newest. If it is not, and the
    change `claims` the stream, the others too must look at it anew before they write: so a writer that always came too
    late comes in. `stored_us` is the time by our own clock: retention goes by it, since producers' clocks may be wrong
    and their records old.
    """

    stream_id: int
    batches: list[Batch]
    producers: dict[str, Producer]
    state: State | None
    written_bytes: int = 0
    version: int = 0
    stored_us: int = 0
    claims: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.batches or self.producers) and self.state is None


class Outline(msgspec.Struct, frozen=True):
    """A stored batch without its records; `size` is theirs, in bytes."""

    first: int
    count: int
    size: int
    stored_us: int

    @property
    def next(self) -> int:
        """The number behind the last record."""
        return self.first + self.count


class Cursor(msgspec.Struct, frozen=True):
    """How far a consumer has come: `next` is the first record that it has not done with. It is its owner's."""

    name: str
    owner: str
    epoch: int
    next: int
    committed_us: int
