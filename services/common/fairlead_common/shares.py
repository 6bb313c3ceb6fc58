"""What each session has waiting, in bytes: no one of them fills what all of them share."""

from __future__ import annotations

from fairlead_common.counting import count
from fairlead_common.errors import Busy


class Shares:
    """Each session may have `limit_bytes` waiting. Refusals are counted in `refused`."""

    def __init__(self, limit_bytes: int, refused: dict[str, int]) -> None:
        self._limit_bytes = limit_bytes
        self._refused = refused
        self._taken: dict[int, int] = {}

    def take(self, session_id: int, size: int) -> None:
        """So many bytes more wait. Raises Busy, and then they do not."""
        waiting = self._taken.get(session_id, 0)
        if waiting + size > self._limit_bytes:
            count(self._refused, Busy.uri)
            text = f"{waiting} bytes of this session wait to be stored already: wait for acknowledgements"
            raise Busy(text, limit_bytes=self._limit_bytes)
        self._taken[session_id] = waiting + size

    def give_back(self, session_id: int, size: int) -> None:
        """So many bytes less."""
        left = self._taken.get(session_id, 0) - size
        if left > 0:
            self._taken[session_id] = left
        else:
            self._taken.pop(session_id, None)
