"""The queue: the containers that wait, the one with the highest priority first, of equal ones the oldest.

What is held (priority 0) is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sortedcontainers import SortedList

from fairlead_records.dispatch.state import CONTAINER, container_of
from fairlead_records.model.record import Change, Record


class Place(NamedTuple):
    """One of the queue: first what the order is by, then what says whether it may be had."""

    urgency: int
    created_us: int
    id: str
    object_id: str
    constraints: tuple[tuple[str, float], ...]

    def fits(self, free: Mapping[str, float] | None) -> bool:
        """Whether it fits into what is free; None: everything does."""
        return free is None or all(amount <= free.get(name, 0.0) for name, amount in self.constraints)


BEFORE_ALL: Final = Place(-(2**60), 0, "", "", ())


class Queue:
    """Kept in order as changes come."""

    def __init__(self) -> None:
        self._order: SortedList[Place] = SortedList()
        self._places: dict[str, Place] = {}

    def __len__(self) -> int:
        return len(self._order)

    def behind(self, place: Place) -> Iterator[Place]:
        """What comes after a place that is or was in it; the queue must not change meanwhile."""
        return iter(self._order.irange(place, inclusive=(False, True)))

    def changed(self, changes: Sequence[Change]) -> None:
        """These are durable."""
        for change in changes:
            record = change.after or change.before
            if record is not None and record.kind == CONTAINER:
                self._set(change.id, None if change.after is None else _place(change.after))

    def fill(self, records: Sequence[Record]) -> None:
        """All that there is, at the start."""
        self._places = {record.id: place for record in records if (place := _place(record)) is not None}
        self._order = SortedList(self._places.values())

    def _set(self, id_: str, place: Place | None) -> None:
        before = self._places.pop(id_, None)
        if before is not None:
            self._order.remove(before)
        if place is not None:
            self._places[id_] = place
            self._order.add(place)


def _place(record: Record) -> Place | None:
    container = container_of(record)
    if container.state != "Queued" or container.priority <= 0:
        return None
    constraints = tuple(sorted(container.constraints.items()))
    return Place(-container.priority, record.created_us, record.id, record.object_id, constraints)
