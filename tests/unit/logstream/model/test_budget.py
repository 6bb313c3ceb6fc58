"""Budgets: rates with bursts, sizes, and what a closed bucket takes to open again. Time is an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream.model.budget import (
    RATE,
    SIZE,
    Amount,
    Bucket,
    Budget,
    Verdict,
    admit,
    full,
    has_room,
    refilled,
    spent,
)

NOTHING = Amount(0, 0)
SECOND_US = 1_000_000


def after(budget: Budget, bucket: Bucket, time_s: float, sizes: list[int]) -> tuple[Verdict, Bucket]:
    """What is admitted so many seconds later, and what is left then."""
    bucket = refilled(budget, bucket, bucket.at_us + int(time_s * SECOND_US))
    verdict = admit(budget, bucket, NOTHING, sizes)
    taken = Amount(verdict.admitted, sum(sizes[: verdict.admitted]))
    return verdict, spent(bucket, taken, verdict.reason)


def test_a_budget_without_numbers_admits_everything() -> None:
    assert admit(Budget(), full(Budget(), 0), Amount(2**50, 2**50), [10**6] * 1000) == Verdict(1000, None)


def test_a_burst_is_admitted_and_the_rest_is_not() -> None:
    budget = Budget(records_per_s=2, burst_s=5)
    assert admit(budget, full(budget, 0), NOTHING, [1] * 15) == Verdict(10, RATE)


def test_the_record_that_empties_the_bucket_is_stored_however_large() -> None:
    budget = Budget(bytes_per_s=10, burst_s=1)
    verdict, bucket = after(budget, full(budget, 0), 0, [6, 1000, 1])
    assert verdict == Verdict(2, RATE)
    assert bucket.left.bytes == 10 - 1006
    assert after(budget, bucket, 100, [1])[0] == Verdict(0, RATE), "what was too much is worked off first"
    assert after(budget, bucket, 101, [1])[0] == Verdict(1, None)


def test_after_an_excess_nothing_is_stored_until_a_second_of_the_rate_is_back() -> None:
    budget = Budget(records_per_s=4, burst_s=2)
    verdict, bucket = after(budget, full(budget, 0), 0, [1] * 9)
    assert verdict == Verdict(8, RATE)
    verdict, bucket = after(budget, bucket, 0.75, [1])
    assert verdict == Verdict(0, RATE)
    assert after(budget, bucket, 0.25, [1] * 9)[0] == Verdict(4, RATE)


def test_a_burst_below_a_second_opens_when_it_is_full() -> None:
    budget = Budget(records_per_s=4, burst_s=0.5)
    _, bucket = after(budget, full(budget, 0), 0, [1] * 3)
    assert after(budget, bucket, 0.5, [1] * 2)[0] == Verdict(2, None)


def test_a_bucket_holds_no_more_than_the_burst_and_a_clock_set_back_refills_nothing() -> None:
    budget = Budget(records_per_s=4, burst_s=2)
    _, bucket = after(budget, full(budget, 0), 0, [1] * 8)
    assert refilled(budget, bucket, 3600 * SECOND_US).left.records == 8
    assert refilled(budget, bucket, -3600 * SECOND_US).left.records == 0


@pytest.mark.parametrize(
    ("budget", "sizes", "admitted"),
    [
        (Budget(records=5), [1] * 9, 2),
        (Budget(bytes=100), [10] * 9, 7),
        (Budget(bytes=100), [71, 1], 0),
        (Budget(bytes=100, records=4), [10] * 9, 1),
    ],
)
def test_a_size_is_never_exceeded(budget: Budget, sizes: list[int], admitted: int) -> None:
    assert admit(budget, full(budget, 0), Amount(3, 30), sizes) == Verdict(admitted, SIZE)


def test_an_exceeded_size_closes_no_rate() -> None:
    budget = Budget(records=2, records_per_s=100)
    assert not spent(full(budget, 0), Amount(2, 2), SIZE).is_closed


sizes_asked = st.lists(st.integers(1, 50), max_size=20)
rates = st.none() | st.integers(1, 60)


@given(st.lists(st.tuples(st.floats(0, 3), sizes_asked), max_size=20), rates, rates, st.floats(0.1, 5))
def test_no_more_than_burst_and_rate_is_ever_admitted(
    appends: list[tuple[float, list[int]]], records_per_s: int | None, bytes_per_s: int | None, burst_s: float
) -> None:
    budget = Budget(records_per_s=records_per_s, bytes_per_s=bytes_per_s, burst_s=burst_s)
    bucket = full(budget, 0)
    stored, time_s = Amount(0, 0), 0.0
    for wait_s, sizes in appends:
        time_s += wait_s
        verdict, bucket = after(budget, bucket, wait_s, sizes)
        stored = stored.plus(Amount(verdict.admitted, sum(sizes[: verdict.admitted])))
        for amount, rate, largest in ((stored.records, records_per_s, 1), (stored.bytes, bytes_per_s, 50)):
            assert rate is None or amount <= rate * (burst_s + time_s) + largest + 1e-6


@given(sizes_asked, st.integers(0, 300), st.integers(0, 20), st.integers(0, 1000), rates)
def test_what_has_room_as_a_whole_is_admitted_as_a_whole(
    sizes: list[int], bytes_stored: int, records_stored: int, limit: int, rate: int | None
) -> None:
    budget = Budget(bytes=limit, records=limit, bytes_per_s=rate, records_per_s=rate)
    stored, bucket = Amount(records_stored, bytes_stored), full(budget, 0)
    if has_room(budget, bucket, stored, Amount(len(sizes), sum(sizes))):
        assert admit(budget, bucket, stored, sizes) == Verdict(len(sizes), None)
