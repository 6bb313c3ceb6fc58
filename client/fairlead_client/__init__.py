"""Writing and following logs, watching records, dispatching containers, and peers that outlive their sessions.

This package imports no framework: use `fairlead_client.asyncio` or `fairlead_client.twisted` (never both in one
process: Autobahn's two halves exclude each other), or, without an event loop, `fairlead_client.sync` and the logging
handler in `fairlead_client.logs`, which run on asyncio. What their functions hand out and raise is named here.

Start reading at `appending`, `following`, `merging`, `watching` and `dispatching`, the state machines; `sending`,
`follow`, `watch`, `dispatcher` and `peer` are the loops around them. What is sent comes from a `spool` or from a file
(`tailing`).
"""

from __future__ import annotations

from fairlead_client.errors import (
    CallFailed,
    ClientError,
    ForkedError,
    Incontiguous,
    QueueFull,
    Refused,
    SpoolError,
    Unreachable,
)
from fairlead_client.following import (
    Batch,
    Corrupt,
    Cursor,
    Follower,
    Following,
    Head,
    Lagged,
    Reset,
    Revoked,
    Sealed,
    Start,
)
from fairlead_client.merging import Event
from fairlead_client.records import Record
from fairlead_client.running import Exit, Process, Runner
from fairlead_client.watching import Added, Anew, Changed, Entry, Marked, Removed, Watcher, Watching, Whole

__all__ = [
    "Added",
    "Anew",
    "Batch",
    "CallFailed",
    "Changed",
    "ClientError",
    "Corrupt",
    "Cursor",
    "Entry",
    "Event",
    "Exit",
    "Follower",
    "Following",
    "ForkedError",
    "Head",
    "Incontiguous",
    "Lagged",
    "Marked",
    "Process",
    "QueueFull",
    "Record",
    "Refused",
    "Removed",
    "Reset",
    "Revoked",
    "Runner",
    "Sealed",
    "SpoolError",
    "Start",
    "Unreachable",
    "Watcher",
    "Watching",
    "Whole",
]
