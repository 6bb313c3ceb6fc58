"""A stream in memory: where it stands, and what an append, a seal or an attempt would change.

No I/O and no clock. `Draft` is the one place that decides about idempotence, gaps and
fencing: it takes requests in order, refuses or collects them, and knows the state
after them; the stream itself changes only when the draft is durable (`Stream.adopt`).
So a failed write leaves nothing to take back.

The rules for a producer's `seq`, the number of the first record sent, against
`expected`, the number after the last one stored:

- seq = expected: stored. seq < expected: what is stored already is cut off.
- seq > expected: refused with Gap, unless `lost` covers what is missing: then a marker
  record says how many, and the sequence goes on behind it.
- The first append of a producer that the stream doesn't know is accepted at any seq,
  behind a marker when that is not 0: its earlier records are of another epoch. The
  stream remembers that seq at once (`first_offered`), so that when this append fails
  the one sent right behind it is not taken for the first.
- A lower term than the known one is refused with Fenced. A higher one takes over, and
  must go on at `expected`: its numbers below would not be repetitions.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fairlead_logstream.errors import AttemptOutOfTurn, Fenced, Gap, StreamSealed
from fairlead_logstream.model.batch import Batch, in_groups
from fairlead_logstream.model.records import (
    BATCH_LIMIT_BYTES,
    MAX_NUMBER,
    Piece,
    decode_records,
    joined,
    marker,
    pieces,
)
from fairlead_logstream.model.rows import Change, Producer, Sealed, StreamKey, StreamRow
from fairlead_router import InvalidArgument, LimitExceeded

PRODUCERS_LIMIT = 10_000
"""Producers of one stream, each kept as long as the stream: an array job's tasks, not a name for each append."""


class Append(msgspec.Struct, frozen=True):
    """Records as they were sent, in canonical form; without a producer there is no repetition and no gap."""

    pieces: list[Piece]
    producer: str | None = None
    term: int = 0
    seq: int | None = None
    lost: int = 0

    @property
    def count(self) -> int:
        """Records sent."""
        return sum(piece.count for piece in self.pieces)

    @property
    def size(self) -> int:
        """Bytes in canonical form."""
        return sum(len(piece.data) for piece in self.pieces)


class Stream:
    """The durable state of one stream, as the event loop knows it. Only its appender changes it.

    `producers` is None until it has been loaded: most streams are only read.
    """

    __slots__ = (
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
        "written_bytes",
    )

    def __init__(self, row: StreamRow, producers: dict[str, Producer] | None = None) -> None:
        self.id = row.id
        self.name = row.name
        self.object_id = row.object_id
        self.epoch = row.epoch
        self.created_us = row.created_us
        self.state = row.state
        self.oldest = row.oldest
        self.head = row.head
        self.written_bytes = row.written_bytes
        self.trimmed_bytes = row.trimmed_bytes
        self.oldest_us = row.oldest_us
        self.last_us = row.last_us
        self.producers = producers
        self.first_offered: dict[str, int] = {}

    @property
    def key(self) -> StreamKey:
        """For the store."""
        return StreamKey(self.id, self.epoch)

    @property
    def attempt(self) -> int:
        """Which attempt it is at."""
        return self.state.attempt

    @property
    def sealed(self) -> Sealed | None:
        """How it ended, if it has."""
        return self.state.sealed

    @property
    def stored_bytes(self) -> int:
        """The size of its records, as they are sent; what retention has removed does not count."""
        return self.written_bytes - self.trimmed_bytes

    def offered(self, append: Append) -> None:
        """An append has arrived, whatever becomes of it: an unknown producer begins here. Raises LimitExceeded."""
        name = append.producer
        if name is None or append.seq is None or (self.producers is not None and name in self.producers):
            return
        if len(self.first_offered) >= PRODUCERS_LIMIT and name not in self.first_offered:
            raise _too_many_producers(self.name)
        self.first_offered.setdefault(name, append.seq)

    def adopt(self, change: Change, head: int) -> None:
        """The change is durable."""
        if change.batches and self.head == self.oldest:
            self.oldest_us = change.stored_us
        self.head = head
        for batch in change.batches:
            self.written_bytes += batch.size
            self.last_us = batch.max_time_us
        if change.state is not None:
            self.state = change.state
        if change.producers and self.producers is not None:
            self.producers.update(change.producers)
            for name in change.producers:
                self.first_offered.pop(name, None)


