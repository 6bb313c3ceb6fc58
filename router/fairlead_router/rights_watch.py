"""Watching rights: for in-process services that show many objects to one caller, and judge each when they show it.

A hold of the gate ends with its right. These end with nothing: they only tell the service, in the turn of a revocation
and before it is acknowledged, that a right may have gone, so that it takes back what it has queued and looks again; and
that one may have come. What they tell is a superset: whoever is told asks (`Caller.can`).
"""

import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from fairlead_router.gate import Hold

if TYPE_CHECKING:
    from fairlead_router.session import Session

log = logging.getLogger(__name__)

Lost = Callable[[], None]
"""A right to something may have gone."""

Gained = Callable[[Collection[str] | None], None]
"""Rights to these objects may have come; None: to anything."""


class RightsWatch(Hold):
    """Watches the rights of one caller."""

    __slots__ = ("_gained", "_lost")

    def __init__(self, session: "Session", lost: Lost, gained: Gained) -> None:
        super().__init__(session.principal_cell, session.realm.gate.object_cell(None), session.outbox)
        self._lost = lost
        self._gained = gained

    def judge(self) -> bool:
        """The principal's cell has moved."""
        self._lost()
        return True

    def gained(self, objects: Collection[str] | None) -> None:
        """A grant may concern the caller."""
        try:
            self._gained(objects)
        except Exception:
            log.exception("a service was not told of a grant")

    def find_object(self) -> str | None:
        """It is about none."""
        return None

    def revoke(self, reason: str) -> None:
        """It failed, which is logged: nothing more is told."""


class ObjectWatch(Hold):
    """Watches who may do what to one object, for the service that made it."""

    __slots__ = ("_moved", "object_id")

    def __init__(self, session: "Session", object_id: str, moved: Callable[[str], None]) -> None:
        super().__init__(session.principal_cell, session.realm.gate.object_cell(object_id), session.outbox)
        self.object_id = object_id
        self._moved = moved

    def judge(self) -> bool:
        """The object's cell has moved."""
        self._moved(self.object_id)
        return True

    def find_object(self) -> str | None:
        """The same for ever."""
        return self.object_id

    def revoke(self, reason: str) -> None:
        """It failed, which is logged: nothing more is told."""
