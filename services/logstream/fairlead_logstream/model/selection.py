r"""A selection: the records of a stream that a reader has asked for, by source, time and text.

A `Filter` looks at the bytes of a batch first, and decodes only where they could hold what is wanted: the canonical
form has one way to write each character, so a text that contains the needle contains the needle's own JSON form.
Texts that are binary are base64 there, and are decoded to be looked at. Records are never written anew: those that
pass are copied as they stand.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import msgspec

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.records import array_of, fitting, joined, split
from fairlead_router import Payload

_encode = msgspec.json.Encoder().encode

_BINARY = b'"\\u0000'
"""How a binary text begins in the canonical form."""


SHARED_LIMIT = 16
"""Different selections of one batch that are kept while it is delivered; a viewer has a handful of filters."""


class _Line(msgspec.Struct, array_like=True, gc=False):
    """A record without what no filter asks for."""

    time_us: int
    source: str
    text: str


_decode = msgspec.json.Decoder(list[_Line]).decode


class Filter(msgspec.Struct, frozen=True):
    """What a record must be to be shown; what is None does not matter. `since` counts in, `until` does not."""

    sources: frozenset[str] | None = None
    since: int | None = None
    until: int | None = None
    text: str | None = None
    ignore_case: bool = False

    def select(self, batch: Batch) -> Selection | None:
        """The records of a batch that pass; None where none does."""
        if not self._may_have(batch):
            return None
        if self.text is None and self.sources is None and self._covers(batch):
            indexes: Sequence[int] = range(batch.count)
        else:
            indexes = self._passing(_decode(batch.records))
        return _selection(batch, indexes) if indexes else None

    def may_be_of(self, min_time_us: int, max_time_us: int) -> bool:
        """Whether records of these times may pass."""
        return (self.since is None or max_time_us >= self.since) and (self.until is None or min_time_us < self.until)

    def _may_have(self, batch: Batch) -> bool:
        """What times and bytes say, without decoding."""
        if not self.may_be_of(batch.min_time_us, batch.max_time_us):
            return False
        data = batch.records
        if self.sources is not None and not any(b",%b," % _encode(source) in data for source in self.sources):
            return False
        return self.text is None or _BINARY in data or _may_contain(data, self.text, ignore_case=self.ignore_case)

    def _covers(self, batch: Batch) -> bool:
        """Whether all of a batch is of the wanted times."""
        return (self.since is None or batch.min_time_us >= self.since) and (
            self.until is None or batch.max_time_us < self.until
        )

    def _passing(self, lines: list[_Line]) -> Sequence[int]:
        """Which of them pass all tests: each test sees only what the ones before have let pass."""
        indexes: Sequence[int] = range(len(lines))
        for test in self._tests():
            indexes = [index for index in indexes if test(lines[index])]
        return indexes

    def _tests(self) -> list[Callable[[_Line], bool]]:
        """One for each thing that matters, the cheap ones first."""
        sources, since, until, text = self.sources, self.since, self.until, self.text
        tests: list[Callable[[_Line], bool]] = []
        if sources is not None:
            tests.append(lambda line: line.source in sources)
        if since is not None:
            tests.append(lambda line: line.time_us >= since)
        if until is not None:
            tests.append(lambda line: line.time_us < until)
        if text is not None:
            tests.append(_contains_folded(text) if self.ignore_case else _contains(text))
        return tests


class Selection:
    """Those records in `[first, next)` that passed a filter, perhaps none, with their numbers. It never changes."""

    __slots__ = ("_result", "epoch", "first", "next", "records", "seqs")

    def __init__(self, between: tuple[int, int], epoch: int, seqs: Sequence[int], records: bytes) -> None:
        self.first, self.next = between
        self.epoch = epoch
        self.seqs = seqs
        self.records = records
        self._result: Payload | None = None

    @property
    def result(self) -> Payload:
        """`{first, records, seqs, next, epoch}` for a RESULT."""
        if self._result is None:
            values = (self.first, self.records, _encode(list(self.seqs)), self.next, self.epoch)
            self._result = Payload.from_json(
                b'[{"first":%d,"records":%b,"seqs":%b,"next":%d,"epoch":%d}]' % values, b"{}"
            )
        return self._result

    def since(self, first: int) -> Selection:
        """The same, for who was told nothing of the records between `first` and this."""
        if first == self.first:
            return self
        return Selection((first, self.next), self.epoch, self.seqs, self.records)

    def within(self, limit_count: int, limit_bytes: int) -> Selection:
        """The first records of this selection, so many in count and in bytes, but at least one."""
        if len(self.seqs) <= limit_count and len(self.records) <= limit_bytes:
            return self
        raws = split(self.records)
        count = fitting(raws, limit_count, limit_bytes)
        following = self.seqs[count] if count < len(raws) else self.next
        return Selection((self.first, following), self.epoch, self.seqs[:count], array_of(raws[:count]))


def nothing(first: int, following: int, epoch: int) -> Selection:
    """No record passed between these numbers."""
    return Selection((first, following), epoch, (), b"[]")


def together(before: Selection, after: Selection) -> Selection:
    """Two selections of one stream, one somewhere behind the other, as one."""
    between = (before.first, after.next)
    if not before.seqs:
        return Selection(between, after.epoch, after.seqs, after.records)
    return Selection(between, after.epoch, [*before.seqs, *after.seqs], joined([before.records, after.records]))


def _selection(batch: Batch, indexes: Sequence[int]) -> Selection:
    between = (batch.first, batch.next)
    if len(indexes) == batch.count:
        return Selection(between, batch.epoch, range(batch.first, batch.next), batch.records)
    raws = split(batch.records)
    records = array_of([raws[index] for index in indexes])
    return Selection(between, batch.epoch, [batch.first + index for index in indexes], records)


class Selections:
    """What filters select from the batch that is delivered just now: once for all followers that want the same.

    One batch at a time, so that it costs no memory beside; its serialized forms are shared as a batch's are.
    """

    def __init__(self) -> None:
        self._batch: Batch | None = None
        self._known: dict[tuple[Filter, int], Selection | None] = {}

    def select(self, wanted: Filter, batch: Batch, told: int) -> Selection | None:
        """As `Filter.select`, for a follower that was told of everything before `told`."""
        if batch is not self._batch:
            self._batch, self._known = batch, {}
        selection = self._once((wanted, batch.first), lambda: wanted.select(batch))
        return None if selection is None else self._once((wanted, told), lambda: selection.since(told))

    def _once(self, key: tuple[Filter, int], make: Callable[[], Selection | None]) -> Selection | None:
        if key in self._known:
            return self._known[key]
        made = make()
        if len(self._known) < SHARED_LIMIT:
            self._known[key] = made
        return made


# ---- text


def _may_contain(data: bytes, needle: str, *, ignore_case: bool) -> bool:
    """Whether the canonical form of some records has the needle's, which a record with the needle in its text has."""
    if not ignore_case:
        return _encode(needle)[1:-1] in data
    return _encode(needle.casefold())[1:-1].decode().casefold() in data.decode().casefold()


def _contains(needle: str) -> Callable[[_Line], bool]:
    needle_bytes = needle.encode()

    def test(line: _Line) -> bool:
        return needle_bytes in _binary(line) if line.text.startswith("\0") else needle in line.text

    return test


def _contains_folded(needle: str) -> Callable[[_Line], bool]:
    folded = needle.casefold()

    def test(line: _Line) -> bool:
        text = line.text
        if text.startswith("\0"):
            text = _binary(line).decode(errors="surrogateescape")
        return folded in text.casefold()

    return test


def _binary(line: _Line) -> bytes:
    return base64.b64decode(line.text[1:])
