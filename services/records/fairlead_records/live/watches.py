"""All watches: which of them a change concerns, and whose turn it is.

A change is matched once for each query, however many ask it, and reaches the watches that it may make a difference to,
found by id, owner or kind. They tell it in the same turn; where that are many, or one has much to look at, the rest
goes on in later turns, the sessions in rotation.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from fairlead_records.live.ledger import Ledger
from fairlead_records.live.watch import Watch
from fairlead_records.model.query import Query, Seen
from fairlead_records.model.record import Change, Record
from fairlead_records.model.table import Table

FLUSHED_AT_ONCE = 256
"""Watches in one turn of the loop: some milliseconds."""

REMEMBERED = 10_000
"""Records that a query remembers whether they match: as many as change within a turn or two."""


class Group:
    """The watches with one query, and which records match it."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.key = query.key
        self._ids = None if query.ids is None else frozenset(query.ids)
        self.watching: dict[Watching, None] = {}
        self._known: dict[str, tuple[int, bool]] = {}

    def matches(self, record: Record) -> bool:
        """Whether a record is wanted. Asked for each watch, found out once for each version."""
        if self._ids is not None and record.id not in self._ids:
            return False
        known = self._known.get(record.id)
        if known is not None and known[0] == record.revision:
            return known[1]
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        found = self.query.matches(Seen(record))
        self._known[record.id] = record.revision, found
        return found


class Watching(Protocol):
    """One that watches."""

    group: Group
    watch: Watch

    @property
    def session_id(self) -> int:
        """Whose it is."""
        ...

    def flush(self) -> bool:
        """Tell what is different; False: it waits for room, and asks for its turn when there is some."""
        ...


class Watches:
    """The watches of one realm."""

    def __init__(self, ledger: Ledger) -> None:
        self._table: Table = ledger.table
        self._groups: dict[bytes, Group] = {}
        self._found_by: dict[tuple[str, str], dict[Group, None]] = {}
        self._busy: OrderedDict[int, OrderedDict[Watching, None]] = OrderedDict()
        self._is_going_on = False
        ledger.listen(self._changed)

    def __iter__(self) -> Iterator[Watching]:
        return (watching for group in self._groups.values() for watching in group.watching)

    def __len__(self) -> int:
        return sum(len(group.watching) for group in self._groups.values())

    def group(self, query: Query) -> Group:
        """That of a query; it is kept while somebody is in it."""
        return self._groups.get(query.key) or Group(query)

    def add(self, watching: Watching) -> None:
        """It hears of changes from now on."""
        group = watching.group
        group.watching[watching] = None
        if group.key not in self._groups:
            self._groups[group.key] = group
            for place in _places(group.query):
                self._found_by.setdefault(place, {})[group] = None

    def remove(self, watching: Watching) -> None:
        """It has ended."""
        group = watching.group
        group.watching.pop(watching, None)
        self._busy.get(watching.session_id, OrderedDict()).pop(watching, None)
        if group.watching or self._groups.get(group.key) is not group:
            return
        del self._groups[group.key]
        for place in _places(group.query):
            del self._found_by[place][group]
            if not self._found_by[place]:
                del self._found_by[place]

    def candidates(self, query: Query) -> Collection[str]:
        """The ids among which all is that matches now."""
        if query.ids is not None:
            return query.ids
        if query.owner is not None:
            return self._table.of_owner(query.owner).keys()
        return self._table.all.keys() if query.kind is None else self._table.of_kind(query.kind).keys()

    def has_work(self, watching: Watching) -> None:
        """It has something to tell: it gets its turn."""
        self._busy.setdefault(watching.session_id, OrderedDict())[watching] = None
        if not self._is_going_on:
            self._is_going_on = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def object_moved(self, object_id: str) -> None:
        """A right to an object may have gone: whoever was told of its records looks at them again."""
        concerned: dict[Watching, list[str]] = {}
        for record in self._table.of_object(object_id).values():
            for watching in self._concerned(record):
                concerned.setdefault(watching, []).append(record.id)
        for watching, ids in concerned.items():
            watching.watch.take_back()
            watching.watch.look_at(ids)
            self.has_work(watching)

    def gained(self, watching: Watching, object_ids: Collection[str] | None) -> None:
        """This one may read more than before: records of these objects, or nobody knows what."""
        if object_ids is None:
            self.look_at_everything(watching)
            return
        for object_id in object_ids:
            for record in self._table.of_object(object_id).values():
                if watching.group.matches(record):
                    watching.watch.look_at((record.id,))
                    self.has_work(watching)

    def look_at_everything(self, watching: Watching) -> None:
        """Rights of this one have moved, nobody knows which."""
        watching.watch.look_at(self.candidates(watching.group.query))
        watching.watch.look_at_all_told()
        self.has_work(watching)

    # ---- changes

    def _changed(self, changes: Sequence[Change]) -> None:
        moved: dict[Watching, None] = {}
        for change in changes:
            for watching in self._whom(change):
                if not watching.watch.concerns(change):
                    continue
                if change.after is None and change.before is not None:
                    watching.watch.deleted(change.before)
                else:
                    watching.watch.look_at((change.id,))
                moved[watching] = None
        for number, watching in enumerate(moved):
            if number >= FLUSHED_AT_ONCE or (watching.flush() and watching.watch.has_pending):
                self.has_work(watching)

    def _whom(self, change: Change) -> Iterator[Watching]:
        """Whoever may be concerned, before or after the change."""
        before, after = change.before, change.after
        if before is None or after is None or before.owner == after.owner:
            record = after or before
            assert record is not None
            return self._concerned(record)
        return iter(dict.fromkeys((*self._concerned(before), *self._concerned(after))))

    def _concerned(self, record: Record) -> Iterator[Watching]:
        for place in (("id", record.id), ("owner", record.owner), ("kind", record.kind), _ANYWHERE):
            for group in self._found_by.get(place, ()):
                yield from group.watching

    # ---- turns

    def _go_on(self) -> None:
        """One turn's work: some watches, of each session one after the other."""
        self._is_going_on = False
        for _ in range(FLUSHED_AT_ONCE):
            watching = self._next()
            if watching is None:
                return
            if watching.flush() and watching.watch.has_pending:
                self.has_work(watching)
                break  # it had much to look at: that is enough for one turn
        if self._busy and not self._is_going_on:
            self._is_going_on = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _next(self) -> Watching | None:
        while self._busy:
            session_id, waiting = self._busy.popitem(last=False)
            if not waiting:
                continue
            watching, _ = waiting.popitem(last=False)
            if waiting:
                self._busy[session_id] = waiting
            return watching
        return None


_ANYWHERE = ("", "")


def _places(query: Query) -> list[tuple[str, str]]:
    """Where a query is found: by what narrows it most."""
    if query.ids is not None:
        return [("id", id_) for id_ in query.ids]
    if query.owner is not None:
        return [("owner", query.owner)]
    return [_ANYWHERE if query.kind is None else ("kind", query.kind)]
