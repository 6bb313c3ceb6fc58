"""One topic with its publisher and its subscribers, kept busy: a window of publications in flight.

A publication is in flight until *every* subscriber has its event. Subscribers count: each event holds the marker
byte once, wherever a read of the socket ends, so counting it in what was read counts events at a third of a
nanosecond a byte, without parsing. As a router keeps the order, an event's number in its connection tells when its
publication was sent, which is all that latency needs.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from bench.load.dialects.base import Dialect
from bench.load.tally import Tally

READ_BYTES = 256 * 1024
SAMPLED_SUBSCRIBERS = 32


class Group:
    """See the module."""

    def __init__(self, tally: Tally, subscribers: int, window: int) -> None:
        self.tally = tally
        self.sent_at_s: list[float] = []
        self._subscribers = subscribers
        self._window = window
        self._standing: Counter[int] = Counter({0: subscribers})
        """How many subscribers have received exactly so many events."""
        self._slowest = 0

    async def connect(self, dialect: Dialect, topic: str) -> None:
        step = max(self._subscribers // SAMPLED_SUBSCRIBERS, 1)
        for number in range(self._subscribers):
            kind = SampledReceiver if number % step == 0 else Receiver
            await dialect.subscribe(topic, kind(self, dialect.marker))
        self._publish = await dialect.publisher(topic, self.closed)

    def start(self) -> None:
        """Fills the window."""
        for _ in range(self._window):
            self._send()

    def advanced(self, before: int, after: int) -> None:
        """A subscriber that had received `before` events has now received `after`."""
        standing = self._standing
        standing[after] += 1
        standing[before] -= 1
        if not standing[before]:
            del standing[before]
            if before == self._slowest:
                self._slowest_advanced(before)

    def closed(self) -> None:
        self.tally.closed += 1

    def _slowest_advanced(self, before: int) -> None:
        self._slowest = before + 1
        while self._slowest not in self._standing:
            self._slowest += 1
        if self.tally.is_sending:
            for _ in range(self._slowest - before):
                self._send()

    def _send(self) -> None:
        self.sent_at_s.append(time.perf_counter())
        self.tally.expected += self._subscribers
        self._publish()

    _publish: Callable[[], None]


class Receiver(asyncio.BufferedProtocol):
    """A subscriber's connection: counts events in what arrives."""

    # One for all: what was read is counted before the loop reads again.
    _buffer = bytearray(READ_BYTES)
    _view = memoryview(_buffer)

    def __init__(self, group: Group, marker: int) -> None:
        self._group = group
        self._marker = marker
        self._received = 0

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        events = self._buffer.count(self._marker, 0, nbytes)
        if events:
            before = self._received
            self._received = before + events
            self._group.tally.received += events
            self._group.advanced(before, before + events)

    def eof_received(self) -> None:
        """Nothing to do: the transport closes, and connection_lost tells."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._group.closed()


class SampledReceiver(Receiver):
    """One that also notes the latency of each event."""

    def buffer_updated(self, nbytes: int) -> None:
        before, now_s = self._received, time.perf_counter()
        super().buffer_updated(nbytes)
        sent_at_s = self._group.sent_at_s[before : self._received]
        self._group.tally.latencies_s += [now_s - at_s for at_s in sent_at_s]
