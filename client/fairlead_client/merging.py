"""The state machine behind a subscription that outlives its session: each event once, in the order of publishing.

After a loss, live events come while the history of what was missed is still asked for. They are held back until all
of it has been handed on, and those that it brought already are left out. Who is held back for too long is let go: then
there may be a gap, and that is said.

No I/O, no clock, no framework.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

# Live events that wait for the history: some seconds of a busy topic.
HELD_LIMIT = 10_000
# Publications that are remembered as handed on: more than a router shows of a topic's history in one answer.
REMEMBERED = 4_096


class Event(NamedTuple):
    """An event; `topic` is that of the publication, also where a pattern was subscribed."""

    topic: str
    args: list[Any]
    kwargs: dict[str, Any]
    publication: int
    is_past: bool = False


class RecentIds:
    """The latest publications, as many as are worth remembering."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._order: deque[int] = deque()
        self._ids: set[int] = set()

    def __contains__(self, publication: int) -> bool:
        return publication in self._ids

    def add(self, publication: int) -> None:
        """The latest one now."""
        if publication not in self._ids:
            self._ids.add(publication)
            self._order.append(publication)
            if len(self._order) > self._limit:
                self._ids.discard(self._order.popleft())


class Merger:
    """Of one subscription. What its methods return is to be handed on, in that order."""

    def __init__(self, own: RecentIds | None = None) -> None:
        """`own` are publications of ours that the router kept from us: its history does not know that."""
        self.last: int | None = None
        self.is_holding = False
        self._own = own or RecentIds()
        self._seen = RecentIds()
        self._held: deque[Event] = deque()

    def hold(self) -> None:
        """A new session: live events wait for `release`. What the last session left waiting is in the history."""
        self.is_holding = True
        self._held.clear()

    def anchored(self, publication: int | None) -> None:
        """The latest publication in the history, at the first subscribing: what comes after it is to be had."""
        self.last = publication

    def live(self, event: Event) -> list[Event]:
        """An event has come. More of them than may be held back end the holding."""
        if not self.is_holding:
            return self._new([event])
        self._held.append(event)
        return self.release() if len(self._held) > HELD_LIMIT else []

    def past(self, events: Iterable[Event]) -> list[Event]:
        """A page of the history has come, in the order of publishing; too late when live events were let go."""
        if not self.is_holding:
            return []
        return self._new(event for event in events if event.publication not in self._own)

    def release(self) -> list[Event]:
        """There is no more history to come."""
        self.is_holding = False
        held, self._held = self._held, deque()
        return self._new(held)

    def _new(self, events: Iterable[Event]) -> list[Event]:
        new = []
        for event in events:
            if event.publication not in self._seen:
                self._seen.add(event.publication)
                self.last = event.publication
                new.append(event)
        return new
