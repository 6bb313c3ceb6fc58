"""The table's next step while it is put together: what requests would change, seen by the ones after them.

No I/O and no clock. A draft knows the records after all that was done to it; the table changes only when the draft is
durable. A request that fails takes back what it did, and nothing else.
"""

from __future__ import annotations

from typing import Any

from fairlead_records.errors import no_such_record
from fairlead_records.model.record import (
    RECORDS_LIMIT,
    RECORDS_LIMIT_BYTES,
    Change,
    Record,
    encode_state,
    make_record,
    size_of,
)
from fairlead_records.model.table import Table
from fairlead_router import LimitExceeded


class Draft:
    """What comes next; `now_us` is the time of its changes, microseconds since 1970."""

    def __init__(self, table: Table, now_us: int) -> None:
        self.table = table
        self.now_us = now_us
        self.changes: list[Change] = []
        self.size = 0
        """Bytes of the records that it makes, as they are told."""
        self._more_records = 0
        self._more_bytes = 0
        self._changed: dict[str, Record | None] = {}
        self._versions: dict[str, int] = {}
        """The highest that an id has had so far."""
        self._versions_before: list[int] = []
        """Of each change: what that was before it."""

    def get(self, id_: str) -> Record | None:
        """The record, as this step leaves it."""
        return self._changed[id_] if id_ in self._changed else self.table.get(id_)

    def put(self, id_: str, *, kind: str, owner: str, object_id: str, state: dict[str, Any]) -> Record:
        """A new record, or the next version of one; the ids are checked already.

        Raises InvalidArgument, LimitExceeded.
        """
        before, encoded = self.get(id_), encode_state(state)
        after = make_record(
            id_,
            kind,
            owner,
            object_id,
            version=self.last_version(id_) + 1,
            revision=self._next_revision,
            times_us=(self.now_us if before is None else before.created_us, self.now_us),
            state=encoded,
        )
        self._check_room(before, after)
        self._change(before, after)
        return after

    def delete(self, id_: str) -> Record:
        """Take a record away; gives what was there before. Raises NoSuchRecord."""
        before = self.get(id_)
        if before is None:
            raise no_such_record(id_)
        self._change(before, None)
        return before

    def last_version(self, id_: str) -> int:
        """The highest that an id has had, also before it was deleted, while that is remembered; 0 if none."""
        return max(self._versions.get(id_, 0), self.table.last_version(id_))

    def mark(self) -> int:
        """Where the draft stands, for `rollback`."""
        return len(self.changes)

    def rollback(self, mark: int) -> None:
        """Take back what was done since the mark."""
        while len(self.changes) > mark:
            change, version = self.changes.pop(), self._versions_before.pop()
            self._count(change, -1)
            self._changed[change.id] = change.before
            self._versions[change.id] = version

    @property
    def _next_revision(self) -> int:
        return self.table.revision + len(self.changes) + 1

    def _change(self, before: Record | None, after: Record | None) -> None:
        change = Change(self._next_revision, before, after)
        self.changes.append(change)
        self._count(change, 1)
        self._versions_before.append(self.last_version(change.id))
        self._changed[change.id] = after
        last = after or before
        assert last is not None
        self._versions[change.id] = last.version

    def _check_room(self, before: Record | None, after: Record) -> None:
        """What gets smaller always has room. Raises LimitExceeded."""
        if before is None and len(self.table) + self._more_records >= RECORDS_LIMIT:
            raise LimitExceeded(f"there are {RECORDS_LIMIT} records already", limit="records")
        growth = size_of(after) - size_of(before)
        if growth > 0 and self.table.size + self._more_bytes + growth > RECORDS_LIMIT_BYTES:
            raise LimitExceeded(f"all records together have {RECORDS_LIMIT_BYTES} bytes already", limit="record_bytes")

    def _count(self, change: Change, times: int) -> None:
        self.size += times * size_of(change.after)
        self._more_records += times * ((change.after is not None) - (change.before is not None))
        self._more_bytes += times * (size_of(change.after) - size_of(change.before))
