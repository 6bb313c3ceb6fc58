"""The fence of a store that several servers write: a change is stored only if it was made of the newest state.

Each change of a stream counts its `version` up. Whoever writes locks the rows of its streams first, until its commit,
and looks whether they are at the versions that it knows: so the changes of a stream have one order, that of their
commits. The rows are locked in the order of their ids, so that two servers never wait for each other.
"""

from __future__ import annotations

import sqlalchemy as sa

from fairlead_logstream.model.rows import Change
from fairlead_logstream.store import queries, writing
from fairlead_logstream.store.stream_store import MovedOn


def write(changes: list[Change], connection: sa.Connection) -> writing.Moved:
    """Store those changes whose streams are as they were when the changes were made; the others have moved on.

    An empty change stores nothing: it only asks.
    """
    ids = [change.stream_id for change in changes]
    versions = {row.id: row.version for row in connection.execute(queries.LOCK_STREAMS, {"ids": ids})}
    moved: writing.Moved = {}
    passed: list[Change] = []
    counted: list[int] = []
    for change in changes:
        if versions.get(change.stream_id) != change.version:
            moved[change.stream_id] = MovedOn()
            if change.claims:
                counted.append(change.stream_id)
        elif not change.is_empty:
            passed.append(change)
            counted.append(change.stream_id)
    if counted:
        connection.execute(queries.COUNT_VERSIONS, {"ids": counted})
    writing.write(passed, connection)
    return moved
