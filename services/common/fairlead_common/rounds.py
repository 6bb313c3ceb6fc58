"""Rounds: something that is done again and again, each time a while after the last one has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from fairlead_common.tasks import Tasks
from fairlead_store import StoreError

ROUND_S = 5.0
"""Between two rounds: how long what is too much, or old, may stay."""

_log = logging.getLogger(__name__)


class Rounds:
    """One kind of work. A store that fails is told with `failing`, and it is tried again in the next round."""

    def __init__(self, work: Callable[[], Awaitable[None]], failing: str) -> None:
        self._work = work
        self._failing = failing
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False

    def start(self, tasks: Tasks) -> None:
        """Do a round after a while, and so on."""
        if self._is_stopped:
            return
        self._timer = asyncio.get_running_loop().call_later(ROUND_S, lambda: tasks.spawn(self._go_round(tasks)))

    def stop(self) -> None:
        """Begin no other round; one that runs ends with its task."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()

    async def _go_round(self, tasks: Tasks) -> None:
        try:
            await self._work()
        except StoreError as error:
            _log.warning("%s: %s", self._failing, error)
        finally:
            self.start(tasks)
