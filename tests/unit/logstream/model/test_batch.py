"""Batches: their dict, their parts, their times."""

from __future__ import annotations

import pytest

from fairlead_logstream.model.batch import merged
from fairlead_logstream.model.records import decode_records
from unit.logstream.fakes import NOW_US, batch_of, texts_of


def test_the_payload_is_the_batch_dict() -> None:
    batch = batch_of(12, "a", "b")
    assert batch.payload.args == [
        {"first": 12, "records": [[NOW_US, "stdout", "a", 0], [NOW_US + 1, "stdout", "b", 0]], "next": 14, "epoch": 7}
    ]
    assert batch.payload.kwargs_bytes == b""
    assert batch.payload is batch.payload


def test_a_result_carries_empty_kwargs_too() -> None:
    batch = batch_of(12, "a")
    assert batch.result.args_bytes == batch.payload.args_bytes
    assert batch.result.kwargs_bytes == b"{}"


@pytest.mark.parametrize(
    ("start", "end", "first", "texts"),
    [(0, 99, 10, "abcd"), (10, 14, 10, "abcd"), (11, 99, 11, "bcd"), (0, 12, 10, "ab"), (11, 13, 11, "bc")],
)
def test_a_part_keeps_its_numbers(start: int, end: int, first: int, texts: str) -> None:
    part = batch_of(10, *"abcd").between(start, end)
    assert (part.first, part.next, part.publication) == (first, first + len(texts), 1010)
    assert texts_of([part]) == list(texts)


def test_a_batch_within_limits_is_itself() -> None:
    batch = batch_of(0, *"abcd")
    assert batch.within(4, 10_000) is batch


def test_limits_cut_behind_whole_records_and_leave_at_least_one() -> None:
    batch = batch_of(5, "a" * 100, "b" * 100, "c" * 100)
    assert texts_of([batch.within(2, 10_000)]) == ["a" * 100, "b" * 100]
    assert texts_of([batch.within(3, 300)]) == ["a" * 100, "b" * 100]
    assert batch.within(3, 300).size <= 300
    assert texts_of([batch.within(3, 1)]) == ["a" * 100]


def test_batches_merge_into_one_dict() -> None:
    together = merged([batch_of(0, "a"), batch_of(1, "b", "c"), batch_of(3, "d")])
    assert (together.first, together.next, together.count) == (0, 4, 4)
    assert [record.text for record in decode_records(together.records)] == list("abcd")
    single = batch_of(0, "a")
    assert merged([single]) is single


def test_the_first_record_of_a_time_is_found() -> None:
    batch = batch_of(20, *"abc")
    assert batch.first_at(NOW_US - 5) == 20
    assert batch.first_at(NOW_US + 1) == 21
    assert batch.first_at(NOW_US + 3) is None


@pytest.mark.parametrize(("offset", "number"), [(-5, 10), (0, 10), (1, 10), (2, 11), (35, 11), (36, 12), (99, 13)])
def test_the_first_record_behind_a_byte(offset: int, number: int) -> None:
    batch = batch_of(10, "a", "b", "c")
    assert [batch.records.index(b"[%d" % (NOW_US + index)) for index in range(3)] == [1, 35, 69]
    assert batch.first_behind(offset) == number
