"""The table: all records of a realm as they are now, found by id, kind, owner and object.

It changes in one way, by adopting changes that are durable. A deleted record leaves its version behind for as long as
its deletion is in the history, so that a new record of the same id goes on above it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sortedcontainers import SortedList

from fairlead_records.model.record import Change, Record, size_of

_Index = dict[str, dict[str, Record]]

_NONE: Mapping[str, Record] = {}

CHANGE_LIMIT_BYTES: Final = 2 << 10
"""Of what was before each change that is remembered, on an average: of larger states fewer changes are."""


class Table:
    """`revision` counts all changes of the realm; `epoch` is another one in another store."""

    def __init__(
        self, epoch: int, kept_changes: int, records: Iterable[Record] = (), history: Iterable[Change] = ()
    ) -> None:
        self.epoch = epoch
        self.revision = 0
        self.size = 0
        """Bytes of all records, as they are told."""
        self._most_changes = kept_changes
        self._records: dict[str, Record] = {}
        self._of_kind: _Index = {}
        self._of_owner: _Index = {}
        self._of_object: _Index = {}
        self._indexes = (self._of_kind, self._of_owner, self._of_object)
        self._ids: SortedList[str] = SortedList()
        self._history: deque[Change] = deque()
        self._history_size = 0
        self._buried: dict[str, int] = {}
        for record in records:
            self._enter(record)
            self.revision = max(self.revision, record.revision)
        self._ids.update(self._records)
        for change in history:
            self._remember(change)
            self.revision = max(self.revision, change.revision)

    def __len__(self) -> int:
        return len(self._records)

    def get(self, id_: str) -> Record | None:
        """The record of this id."""
        return self._records.get(id_)

    @property
    def all(self) -> Mapping[str, Record]:
        """All records, by id."""
        return self._records

    def ids_after(self, id_: str) -> Iterator[str]:
        """All ids behind this one, in the order of their characters; the table must not change meanwhile."""
        ids: Iterator[str] = self._ids.irange(id_, inclusive=(False, True))
        return ids

    def of_kind(self, kind: str) -> Mapping[str, Record]:
        """The records of a kind, by id."""
        return self._of_kind.get(kind, _NONE)

    def of_owner(self, owner: str) -> Mapping[str, Record]:
        """What somebody, or a project, owns, by id."""
        return self._of_owner.get(owner, _NONE)

    def of_object(self, object_id: str) -> Mapping[str, Record]:
        """The records that are judged by an object, by id."""
        others = self._of_object.get(object_id, _NONE)
        own = self._records.get(object_id)
        return {object_id: own, **others} if own is not None and own.object_id == object_id else others

    def last_version(self, id_: str) -> int:
        """The highest version that this id is known to have had; 0 for a new one."""
        record = self._records.get(id_)
        return self._buried.get(id_, 0) if record is None else record.version

    @property
    def kept_changes(self) -> int:
        """How many changes are remembered."""
        return len(self._history)

    @property
    def oldest(self) -> int:
        """The lowest revision from which all changes since are remembered."""
        return self._history[0].revision - 1 if self._history else self.revision

    def changes_since(self, revision: int) -> list[Change]:
        """The changes after a revision that is not below `oldest`, in order."""
        found: list[Change] = []
        for change in reversed(self._history):
            if change.revision <= revision:
                break
            found.append(change)
        found.reverse()
        return found

    def adopt(self, changes: Iterable[Change]) -> None:
        """These are durable."""
        for change in changes:
            if change.after is not None:
                if change.before is None:
                    self._ids.add(change.id)
                self._enter(change.after, change.before)
            elif change.before is not None:
                self._ids.remove(change.id)
                self._leave(change.before)
            self._remember(change)
            self.revision = change.revision

    def _enter(self, record: Record, before: Record | None = None) -> None:
        """A record that changes keeps its place, unless it goes elsewhere: all tables are in the order of coming."""
        self._records[record.id] = record
        self.size += len(record.entry) - size_of(before)
        self._buried.pop(record.id, None)
        keys = _keys(record)
        for index, key, old in zip(self._indexes, keys, keys if before is None else _keys(before), strict=True):
            if key != old:
                _take_out(index, old, record.id)
            if key is not None:
                index.setdefault(key, {})[record.id] = record

    def _leave(self, record: Record) -> None:
        del self._records[record.id]
        self.size -= size_of(record)
        for index, key in zip(self._indexes, _keys(record), strict=True):
            _take_out(index, key, record.id)

    def _remember(self, change: Change) -> None:
        if change.after is None and change.before is not None:
            self._buried[change.id] = change.before.version
        self._history.append(change)
        self._history_size += size_of(change.before)
        most_bytes = self._most_changes * CHANGE_LIMIT_BYTES
        while len(self._history) > self._most_changes or self._history_size > most_bytes:
            self._forget(self._history.popleft())

    def _forget(self, change: Change) -> None:
        self._history_size -= size_of(change.before)
        if change.after is None and self._buried.get(change.id) == (change.before and change.before.version):
            del self._buried[change.id]


def _keys(record: Record) -> tuple[str, str, str | None]:
    """Where it is found beside its id, which most have an object of: a table of one for each would take 350 bytes."""
    return record.kind, record.owner, None if record.object_id == record.id else record.object_id


def _take_out(index: _Index, key: str | None, id_: str) -> None:
    if key is None:
        return
    index[key].pop(id_)
    if not index[key]:
        del index[key]
