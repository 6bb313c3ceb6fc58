"""Budgets: how much of a stream, and of each of its producers, is stored at most.

A budget has a rate (records and bytes a second, with a burst) and a size (records and bytes in all). Pure: time is an
argument, and what is left of a rate is a value, a `Bucket`, so that a write that fails has spent nothing.

A rate is a token bucket that holds `burst_s` seconds of it. The record that empties it is still stored, so that a
record larger than the bucket is not refused for ever. Once something was refused, nothing is stored until a second of
the rate is back: what comes through are runs of lines with one gap between two runs, not every tenth line.
A size is exact: nothing is stored that would exceed it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

RESUME_S = 1.0
"""So much of the rate is back before something is stored again."""

RATE = "rate"
SIZE = "size"
"""Why records were not stored: the rate of the budget was exceeded, or its size."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Of one stream or one producer; None is without bound."""

    records_per_s: float | None = None
    bytes_per_s: float | None = None
    burst_s: float = 10.0
    records: int | None = None
    bytes: int | None = None


class Budgets(msgspec.Struct, frozen=True):
    """Those that hold for each stream, and for each producer of a stream."""

    stream: Budget = Budget()
    producer: Budget = Budget()


NO_BUDGETS = Budgets()


class Amount(NamedTuple):
    """Records and their bytes, as they are stored."""

    records: int
    bytes: int

    def plus(self, other: Amount) -> Amount:
        """The sum."""
        return Amount(self.records + other.records, self.bytes + other.bytes)


class Tokens(NamedTuple):
    """What is left of a rate; infinite where there is none."""

    records: float
    bytes: float


class Bucket(msgspec.Struct, frozen=True):
    """What is left at a time; below 0 where the last record was larger. `is_closed`: until it has recovered."""

    left: Tokens
    at_us: int
    is_closed: bool = False


class Verdict(NamedTuple):
    """The first `admitted` records are stored; `reason` says why the others are not, None that there are none."""

    admitted: int
    reason: str | None


def full(budget: Budget, now_us: int) -> Bucket:
    """The bucket of who has not written yet."""
    return Bucket(_held(budget, budget.burst_s), now_us)


def refilled(budget: Budget, bucket: Bucket, now_us: int) -> Bucket:
    """The bucket as it is now. A clock that was set back refills nothing; one that was set forward fills it."""
    passed_s = max(0, now_us - bucket.at_us) / 1e6
    came, most = _held(budget, passed_s), _held(budget, budget.burst_s)
    left = Tokens(
        min(most.records, bucket.left.records + came.records), min(most.bytes, bucket.left.bytes + came.bytes)
    )
    enough = _held(budget, min(RESUME_S, budget.burst_s))
    is_closed = bucket.is_closed and (left.records < enough.records or left.bytes < enough.bytes)
    return Bucket(left, now_us, is_closed)


def spent(bucket: Bucket, stored: Amount, reason: str | None) -> Bucket:
    """The bucket after these records; closed where the rate has refused others."""
    left = Tokens(bucket.left.records - stored.records, bucket.left.bytes - stored.bytes)
    return Bucket(left, bucket.at_us, bucket.is_closed or reason == RATE)


def admit(budget: Budget, bucket: Bucket, stored: Amount, sizes: Sequence[int]) -> Verdict:
    """How many of the records of these sizes may be stored, where `stored` are there already; the bucket is of now."""
    if bucket.is_closed:
        return Verdict(0, RATE) if sizes else Verdict(0, None)
    taken = Amount(0, 0)
    for count, size in enumerate(sizes):
        following = taken.plus(Amount(1, size))
        if not _fits(budget, stored.plus(following)):
            return Verdict(count, SIZE)
        if bucket.left.records <= taken.records or bucket.left.bytes <= taken.bytes:
            return Verdict(count, RATE)
        taken = following
    return Verdict(len(sizes), None)


def has_room(budget: Budget, bucket: Bucket, stored: Amount, asked: Amount) -> bool:
    """Whether all of it may be stored, without a look at single records; False may be a mistake by a hair."""
    is_within_rate = asked.records <= bucket.left.records and asked.bytes <= bucket.left.bytes
    return not bucket.is_closed and is_within_rate and _fits(budget, stored.plus(asked))


def _held(budget: Budget, time_s: float) -> Tokens:
    """What comes in this time."""
    records, bytes_ = budget.records_per_s, budget.bytes_per_s
    return Tokens(
        math.inf if records is None else records * time_s,
        math.inf if bytes_ is None else bytes_ * time_s,
    )


def _fits(budget: Budget, amount: Amount) -> bool:
    is_within_records = budget.records is None or amount.records <= budget.records
    return is_within_records and (budget.bytes is None or amount.bytes <= budget.bytes)
