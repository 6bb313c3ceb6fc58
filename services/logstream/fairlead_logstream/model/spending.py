"""What one step of a stream takes from its budgets: from the stream's, and from that of each producer that it knows.

The buckets that it finds are left as they are until the step is durable (`settle`).
"""

from __future__ import annotations

from typing import NamedTuple

from fairlead_logstream.model.budget import (
    NO_BUDGETS,
    Amount,
    Bucket,
    Budget,
    Budgets,
    Verdict,
    admit,
    full,
    has_room,
    refilled,
    spent,
)
from fairlead_logstream.model.records import Piece, split

Buckets = dict[str | None, Bucket]
"""By the producer's name; None is the stream itself."""


class _Account(NamedTuple):
    """One budget, with what is left of it and what is stored on it."""

    name: str | None
    budget: Budget
    bucket: Bucket
    stored: Amount


class Spending:
    """The budgets of one stream during one step."""

    def __init__(self, budgets: Budgets, buckets: Buckets, now_us: int) -> None:
        self._budgets = budgets
        self._settled = buckets
        self._buckets: Buckets = {}
        self._now_us = now_us

    def admit(self, stream: Amount, producer: str | None, by_producer: Amount, asked: list[Piece]) -> Verdict:
        """How many of the records may be stored, where the stream and the producer have stored so much; it is spent.

        The reason is one of stream_rate, stream_size, producer_rate, producer_size.
        """
        amount = amount_of(asked)
        if self._budgets is NO_BUDGETS or amount.records == 0:
            return Verdict(amount.records, None)
        accounts = [self._account(None, self._budgets.stream, stream)]
        if producer is not None:
            accounts.append(self._account(producer, self._budgets.producer, by_producer))
        if all(has_room(each.budget, each.bucket, each.stored, amount) for each in accounts):
            return self._spend(accounts, [Verdict(amount.records, None)] * len(accounts), amount)
        sizes = [len(record) for piece in asked for record in split(piece.data)]
        verdicts = [admit(each.budget, each.bucket, each.stored, sizes) for each in accounts]
        fewest = min(verdict.admitted for verdict in verdicts)
        return self._spend(accounts, verdicts, Amount(fewest, sum(sizes[:fewest])))

    def settle(self) -> None:
        """The step is durable."""
        self._settled.update(self._buckets)

    def _account(self, name: str | None, budget: Budget, stored: Amount) -> _Account:
        bucket = self._buckets.get(name) or self._settled.get(name) or full(budget, self._now_us)
        return _Account(name, budget, refilled(budget, bucket, self._now_us), stored)

    def _spend(self, accounts: list[_Account], verdicts: list[Verdict], amount: Amount) -> Verdict:
        """Only the budgets that have refused the first record that is not stored close for it."""
        fewest = min(verdicts, key=_admitted)
        reason = None
        for account, verdict in zip(accounts, verdicts, strict=True):
            own = verdict.reason if verdict.admitted == fewest.admitted else None
            self._buckets[account.name] = spent(account.bucket, amount, own)
            if own is not None and reason is None:
                reason = f"{'stream' if account.name is None else 'producer'}_{own}"
        return Verdict(fewest.admitted, reason)


def amount_of(given: list[Piece]) -> Amount:
    """The records, and the bytes of each by itself: without the brackets and commas of a batch."""
    return Amount(sum(piece.count for piece in given), sum(len(piece.data) - piece.count - 1 for piece in given))


def _admitted(verdict: Verdict) -> int:
    return verdict.admitted
