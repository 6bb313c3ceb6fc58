"""The next step of a stream while it is put together: what appends, a seal, an attempt would change.

No I/O and no clock. A draft takes requests in order, refuses or collects them, and knows
the state after them; the stream itself changes only when the draft is durable
(`Stream.adopt`, `Draft.settle`). So a failed write leaves nothing to take back.

What exceeds a budget is acknowledged and not stored. It is counted in the stream's state, in the same change, until a
marker says how much it was: before the next record that is stored, before an attempt or the end, or when
`tell_dropped` is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from fairlead_logstream.errors import AttemptOutOfTurn, StreamSealed
from fairlead_logstream.model.append import Append, first_records, without_first
from fairlead_logstream.model.attempts import Attempt, begun, ended
from fairlead_logstream.model.batch import Batch, in_groups
from fairlead_logstream.model.budget import NO_BUDGETS, Amount, Budgets
from fairlead_logstream.model.producers import UNIT_NAMES, Position, Producers
from fairlead_logstream.model.records import BATCH_LIMIT_BYTES, MAX_NUMBER, Piece, joined, marker, pieces
from fairlead_logstream.model.rows import RECORDS, Change, Dropped, Sealed
from fairlead_logstream.model.spending import Spending, amount_of
from fairlead_logstream.model.stream import Stream

_NOTHING = Dropped()


class Appended(NamedTuple):
    """The numbers `[first, next)` of what was stored, markers included, and what was dropped over a budget."""

    first: int
    next: int
    dropped: Dropped = _NOTHING


class Draft:
    """The next step of a stream; `now_us` is the time of its markers, and that of the budgets."""

    def __init__(self, stream: Stream, now_us: int, budgets: Budgets = NO_BUDGETS) -> None:
        self._stream = stream
        self._now_us = now_us
        self._pieces: list[Piece] = []
        self._bytes = 0
        self._spending = Spending(budgets, stream.buckets, now_us)
        self.producers = Producers(stream)
        self.head = stream.head
        self.state = stream.state
        self.dropped = Amount(0, 0)
        """What this step drops over budgets."""

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
        return not (self._pieces or self.producers.changed) and self.state is self._stream.state

    def append(self, request: Append) -> Appended:
        """Store what is new of it. Raises Gap, Fenced, StreamSealed, LimitExceeded, InvalidArgument."""
        position = self.producers.place(request)
        new = [] if position.span == 0 else without_first(request.pieces, position.cut, position.unit)
        if not (new or position.lost or self.producers.begins(request)):
            return Appended(self.head, self.head)
        if self.sealed is not None:
            raise _sealed(self._stream.name, self.sealed)
        first = self.head
        return Appended(first, *self._store(request, position, new))

    def seal(self, exit_code: int | None, reason: str | None) -> int:
        """End the stream at its head; again with the same values it changes nothing. Raises StreamSealed."""
        if self.sealed is None:
            self.tell_dropped()
            attempts = ended(self.state.attempts, exit_code, reason)
            self.set(sealed=Sealed(exit_code, reason, self.head), attempts=attempts)
        elif self.sealed != Sealed(exit_code, reason, self.head):
            raise _sealed(self._stream.name, self.sealed)
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
        self.tell_dropped()
        attempts = begun(self.state.attempts, Attempt(attempt, self.head, self._now_us))
        self.set(attempt=attempt, sealed=None, attempts=attempts)
        self._mark(attempt=attempt)

    def tell_dropped(self) -> None:
        """Mark what was dropped since the last such marker."""
        dropped = self.state.dropped
        if dropped == _NOTHING:
            return
        truncated = {"records": dropped.records, "bytes": dropped.bytes, "reason": dropped.reason}
        self._mark(truncated=truncated, **_named(dropped.producer))
        self.set(dropped=_NOTHING)

    def set(self, **values: Any) -> None:
        """Change the stream's state; what is so already changes nothing."""
        state = msgspec.structs.replace(self.state, **values)
        if state != self.state:
            self.state = state

    def change(self, new_publication: Callable[[], int], *, claims: bool = False) -> Change:
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
        return Change(
            stream.id,
            batches,
            self.producers.changed,
            state,
            stream.written_bytes,
            stream.version,
            stored_us=self._now_us,
            claims=claims,
        )

    def settle(self) -> None:
        """The step is durable: what it took of the budgets is spent."""
        self._spending.settle()

    def _store(self, request: Append, position: Position, new: list[Piece]) -> tuple[int, Dropped]:
        """Returns the head behind it, and what was dropped of it."""
        loss = self._loss(request, position)
        asked = [*loss, *new]
        known = self.producers.standing(request.producer)
        stored = Amount(self.head, self._stream.written_bytes + self._bytes)
        verdict = self._spending.admit(stored, request.producer, Amount(known.records, known.bytes), asked)
        kept = asked if verdict.reason is None else first_records(asked, verdict.admitted)
        self.producers.advance(request, position, amount_of(kept))
        if kept:
            self.tell_dropped()
            self._add(kept)
        if verdict.reason is None:
            return self.head, _NOTHING
        over = _over(amount_of(asked), amount_of(kept), verdict.reason, request.producer)
        if loss and not kept:  # what was lost before is part of the same hole
            over = _with_loss(over, position)
        self.dropped = self.dropped.plus(Amount(over.records, over.bytes))
        self.set(dropped=_together(self.state.dropped, over))
        return self.head, over

    def _loss(self, request: Append, position: Position) -> list[Piece]:
        """The marker of what is missing before the records."""
        if not position.lost:
            return []
        facts: dict[str, Any] = {"lost": position.lost, **_named(request.producer)}
        if position.unit != RECORDS:
            facts["unit"] = UNIT_NAMES[position.unit]
        return pieces([marker(self._now_us, **facts)])

    def _mark(self, **facts: Any) -> None:
        self._add(pieces([marker(self._now_us, **facts)]))

    def _add(self, new: list[Piece]) -> None:
        self._pieces += new
        self.head += sum(piece.count for piece in new)
        self._bytes += sum(len(piece.data) for piece in new)


def _named(producer: str | None) -> dict[str, str]:
    return {} if producer is None else {"producer": producer}


def _over(asked: Amount, kept: Amount, reason: str, producer: str | None) -> Dropped:
    return Dropped(asked.records - kept.records, asked.bytes - kept.bytes, reason, producer)


def _with_loss(over: Dropped, position: Position) -> Dropped:
    """The loss itself instead of its marker."""
    lost = position.lost
    if position.unit == RECORDS:
        return msgspec.structs.replace(over, records=min(over.records - 1 + lost, MAX_NUMBER))
    return msgspec.structs.replace(over, records=over.records - 1, bytes=min(over.bytes + lost, MAX_NUMBER))


def _together(before: Dropped, over: Dropped) -> Dropped:
    """One count until it is told: of no producer by name where it is of several, for the latest reason.

    What producers say that they have lost is only their word: the count stays a number that every reader has.
    """
    is_one = before == _NOTHING or before.producer == over.producer
    producer = over.producer if is_one else None
    records = min(before.records + over.records, MAX_NUMBER)
    return Dropped(records, min(before.bytes + over.bytes, MAX_NUMBER), over.reason, producer)


def _sealed(name: str, sealed: Sealed) -> StreamSealed:
    how = f"exit code {sealed.exit_code}" if sealed.reason is None else f"exit code {sealed.exit_code}, {sealed.reason}"
    return StreamSealed(
        f"stream '{name}' was sealed at {sealed.next} ({how})",
        exit_code=sealed.exit_code,
        reason=sealed.reason,
        next=sealed.next,
    )
