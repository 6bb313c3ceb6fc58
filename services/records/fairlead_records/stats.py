"""Figures of the record service, made when they are asked for: nothing is kept up to date for them but the counters."""

from __future__ import annotations

import msgspec

from fairlead_records.counters import RecordCounters
from fairlead_records.dispatch.dispatch import Dispatch
from fairlead_records.live.ledger import Ledger
from fairlead_records.live.watches import Watches
from fairlead_records.store.record_store import RecordStore


class RecordStats(msgspec.Struct, frozen=True, kw_only=True):
    """The service now, and since its start."""

    records: int
    record_bytes: int
    """Of all records, as they are told."""

    kept_changes: int
    """From which watchers may resume."""

    kept_answers: int
    """Of requests with a key."""

    watches: int
    """Calls of `watch`."""

    containers_queued: int
    """Those that wait to be taken; with priority 0 they do not."""

    containers_held: int
    """Those that a dispatcher has locked or runs."""

    waiting_bytes: int
    """Of requests that wait for the write before theirs."""

    backlog: int
    """Jobs that wait for the store's writer."""

    counters: RecordCounters


def record_stats(ledger: Ledger, store: RecordStore, watches: Watches, dispatch: Dispatch) -> RecordStats:
    """The figures of one service. The counters are a copy."""
    return RecordStats(
        records=len(ledger.table),
        record_bytes=ledger.table.size,
        kept_changes=ledger.table.kept_changes,
        kept_answers=len(ledger.answers),
        watches=len(watches),
        containers_queued=dispatch.queued,
        containers_held=dispatch.tenure.held,
        waiting_bytes=ledger.waiting_bytes,
        backlog=store.backlog,
        counters=ledger.counters.copy(),
    )
