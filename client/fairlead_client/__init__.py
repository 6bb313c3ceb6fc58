"""Writing and following logs, and peers that outlive their sessions, over any Autobahn session.

This package imports no framework: use `fairlead_client.asyncio` or `fairlead_client.twisted` (never both in one
process: Autobahn's two halves exclude each other), or, without an event loop, `fairlead_client.sync` and the logging
handler in `fairlead_client.logs`, which run on asyncio. What their functions hand out and raise is named here.

Start reading at `appending`, `following` and `merging`, the three state machines; `sending`, `follow` and `peer` are
the loops around them. What is sent comes from a `spool` or from a file (`tailing`).
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

__all__ = [
    "Batch",
    "CallFailed",
    "ClientError",
    "Corrupt",
    "Cursor",
    "Event",
    "Follower",
    "Following",
    "ForkedError",
    "Head",
    "Incontiguous",
    "Lagged",
    "QueueFull",
    "Record",
    "Refused",
    "Reset",
    "Revoked",
    "Sealed",
    "SpoolError",
    "Start",
    "Unreachable",
]
