"""Durable, ordered streams of records: one sequence each, followed live from any point.

    logs = await LogService.open("sqlite:///data/logs.sqlite", "realm1", new_object)
    logs.bind(realm)            # registers fairlead.log.*, feeds the topics fairlead.stream.* and fairlead.directory.*
    await logs.close()

Rights come from the realm's authorizer; this package knows no users.
"""

from fairlead_common.counting import COMMIT_BOUNDS_S, Durations
from fairlead_logstream.archive.archive import Archive, NotInArchive
from fairlead_logstream.archive.directory import DirectoryArchive
from fairlead_logstream.counters import LogCounters
from fairlead_logstream.live.retention import Limits
from fairlead_logstream.model.budget import NO_BUDGETS, Budget, Budgets
from fairlead_logstream.model.rows import Retention
from fairlead_logstream.procedures.keeping import NewObject
from fairlead_logstream.service import LogService
from fairlead_logstream.stats import LogStats
from fairlead_logstream.store.memory_store import MemoryStreamStore
from fairlead_logstream.store.sql_store import SqlStreamStore
from fairlead_logstream.store.stream_store import StreamStore

__all__ = [
    "COMMIT_BOUNDS_S",
    "NO_BUDGETS",
    "Archive",
    "Budget",
    "Budgets",
    "DirectoryArchive",
    "Durations",
    "Limits",
    "LogCounters",
    "LogService",
    "LogStats",
    "MemoryStreamStore",
    "NewObject",
    "NotInArchive",
    "Retention",
    "SqlStreamStore",
    "StreamStore",
]
