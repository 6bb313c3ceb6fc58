"""Where producers stand: the one place that decides about repetitions, gaps, fencing and units.

The rules for a producer's `seq`, the number of the first record sent (or of its first byte, for a producer that
counts bytes), against `expected`, the number behind the last one stored:

- seq = expected: stored. seq < expected: what is stored already is cut off.
- seq > expected: refused with Gap, unless `lost` covers what is missing: then a marker
  record says how many, and the sequence goes on behind it.
- The first append of a producer that the stream doesn't know is accepted at any seq,
  behind a marker when that is not 0: its earlier records are of another epoch. The
  stream remembers that seq at once (`first_offered`), so that when this append fails
  the one sent right behind it is not taken for the first.
- A lower term than the known one is refused with Fenced. A higher one takes over, and
  must go on at `expected`: its numbers below would not be repetitions.
- A producer counts records or bytes, and stays with that once it has counted anything.
"""

from __future__ import annotations

from typing import NamedTuple

from fairlead_logstream.errors import Fenced, Gap
from fairlead_logstream.model.append import Append
from fairlead_logstream.model.budget import Amount
from fairlead_logstream.model.records import MAX_NUMBER
from fairlead_logstream.model.rows import BYTES, RECORDS, Producer
from fairlead_logstream.model.stream import Stream, check_producers
from fairlead_router import InvalidArgument

UNIT_NAMES = {RECORDS: "records", BYTES: "bytes"}
"""As `create` says it."""


class Position(NamedTuple):
    """Of what is sent, `span` in all, the first `cut` are stored already, and `lost` are missing before it.

    All in `unit`, one of RECORDS and BYTES.
    """

    unit: int
    span: int
    cut: int
    lost: int


class Producers:
    """The producers of a stream during one step: `changed` are those that stand elsewhere after it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.changed: dict[str, Producer] = {}

    def get(self, name: str) -> Producer | None:
        """Where a producer stands after this step; None for one that has never written."""
        return self.changed.get(name) or (self._stream.producers or {}).get(name)

    def standing(self, name: str | None) -> Producer:
        """The same; who has never written, or has no name, begins with term 0 at 0."""
        return self.get(name or "") or Producer(0, 0)

    def check_unit(self, name: str, unit: int) -> None:
        """Raises InvalidArgument for a producer that has counted in the other unit."""
        known = self.get(name)
        if known is not None and known.seq and known.unit != unit:
            ours, theirs = UNIT_NAMES[known.unit], UNIT_NAMES[unit]
            raise InvalidArgument(
                f"producer '{name}' of stream '{self._stream.name}' counts {ours}, not {theirs}: "
                "'seq' counts records and 'offset' bytes, and a producer stays with one of them"
            )

    def begins(self, request: Append) -> bool:
        """Whether the producer or its term is new, which is kept even when no record comes with it."""
        if request.producer is None:
            return False
        known = self.get(request.producer)
        return known is None or request.term > known.term

    def place(self, request: Append) -> Position:
        """Where the request's records belong. Raises Gap, Fenced, InvalidArgument, LimitExceeded."""
        name = request.producer
        if name is None:
            return Position(RECORDS, request.count, 0, request.lost)
        known = self.get(name)
        if known is None:
            return self._first_place(name, request)
        if request.term < known.term:
            raise Fenced(
                f"producer '{name}' of stream '{self._stream.name}' is at term {known.term}, not {request.term}",
                expected=known.seq,
                term=known.term,
            )
        if request.seq is None:
            return Position(known.unit, request.span(known.unit), 0, request.lost)
        self.check_unit(name, request.unit)
        missing = request.seq - known.seq
        if missing > request.lost or (missing < 0 and request.term > known.term):
            raise self._gap(name, known.seq, known.term, request.seq)
        return Position(request.unit, request.span(request.unit), max(0, -missing), max(0, missing))

    def advance(self, request: Append, position: Position, stored: Amount) -> None:
        """The producer goes on behind the request's records, of which so much was stored. Raises InvalidArgument."""
        name = request.producer
        if name is None:
            return
        known = self.standing(name)
        begin = known.seq + request.lost if request.seq is None else request.seq
        following = max(known.seq, begin + position.span)
        if following > MAX_NUMBER:
            raise InvalidArgument(f"producer '{name}' would come beyond 2^53 {UNIT_NAMES[position.unit]}")
        total = Amount(known.records, known.bytes).plus(stored)
        self.changed[name] = Producer(request.term, following, position.unit, total.records, total.bytes)

    def _first_place(self, name: str, request: Append) -> Position:
        check_producers(self._stream.name, len(self._stream.producers or ()) + len(self.changed))
        if request.seq is None:
            return Position(request.unit, request.span(request.unit), 0, request.lost)
        first_offered = self._stream.first_offered.get(name, request.seq)
        if request.seq - first_offered > request.lost:
            raise self._gap(name, first_offered, request.term, request.seq)
        return Position(request.unit, request.span(request.unit), 0, request.seq)

    def _gap(self, name: str, expected: int, term: int, seq: int) -> Gap:
        return Gap(
            f"producer '{name}' of stream '{self._stream.name}' goes on at {expected}, not at {seq}",
            expected=expected,
            term=term,
        )
