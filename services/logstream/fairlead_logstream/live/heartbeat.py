"""A heartbeat: a function that is called again and again, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Heartbeat:
    """Calls `beat` every `period_s`, first after one period."""

    __slots__ = ("_beat", "_handle", "_loop", "_period_s")

    def __init__(self, period_s: float, beat: Callable[[], None]) -> None:
        self._period_s = period_s
        self._beat = beat
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_later(period_s, self._run)

    def stop(self) -> None:
        """Never again."""
        self._handle.cancel()

    def _run(self) -> None:
        self._handle = self._loop.call_later(self._period_s, self._run)
        self._beat()
