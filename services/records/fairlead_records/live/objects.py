"""The objects whose rights are watched, because somebody was told of their records."""

from __future__ import annotations

from collections.abc import Callable

from fairlead_records.live.watch import Reader
from fairlead_router import Member


class WatchedObjects:
    """Each is watched once, however many are told of it. Without a router (`member` is None) nobody is told."""

    def __init__(self) -> None:
        self.member: Member | None = None
        self.moved: Callable[[str], None] = lambda _object_id: None
        """Called in the turn in which a right to an object may have gone."""
        self._held: dict[str, int] = {}
        self._ends: dict[str, Callable[[], None]] = {}
        self._left: dict[str, dict[Reader, None]] = {}
        """By object: those who may still have something of it queued, though they count it as told no more."""

    def hold(self, object_id: str) -> None:
        """One more record of this object is told to somebody."""
        held = self._held[object_id] = self._held.get(object_id, 0) + 1
        if held == 1 and self.member is not None:
            self._ends[object_id] = self.member.watch_object(object_id, self._moved)

    def release(self, object_id: str) -> None:
        """One less."""
        self._held[object_id] -= 1
        if not self._held[object_id]:
            del self._held[object_id]
            end = self._ends.pop(object_id, None)
            if end is not None:
                end()

    def leave(self, object_id: str, reader: Reader) -> None:
        """One less when `have_left` is called."""
        self._left.setdefault(object_id, {})[reader] = None

    def have_left(self, object_id: str, reader: Reader) -> None:
        """Nothing of it is queued for this reader any more."""
        readers = self._left[object_id]
        del readers[reader]
        if not readers:
            del self._left[object_id]
        self.release(object_id)

    def _moved(self, object_id: str) -> None:
        for reader in list(self._left.get(object_id, ())):
            reader.take_back()
        self.moved(object_id)
