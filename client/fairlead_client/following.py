"""The state machine behind `follow`: where we are in the stream, what to call next, what the answers mean.

It begins with one `read`, which names the epoch and the place; from there `fairlead.log.follow` with progressive
results, or `read` that waits at the head where router or service has none. Every answer moves the cursor, and the
cursor is all that is needed to go on after a lost session. Nothing is taken on trust: a batch must begin where the last
one ended, or an announced `lagged` or `reset` must say why it does not.

Who follows an attempt asks first where it begins and, if that is known already, where it ends. If it goes on, a marker
is the hint that the next one has begun: then we ask again, since any writer can write a marker.

No I/O, no clock, no framework.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypedDict

from fairlead_client.errors import NO_SUCH_PROCEDURE, PASSING, REVOKING, CallFailed, Incontiguous, Refused
from fairlead_client.records import MARKER, Record
from fairlead_client.requests import FOLLOW, READ, Request, Result, given

# How long a waiting `read` may wait at the head: shorter than what proxies allow an idle request.
WAIT_S = 20.0
# The most that one `read` may bring; the service cuts by bytes first.
READ_LIMIT = 10_000
# The source of the service's own markers.
MARKER_SOURCE = "fairlead"


class Cursor(NamedTuple):
    """A place in a stream: `next` is the number of the next record, within the store's incarnation `epoch`."""

    epoch: int
    next: int


class Batch(NamedTuple):
    """Records in the order of the stream; those with numbers not in `seqs` were left out by a filter of the service."""

    seqs: range | list[int]
    records: list[list[Any]]

    def each(self) -> list[Record]:
        """The records one by one."""
        return [Record(seq, *fields) for seq, fields in zip(self.seqs, self.records, strict=True)]


class Lagged(NamedTuple):
    """The records from `start` up to, without, `stop` were there once and are not kept any more."""

    start: int
    stop: int


class Corrupt(NamedTuple):
    """The records from `start` up to, without, `stop` are damaged in the store and cannot be shown."""

    start: int
    stop: int


class Reset(NamedTuple):
    """The store was replaced: it goes on at number `next` of another epoch, and may hold other records."""

    epoch: int
    oldest: int
    next: int


class Head(NamedTuple):
    """Nothing new: the stream's next record will have the number `next`, and we have all before it."""

    next: int


class Sealed(NamedTuple):
    """The end of the log, or of the attempt that is followed: nothing more comes."""

    exit_code: int | None
    reason: str | None
    next: int


class Revoked(NamedTuple):
    """The right to read is gone."""

    reason: str


Item: TypeAlias = Batch | Lagged | Corrupt | Reset | Head | Sealed | Revoked


class Following(TypedDict, total=False):
    """What may be said of following, beside a cursor.

    Where to begin: with the last `tail` records or the last `tail_bytes`, or at a time, `since_us`. `attempt`: only
    this attempt, from its begin, or the cursor, to its end. What to leave out: all but `sources`; the service's markers
    come with an attempt all the same. Where to end, before the seal: before the record `until_seq`, or before the first
    one with a time of `until_us` or later, also when none such comes and that time is past. `heartbeat_s`: how often,
    where nothing comes, the service says where the head is.
    """

    tail: int | None
    tail_bytes: int | None
    since_us: int | None
    attempt: int | None
    sources: Sequence[str] | None
    until_seq: int | None
    until_us: int | None
    heartbeat_s: float | None


@dataclass
class Start:
    """Where to begin, at the oldest record if nothing is given, and what else `Following` says."""

    cursor: Cursor | None = None
    tail: int | None = None
    since_us: int | None = None
    tail_bytes: int | None = None
    sources: Sequence[str] | None = None
    until_seq: int | None = None
    until_us: int | None = None
    heartbeat_s: float | None = None
    attempt: int | None = None


