"""A caller that keeps some calls in flight: each answer makes the next call."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.load.dialects.base import Dialect
from bench.load.tally import Tally


class Caller:
    """See the module."""

    def __init__(self, tally: Tally, in_flight: int) -> None:
        self._tally = tally
        self._in_flight = in_flight
        self._sent_at_s: list[float] = []

    async def connect(self, dialect: Dialect, procedure: str) -> None:
        self._call = await dialect.caller(procedure, self._replied, self._closed)

    def start(self) -> None:
        for _ in range(self._in_flight):
            self._send()

    def _send(self) -> None:
        self._sent_at_s.append(time.perf_counter())
        self._tally.expected += 1
        self._call()

    def _replied(self, number: int, is_result: bool) -> None:
        if is_result:
            self._tally.received += 1
            self._tally.latencies_s.append(time.perf_counter() - self._sent_at_s[number])
        else:
            self._tally.refused += 1
        if self._tally.is_sending:
            self._send()

    def _closed(self) -> None:
        self._tally.closed += 1

    _call: Callable[[], None]
