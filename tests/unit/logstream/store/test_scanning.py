"""Scanning: what is looked at, and what is made of batches that are damaged or missing."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.scan import Scan
from fairlead_logstream.model.selection import Filter
from fairlead_logstream.store.scanning import Stored, scan
from fairlead_logstream.store.stream_store import CorruptBatch
from unit.logstream.fakes import batch_of

PLENTY = (100, 1 << 20, 1 << 20)


def stored(first: int, *texts: str, times_us: tuple[int, int] = (1, 9), damaged: bool = False) -> Stored:
    def load() -> Batch:
        if damaged:
            raise CorruptBatch(first, first + len(texts))
        return batch_of(first, *texts)

    return Stored(first, first + len(texts), times_us, 100, load)


def asked(end: int, *, start: int = 0, is_backwards: bool = False, limits: Any = PLENTY, **wanted: Any) -> Scan:
    return Scan(start, end, Filter(**wanted), is_backwards, *limits)


@pytest.mark.parametrize(("is_backwards", "seqs", "position"), [(False, [0], 1), (True, [2], 2)])
@pytest.mark.parametrize("batches", [[stored(0, "x"), stored(1, "x", damaged=True), stored(2, "x")]])
def test_it_ends_before_damage(batches: list[Stored], is_backwards: bool, seqs: list[int], position: int) -> None:
    found = scan(asked(3, is_backwards=is_backwards, text="x"), batches[::-1] if is_backwards else batches)
    assert (found.seqs, found.position) == (seqs, position)


@pytest.mark.parametrize(
    ("is_backwards", "batches"),
    [
        (False, [stored(0, "x", "x", damaged=True), stored(2, "x")]),
        (False, [stored(2, "x")]),
        (True, [stored(0, "x", "x", damaged=True)]),
        (True, []),
        (False, []),
    ],
    ids=["damaged", "missing", "damaged at the end", "missing at the end", "all missing"],
)
def test_damage_at_its_beginning_is_an_error(is_backwards: bool, batches: list[Stored]) -> None:
    with pytest.raises(CorruptBatch) as caught:
        scan(asked(2, is_backwards=is_backwards, text="x"), batches)
    assert (caught.value.first, caught.value.next) == (0, 2)


def test_damage_of_another_time_is_not_looked_at() -> None:
    batches = [stored(0, "x", times_us=(1, 4), damaged=True), stored(1, "x", times_us=(5, 9))]
    assert scan(asked(2, since=5), batches).seqs == [1]


@pytest.mark.parametrize(
    ("limits", "is_backwards", "seqs", "position"),
    [
        ((2, 1 << 20, 1 << 20), False, [0, 1], 2),
        ((2, 1 << 20, 1 << 20), True, [4, 3], 3),
        ((9, 80, 1 << 20), False, [0, 1], 2),
        ((9, 1, 1 << 20), True, [4], 4),
        ((9, 1 << 20, 100), False, [0, 1, 2], 3),
        ((9, 1 << 20, 100), True, [4, 3], 3),
    ],
)
def test_limits(limits: tuple[int, int, int], is_backwards: bool, seqs: list[int], position: int) -> None:
    """In records, in bytes of the answer, in bytes looked at."""
    batches = [stored(0, "x", "x", "x"), stored(3, "x", "x")]
    wanted = asked(5, limits=limits, is_backwards=is_backwards, text="x")
    found = scan(wanted, batches[::-1] if is_backwards else batches)
    assert (found.seqs, found.position) == (seqs, position)
