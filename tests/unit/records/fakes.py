"""What the tests of records share: a ledger over a store that forgets, and short ways to change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fairlead_records.counters import RecordCounters
from fairlead_records.live.answers import Answers
from fairlead_records.live.ledger import Ledger, Outcome, Request
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Change, Record
from fairlead_records.model.table import Table
from fairlead_records.store.memory_store import MemoryRecordStore

KEPT_CHANGES = 1_000


class Clock:
    """A time that the test sets, microseconds since 1970."""

    def __init__(self, now_us: int = 1_000_000) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


def put(draft: Draft, id_: str, state: dict[str, Any] | None = None, kind: str = "job", owner: str = "alice") -> Record:
    """A record whose object is itself."""
    return draft.put(id_, kind=kind, owner=owner, object_id=id_, state={} if state is None else state)


def putting(id_: str, state: dict[str, Any] | None = None, **about: Any) -> Callable[[Draft], dict[str, Any]]:
    """The same, to be asked of a ledger; the result is the version."""
    return lambda draft: {"version": put(draft, id_, state, **about).version}


def new_table(kept_changes: int = KEPT_CHANGES) -> Table:
    """An empty one."""
    return Table(1, kept_changes)


class LedgerHarness:
    """A ledger with a store whose failures, and a clock that, the test decides."""

    def __init__(self, store: MemoryRecordStore | None = None) -> None:
        self.store = MemoryRecordStore() if store is None else store
        self.clock = Clock()
        self.heard: list[list[Change]] = []

    async def open(self) -> Ledger:
        """The ledger, over what the store has."""
        loaded = await self.store.load(KEPT_CHANGES)
        table = Table(loaded.epoch, KEPT_CHANGES, loaded.records, loaded.history)
        ledger = Ledger(table, self.store, Answers(loaded.answers), self.clock, RecordCounters())
        ledger.listen(self._listen)
        return ledger

    def _listen(self, changes: Sequence[Change]) -> None:
        self.heard.append(list(changes))


class Told:
    """What requests were told, in the order in which they were."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def request(self, apply: Callable[[Draft], dict[str, Any]], key: tuple[str, str] | None = None) -> Request:
        """A request that is remembered here."""
        return Request(apply, self.outcomes.append, key=key)
