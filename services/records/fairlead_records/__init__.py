"""The latest state of objects, then every change of it; and containers, which dispatchers take from a queue.

    records = await RecordService.open("sqlite:///data/records.sqlite", "realm1", permissions)
    records.bind(realm)            # registers fairlead.record.* and fairlead.container.*
    await records.close()

Rights come from the realm's authorizer; this package knows no users.
"""

from fairlead_records.counters import RecordCounters
from fairlead_records.permissions import Permissions
from fairlead_records.service import KEPT_CHANGES, RecordService
from fairlead_records.stats import RecordStats
from fairlead_records.store.memory_store import MemoryRecordStore
from fairlead_records.store.record_store import RecordStore
from fairlead_records.store.sql_store import SqlRecordStore

__all__ = [
    "KEPT_CHANGES",
    "MemoryRecordStore",
    "Permissions",
    "RecordCounters",
    "RecordService",
    "RecordStats",
    "RecordStore",
    "SqlRecordStore",
]
