"""The queue: the containers that wait, the one with the highest priority first, of equal ones the oldest.

What is held (priority 0) is not in it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fairlead_records.dispatch.state import CONTAINER, container_of
from fairlead_records.model.record import Change, Record


class _Place(NamedTuple):
    """What the order is by."""

    urgency: int
    created_us: int
    id: str


class Queue:
    """Kept in order as changes come: some 20 us each with 100 000 in it."""

    def __init__(self) -> None:
        self._order: list[_Place] = []
        self._places: dict[str, _Place] = {}

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[str]:
        """The ids, in order; the queue must not change meanwhile."""
        return (place.id for place in self._order)

    def changed(self, changes: Sequence[Change]) -> None:
        """These are durable."""
        for change in changes:
            record = change.after or change.before
            if record is not None and record.kind == CONTAINER:
                self._set(change.id, None if change.after is None else _place(change.after))

    def fill(self, records: Sequence[Record]) -> None:
        """All that there is, at the start."""
        self._places = {record.id: place for record in records if (place := _place(record)) is not None}
        self._order = sorted(self._places.values())

    def _set(self, id_: str, place: _Place | None) -> None:
        before = self._places.pop(id_, None)
        if before is not None and before != place:
            del self._order[bisect_left(self._order, before)]
        if place is not None:
            self._places[id_] = place
            if before != place:
                insort(self._order, place)


def _place(record: Record) -> _Place | None:
    container = container_of(record)
    if container.state != "Queued" or container.priority <= 0:
        return None
    return _Place(-container.priority, record.created_us, record.id)