@dataclass
class Follower:
    """Follows one stream; `to_the_end` False: only up to the head as it was at the beginning."""

    stream: str
    start: Start = field(default_factory=Start)
    to_the_end: bool = True
    progressive: bool = True
    cursor: Cursor | None = field(default=None, init=False)
    is_finished: bool = field(default=False, init=False)
    _head: int | None = field(default=None, init=False)
    _has_read: bool = field(default=False, init=False)
    _after_reset: int | None = field(default=None, init=False)
    _is_at_head: bool = field(default=False, init=False)
    _must_ask: bool = field(default=False, init=False)
    _asked_at: int | None = field(default=None, init=False)
    _end_of_attempt: Sealed | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.cursor = self.start.cursor
        self._must_ask = self.start.attempt is not None

    @property
    def end(self) -> int | None:
        """Where a follower that is not `to_the_end` will have come to its own; None while that is not known."""
        if self._head is None or self._end_of_attempt is None:
            return self._head
        return min(self._head, self._end_of_attempt.next)

    def go_on(self) -> None:
        """Having come to the head, follows from there to the end of the stream."""
        self.to_the_end = True
        self.is_finished = False

    def request(self) -> Request:
        """The call to make in a new session, or after an answer to the last one."""
        start = self.start
        wanted = given(tail=start.tail, tail_bytes=start.tail_bytes, since=start.since_us)
        begin = wanted if self.cursor is None else self._from_cursor()
        if self._must_ask:
            also = wanted if self.cursor is None else {}  # two begins are the service's to refuse
            return Request(READ, (self.stream,), {"attempt": start.attempt, "limit": 1, **also})
        sources = given(sources=self._sources())
        if self._has_read and self.to_the_end and self.progressive:
            how = {**begin, **sources, **given(heartbeat_s=start.heartbeat_s)}
            return Request(FOLLOW, (self.stream,), how, wants_progress=True)
        wait_s = WAIT_S if self._has_read and self.to_the_end else None
        return Request(READ, (self.stream,), {**begin, **sources, **given(limit=READ_LIMIT, wait_s=wait_s)})

    def begun(self, session: object) -> None:
        """Whichever session it is: the cursor is all that is needed."""

    def is_done_with(self, request: Request) -> bool:
        """Whether (more) answers to a request are of no use: another is to be made, or none."""
        return self.is_finished or _asks_of_attempt(request) != self._must_ask

    def look_at_clock(self, now_us: int) -> None:
        """At the head, nothing that comes after the time that was given as the end is waited for."""
        if self._is_at_head and self.start.until_us is not None and now_us >= self.start.until_us:
            self.is_finished = True

    def progressed(self, result: Result) -> Iterator[Item]:
        """A progressive result of `follow` has come. The cursor is behind each item when that is handed out."""
        return self._items(result)

    def succeeded(self, request: Request, result: Result) -> Iterator[Item]:
        """The (final) result has come; as `progressed`."""
        if _asks_of_attempt(request):
            yield from self._note_attempt(result)
            return
        before, has_items = self.cursor, False
        for item in self._items(result):
            has_items = True
            yield item
        if request.procedure == READ:
            self._has_read = True
            if self._must_ask:
                return
            self._note_head(int(result.get("head", 0)), has_moved=has_items or self.cursor != before)
            if not has_items and self.cursor is not None:
                self._is_at_head = True
                yield Head(self.cursor.next)

    def failed(self, request: Request, error: CallFailed) -> list[Item]:
        """The call was answered by an error; raises it unless it passes or means the end of the right to read."""
        if error.uri in REVOKING and self._has_read:
            self.is_finished = True
            return [Revoked(error.text or error.uri)]
        if error.uri in PASSING and (self._has_read or error.uri != NO_SUCH_PROCEDURE):
            return []
        if request.procedure == FOLLOW and error.uri not in REVOKING:
            self.progressive = False  # another router, or another service: the portable way
            return []
        raise error

    def refused(self, error: Refused) -> list[Item]:
        """The router would not let us join; raises it unless that means the end of a right to read that we had."""
        if error.uri in REVOKING and self._has_read:
            self.is_finished = True
            return [Revoked(error.text or error.uri)]
        raise error

    # ------------------------------------------------------------ what a dict says

    def _items(self, result: Result) -> Iterator[Item]:
        if "reset" in result:
            yield self._reset(result["reset"])
        if "lagged" in result:
            yield self._lagged(result["lagged"])
        if "records" in result:
            yield from self._batch(result)
        elif "head" in result:
            self._is_at_head = True
            yield Head(result["head"])
        yield from self._ended_attempt()
        if result.get("sealed") is not None and not self.is_finished:
            yield from self._sealed(result["sealed"], is_last_word="records" not in result)
        if "revoked" in result:
            self.is_finished = True
            yield Revoked(str(result["revoked"].get("reason", "")))

    def _batch(self, result: Result) -> list[Item]:
        first, after, epoch, records = result["first"], result["next"], result["epoch"], result["records"]
        seqs: range | list[int] = result.get("seqs") or range(first, first + len(records))
        self._expect(first, epoch)
        is_filtered = "seqs" in result
        if (not is_filtered and after != first + len(records)) or len(seqs) != len(records):
            raise Incontiguous(f"{self.stream}: {len(records)} records from {first} do not reach to {after}")
        self._after_reset, self._is_at_head = None, False
        begin = self._begin_of_another(seqs, records)
        until = self._until(after + 1, begin)
        wanted = self._wanted(seqs, records, until)
        if until == begin:
            self._must_ask, self._asked_at = True, begin
        else:
            self.is_finished = wanted < len(records) or after >= until
        end = seqs[wanted] if wanted < len(records) else after
        self.cursor = Cursor(epoch, max(first, min(end, until)))
        return [Batch(seqs[:wanted], records[:wanted])] if wanted else []

    def _until(self, otherwise: int, begin: int | None) -> int:
        """The first record that is not wanted any more, by its number; `begin` is that of another attempt."""
        end = None if self._end_of_attempt is None else self._end_of_attempt.next
        return min(seq for seq in (self.start.until_seq, end, begin, otherwise) if seq is not None)

    def _wanted(self, seqs: range | list[int], records: list[list[Any]], until: int) -> int:
        """How many of the records come before the end that is wanted."""
        until_us = self.start.until_us
        count = bisect_left(seqs, until)
        if until_us is not None:
            count = next((at for at in range(count) if records[at][0] >= until_us), count)
        return count

    def _expect(self, first: int, epoch: int) -> None:
        if self.cursor is None or first == self._after_reset:
            return
        if epoch != self.cursor.epoch:
            raise Incontiguous(f"{self.stream}: records of epoch {epoch} after those of epoch {self.cursor.epoch}")
        if first != self.cursor.next:
            kind = "hole" if first > self.cursor.next else "repeat"
            raise Incontiguous(f"{self.stream}: a {kind}: records from {first} where {self.cursor.next} is next")

    def _lagged(self, lagged: Result) -> Item:
        start, stop = lagged["from"], lagged["to"]
        if self.cursor is not None:
            self._expect(start, self.cursor.epoch)
            self.cursor = Cursor(self.cursor.epoch, stop)
        return Corrupt(start, stop) if lagged.get("damaged") else Lagged(start, stop)

    def _reset(self, reset: Result) -> Item:
        epoch, oldest, after = reset["epoch"], reset["oldest"], reset["next"]
        self.cursor = Cursor(epoch, oldest)
        self._end_of_attempt, self._must_ask = None, self.start.attempt is not None
        self._after_reset = after  # the same call may go on there, a new one begins at the oldest
        return Reset(epoch, oldest, after)

    def _sealed(self, sealed: Result, *, is_last_word: bool) -> list[Item]:
        after = sealed["next"]
        if self.cursor is not None and self.cursor.next != after:
            if is_last_word:
                raise Incontiguous(f"{self.stream}: sealed at {after}, but we have come to {self.cursor}")
            return []
        self.is_finished = True
        return [Sealed(sealed.get("exit_code"), sealed.get("reason"), after)]

    # ------------------------------------------------------------ the attempt

    def _sources(self) -> list[str] | None:
        if self.start.sources is None:
            return None
        also = () if self.start.attempt is None else (MARKER_SOURCE,)
        return list(dict.fromkeys((*self.start.sources, *also)))

    def _note_attempt(self, result: Result) -> list[Item]:
        """Where the attempt begins, and, if another one has begun, how it ended."""
        self._must_ask = False
        known = result["attempt"]
        if self.cursor is None:
            self.cursor = Cursor(result["epoch"], known["first"])
        if known["next"] is not None:
            self._end_of_attempt = Sealed(known["exit_code"], known["reason"], known["next"])
        return self._ended_attempt()

    def _ended_attempt(self) -> list[Item]:
        """The end, where we have come to it."""
        end = self._end_of_attempt
        if end is None or self.cursor is None or self.cursor.next < end.next:
            return []
        self.is_finished = True
        return [end]

    def _begin_of_another(self, seqs: range | list[int], records: list[list[Any]]) -> int | None:
        """The number of the first marker of a later attempt, unless we have asked because of that already."""
        if self.start.attempt is None or self._end_of_attempt is not None:
            return None
        for seq, record in zip(seqs, records, strict=True):
            if record[3] & MARKER and seq != self._asked_at and _attempt_in(record[2]) > self.start.attempt:
                return seq
        return None

    def _note_head(self, head: int, *, has_moved: bool) -> None:
        if self.is_finished or self.cursor is None:
            return
        if not has_moved and self.cursor.next < head:
            raise Incontiguous(f"{self.stream}: the service has records up to {head}, but none from {self.cursor.next}")
        if not self.to_the_end:
            self._head = head if self._head is None else self._head
            self.is_finished = self.cursor.next >= self._head

    def _from_cursor(self) -> dict[str, Any]:
        assert self.cursor is not None, "the first answer sets the cursor"
        return {"start": self.cursor.next, "epoch": self.cursor.epoch}


def _asks_of_attempt(request: Request) -> bool:
    return "attempt" in request.kwargs


def _attempt_in(text: str | bytes) -> int:
    """The attempt that a marker says begins; 0 for any other marker."""
    try:
        facts = json.loads(text)
    except ValueError:
        return 0
    attempt = facts.get("attempt") if isinstance(facts, dict) else None
    return attempt if isinstance(attempt, int) else 0
