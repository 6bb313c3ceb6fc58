"""Writing and following logs, over any Autobahn session.

This package imports no framework: use `fairlead_client.asyncio` or `fairlead_client.twisted` (never both in one
process: Autobahn's two halves exclude each other). What their functions hand out and raise is named here.

Start reading at `appending` and `following`, the two state machines; `writer` and `follow` are the loops around them.
"""

from __future__ import annotations

from fairlead_client.errors import CallFailed, ClientError, Incontiguous, Refused, SpoolError, Unreachable
from fairlead_client.following import Batch, Corrupt, Cursor, Follower, Head, Lagged, Reset, Revoked, Sealed, Start
from fairlead_client.records import Record

__all__ = [
    "Batch",
    "CallFailed",
    "ClientError",
    "Corrupt",
    "Cursor",
    "Follower",
    "Head",
    "Incontiguous",
    "Lagged",
    "Record",
    "Refused",
    "Reset",
    "Revoked",
    "Sealed",
    "SpoolError",
    "Start",
    "Unreachable",
]
