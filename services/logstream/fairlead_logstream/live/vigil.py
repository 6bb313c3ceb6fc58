"""Whether the producer of a stream is heard as often as it said: else the stream is stale until it is heard again.

Being heard costs an assignment: the timer finds out by itself that it was early, and waits for the rest.
The clock is the loop's, which nobody sets, and begins anew with the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Vigil:
    """Over one stream, while it is open and a heartbeat was announced."""

    __slots__ = ("_clock_us", "_heard_s", "_heartbeat_s", "_on_change", "_timer", "since_us")

    def __init__(self, clock_us: Callable[[], int], on_change: Callable[[], None]) -> None:
        self._clock_us = clock_us
        self._on_change = on_change
        self._heartbeat_s: float | None = None
        self._heard_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.since_us: int | None = None
        """Since when the stream is stale; None while it is not."""

    def expect(self, heartbeat_s: float | None) -> None:
        """From now on the producer is heard so often; None: nothing is expected any more."""
        if heartbeat_s == self._heartbeat_s:
            return
        self.end()
        self._heartbeat_s = heartbeat_s
        if heartbeat_s is not None:
            self._heard_s = asyncio.get_running_loop().time()
            self._wait(heartbeat_s)

    def heard(self) -> None:
        """The producer has asked for something."""
        if self._heartbeat_s is None:
            return
        self._heard_s = asyncio.get_running_loop().time()
        if self.since_us is not None:
            self.since_us = None
            self._wait(self._heartbeat_s)
            self._on_change()

    def end(self) -> None:
        """Nothing is expected any more."""
        self._heartbeat_s = self.since_us = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, time_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(time_s, self._look)

    def _look(self) -> None:
        assert self._heartbeat_s is not None, "the timer ends with what is expected"
        left_s = self._heard_s + self._heartbeat_s - asyncio.get_running_loop().time()
        if left_s > 0:
            self._wait(left_s)
        else:
            self._timer = None
            self.since_us = self._clock_us()
            self._on_change()