class Draft:
    """The next step of a stream while it is put together; `now_us` is the time of its markers."""

    def __init__(self, stream: Stream, now_us: int) -> None:
        self._stream = stream
        self._now_us = now_us
        self._pieces: list[Piece] = []
        self._producers: dict[str, Producer] = {}
        self.head = stream.head
        self.state = stream.state

    @property
    def attempt(self) -> int:
        """Which attempt the stream is at after this step."""
        return self.state.attempt

    @property
    def sealed(self) -> Sealed | None:
        """How the stream has ended after this step, if it has."""
        return self.state.sealed

    @property
    def is_empty(self) -> bool:
        """Whether everything asked for is so already."""
        return not (self._pieces or self._producers) and self.state is self._stream.state

    def producer(self, name: str | None) -> Producer:
        """Where a producer will stand after this step; one that is not known begins with term 0 at 0."""
        return self._known(name or "") or Producer(0, 0)

    def append(self, request: Append) -> tuple[int, int]:
        """The numbers `[first, next)` that the request's new records get.

        Raises Gap, Fenced, StreamSealed, LimitExceeded, InvalidArgument.
        """
        cut, lost = self._position(request)
        new = _without_first(request.pieces, cut)
        if not (new or lost or self._begins(request)):
            return self.head, self.head
        if self.sealed is not None:
            raise _sealed(self._stream.name, self.sealed)
        first = self.head
        self._advance(request)
        if lost:
            self._mark(lost=lost, **({"producer": request.producer} if request.producer else {}))
        self._add(new)
        return first, self.head

    def seal(self, exit_code: int | None, reason: str | None) -> int:
        """End the stream at its head; again with the same values it changes nothing. Raises StreamSealed."""
        wanted = Sealed(exit_code, reason, self.head)
        if self.sealed is not None and self.sealed != wanted:
            raise _sealed(self._stream.name, self.sealed)
        if self.sealed is None:
            self._set(sealed=wanted)
        return self.head

    def begin_attempt(self, attempt: int) -> None:
        """Mark that an attempt begins; the next one reopens a sealed stream. Raises AttemptOutOfTurn."""
        if attempt == self.attempt:
            return
        expected = self.attempt + 1
        if attempt != expected:
            raise AttemptOutOfTurn(
                f"stream '{self._stream.name}' is at attempt {self.attempt}: {attempt} is not the next one",
                expected=expected,
            )
        self._set(attempt=attempt, sealed=None)
        self._mark(attempt=attempt)

    def change(self, new_publication: Callable[[], int]) -> Change:
        """What to store: the records cut into batches with their numbers and publication ids."""
        batches: list[Batch] = []
        first = self._stream.head
        for group in in_groups(self._pieces, BATCH_LIMIT_BYTES):
            count = sum(piece.count for piece in group)
            times_us = (min(piece.min_time_us for piece in group), max(piece.max_time_us for piece in group))
            data = joined([piece.data for piece in group])
            batches.append(Batch(first, count, times_us, self._stream.epoch, new_publication(), data))
            first += count
        state = None if self.state is self._stream.state else self.state
        stream = self._stream
        return Change(stream.id, batches, self._producers, state, stream.written_bytes, stored_us=self._now_us)

    def _set(self, **values: object) -> None:
        self.state = msgspec.structs.replace(self.state, **values)

    def _position(self, request: Append) -> tuple[int, int]:
        """How many of the request's records are stored already, and how many are lost before it."""
        name = request.producer
        if name is None:
            return 0, request.lost
        known = self._known(name)
        if known is None:
            return self._first_position(name, request)
        if request.term < known.term:
            raise Fenced(
                f"producer '{name}' of stream '{self._stream.name}' is at term {known.term}, not {request.term}",
                expected=known.seq,
                term=known.term,
            )
        if request.seq is None:
            return 0, request.lost
        missing = request.seq - known.seq
        if missing > request.lost or (missing < 0 and request.term > known.term):
            raise self._gap(name, known.seq, known.term, request.seq)
        return max(0, -missing), max(0, missing)

    def _known(self, name: str) -> Producer | None:
        return self._producers.get(name) or (self._stream.producers or {}).get(name)

    def _begins(self, request: Append) -> bool:
        """Whether the producer or its term is new, which is kept even when no record comes with it."""
        if request.producer is None:
            return False
        known = self._known(request.producer)
        return known is None or request.term > known.term

    def _first_position(self, name: str, request: Append) -> tuple[int, int]:
        if len(self._stream.producers or ()) + len(self._producers) >= PRODUCERS_LIMIT:
            raise _too_many_producers(self._stream.name)
        if request.seq is None:
            return 0, request.lost
        first_offered = self._stream.first_offered.get(name, request.seq)
        if request.seq - first_offered > request.lost:
            raise self._gap(name, first_offered, request.term, request.seq)
        return 0, request.seq

    def _gap(self, name: str, expected: int, term: int, seq: int) -> Gap:
        return Gap(
            f"producer '{name}' of stream '{self._stream.name}' goes on at {expected}, not at {seq}",
            expected=expected,
            term=term,
        )

    def _advance(self, request: Append) -> None:
        if request.producer is None:
            return
        known = self.producer(request.producer)
        begin = known.seq + request.lost if request.seq is None else request.seq
        if begin + request.count > MAX_NUMBER:
            raise InvalidArgument(f"producer '{request.producer}' would come beyond record 2^53")
        self._producers[request.producer] = Producer(request.term, max(known.seq, begin + request.count))

    def _mark(self, **facts: object) -> None:
        self._add(pieces([marker(self._now_us, **facts)]))

    def _add(self, new: list[Piece]) -> None:
        self._pieces += new
        self.head += sum(piece.count for piece in new)


def _too_many_producers(name: str) -> LimitExceeded:
    text = f"stream '{name}' has {PRODUCERS_LIMIT} producers already: one is a writer, not an append"
    return LimitExceeded(text, limit="producers_per_stream")


def _sealed(name: str, sealed: Sealed) -> StreamSealed:
    how = f"exit code {sealed.exit_code}" if sealed.reason is None else f"exit code {sealed.exit_code}, {sealed.reason}"
    return StreamSealed(
        f"stream '{name}' was sealed at {sealed.next} ({how})",
        exit_code=sealed.exit_code,
        reason=sealed.reason,
        next=sealed.next,
    )


def _without_first(given: list[Piece], count: int) -> list[Piece]:
    """The pieces without their first records: those that are stored already."""
    if count == 0:
        return given
    left: list[Piece] = []
    for piece in given:
        if count < piece.count:
            left += pieces(decode_records(piece.data)[count:]) if count else [piece]
        count = max(0, count - piece.count)
    return left
