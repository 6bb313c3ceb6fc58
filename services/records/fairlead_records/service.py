"""The record service: its parts, and its life between `open`, `bind` and `close`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fairlead_common.rounds import Rounds
from fairlead_common.tasks import Tasks
from fairlead_records.counters import RecordCounters
from fairlead_records.dispatch.dispatch import Dispatch
from fairlead_records.live.answers import KEPT_US, Answers
from fairlead_records.live.ledger import Ledger
from fairlead_records.live.objects import WatchedObjects
from fairlead_records.live.record_topics import RECORD_PREFIX, RecordTopics
from fairlead_records.live.watches import Watches
from fairlead_records.model.bookmark import Bookmarks
from fairlead_records.model.table import Table
from fairlead_records.permissions import Permissions
from fairlead_records.procedures.reading import Reading
from fairlead_records.procedures.watching import Watching
from fairlead_records.procedures.writing import Writing
from fairlead_records.stats import RecordStats, record_stats
from fairlead_records.store.record_store import Loaded, RecordStore
from fairlead_records.store.sql_store import SqlRecordStore
from fairlead_router import Call, Member, Principal, Realm

NO_PERMISSIONS = Permissions()

PRINCIPAL = Principal("fairlead.records", "service", "internal", "internal")

KEPT_CHANGES = 100_000
"""Of which a watcher that comes back can be told what it has missed: some 60 MB with small states."""


class RecordService:
    """All records of one realm. Create it with `open`, then `bind` it, and `close` it in the end."""

    def __init__(
        self,
        store: RecordStore,
        loaded: Loaded,
        permissions: Permissions = NO_PERMISSIONS,
        *,
        kept_changes: int = KEPT_CHANGES,
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._store = store
        self._clock_us = clock_us
        self._tasks = Tasks()
        self.counters = RecordCounters()
        table = Table(loaded.epoch, kept_changes, loaded.records, loaded.history)
        self.ledger = Ledger(table, store, Answers(loaded.answers), clock_us, self.counters)
        self._writing = Writing(self.ledger, permissions.new_object)
        self._reading = Reading(self.ledger)
        self._topics = RecordTopics(self.ledger)
        self._objects = WatchedObjects()
        self._watching = Watching(self.ledger, Bookmarks(loaded.secret), self._objects, permissions.rights_mark)
        self.dispatch = Dispatch(self.ledger, permissions.new_object, permissions.is_hidden)
        self._trimming = Rounds(self._trim, "old changes of records are not trimmed")
        self._member: Member | None = None

    @classmethod
    async def open(
        cls,
        database_url: str,
        realm_name: str = "realm1",
        permissions: Permissions = NO_PERMISSIONS,
        *,
        kept_changes: int = KEPT_CHANGES,
    ) -> RecordService:
        """Open or make the database and read everything; raises StoreError.

        `kept_changes`: of so many, the latest, a watcher that comes back can be told what it has missed.
        """
        store = SqlRecordStore.open(database_url, realm_name)
        return await cls.over(store, permissions, kept_changes=kept_changes)

    @classmethod
    async def over(
        cls,
        store: RecordStore,
        permissions: Permissions = NO_PERMISSIONS,
        *,
        kept_changes: int = KEPT_CHANGES,
    ) -> RecordService:
        """The same over any RecordStore, which the service closes in the end."""
        try:
            loaded = await store.load(max(1, kept_changes))
            return cls(store, loaded, permissions, kept_changes=kept_changes)
        except BaseException:
            await store.close()
            raise

    def stats(self) -> RecordStats:
        """The figures of now and since the start."""
        return record_stats(self.ledger, self._store, self.watches, self.dispatch)

    def bind(self, realm: Realm) -> None:
        """Join the realm: register the procedures."""
        member = self._member = self._objects.member = realm.join(PRINCIPAL)
        for name, procedure in self._procedures().items():
            member.register(f"fairlead.record.{name}", procedure)
        self._topics.source.topics = member.serve_topics(RECORD_PREFIX, self._topics.source)
        self.dispatch.start(member)
        self._trimming.start(self._tasks)

    async def close(self) -> None:
        """Refuse what waits, finish and acknowledge what is being written, leave, close the store."""
        self._trimming.stop()
        self.dispatch.stop()
        await self.ledger.close()
        await self._tasks.close()
        if self._member is not None:
            self._objects.member = self._topics.source.topics = None
            self._member.leave()
        await self._store.close()

    @property
    def watches(self) -> Watches:
        """Who watches what."""
        return self._watching.watches

    def _procedures(self) -> dict[str, Callable[[Call], Any]]:
        return {
            "put": self._writing.put,
            "patch": self._writing.patch,
            "delete": self._writing.delete,
            "batch": self._writing.batch,
            "get": self._reading.get,
            "list": self._reading.list_records,
            "watch": self._watching.watch,
            "mark": self._watching.mark,
        }

    async def _trim(self) -> None:
        before_us = self.ledger.answers.trim(self._clock_us() - KEPT_US)
        table = self.ledger.table
        # The last one always stays: from it the next start knows the revision, also when its record is deleted.
        await self._store.trim(min(table.oldest, table.revision - 1), before_us)
