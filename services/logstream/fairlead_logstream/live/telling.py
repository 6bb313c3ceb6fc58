"""What was dropped over a budget is told while the excess goes on, or its producer has fallen silent, too.

Whoever reads would otherwise take a log for complete that has a hole at its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fairlead_common.outcomes import Outcome, Result
from fairlead_logstream.live.appender import Request
from fairlead_logstream.model.draft import Draft
from fairlead_logstream.model.rows import Dropped
from fairlead_router import RequestError

TELL_AFTER_S = 1.0
"""How long what was dropped waits for a better place to be told at, which is before the next record or the end."""

TELL_LIMIT_S = 60.0
"""Twice as long each time that there was none, up to this: a producer that goes on beyond its size must not fill the
stream with markers."""

_NOTHING = Dropped()


class Telling:
    """Of one stream. `submit` takes a request to its appender."""

    __slots__ = ("_submit", "_timer", "_wait_s")

    def __init__(self, submit: Callable[[Request], None]) -> None:
        self._submit = submit
        self._timer: asyncio.TimerHandle | None = None
        self._wait_s = TELL_AFTER_S

    def moved(self, dropped: Dropped) -> None:
        """So much is dropped and not told now."""
        if dropped != _NOTHING:
            self._wait()
        elif self._timer is not None:  # it was told at a better place
            self.end()
            self._wait_s = TELL_AFTER_S

    def end(self) -> None:
        """The service closes, or the stream is gone; what is counted stays in the store."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._wait_s, self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._wait_s = min(2 * self._wait_s, TELL_LIMIT_S)
        try:
            self._submit(Request(_tell_dropped, self._told))
        except RequestError as error:
            self._told(error)

    def _told(self, outcome: Outcome) -> None:
        """A store that fails is asked again."""
        if isinstance(outcome, RequestError):
            self._wait()


def _tell_dropped(draft: Draft) -> Result:
    draft.tell_dropped()
    return {}
