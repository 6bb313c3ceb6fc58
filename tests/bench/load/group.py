"""One topic with its publisher and its subscribers, kept busy: a window of publications in flight, or a steady pace.

A publication is in flight until *every* subscriber has its event. As a router keeps the order, an event's number in
its connection tells when its publication was sent, which is all that latency needs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from bench.load.dialects.base import Dialect
from bench.load.receivers import receiver
from bench.load.tally import Tally

SAMPLED_SUBSCRIBERS = 32


class Group:
    """See the module. Without a window it sends only what `send` is called for."""

    def __init__(self, tally: Tally, subscribers: int, window: int = 0) -> None:
        self._tally = tally
        self._sent_at_s: list[float] = []
        self._subscribers = subscribers
        self._window = window
        self._standing: Counter[int] = Counter({0: subscribers})
        """How many subscribers have received exactly so many events."""
        self._slowest = 0

    async def connect(self, dialect: Dialect, topic: str) -> None:
        step = max(self._subscribers // SAMPLED_SUBSCRIBERS, 1)
        for number in range(self._subscribers):
            listener = Sampled(self) if number % step == 0 else self
            await dialect.subscribe(topic, receiver(listener, dialect.marker))
        self._publish = await dialect.publisher(topic, self.closed)

    async def connect_link(self, dialect: Dialect, topic: str, to: str) -> Callable[[], None]:
        """One subscriber, whose connection publishes to another group's topic: what comes back does, for that one."""
        return await dialect.link(topic, receiver(Sampled(self), dialect.marker), to)

    def publish_by(self, publish: Callable[[], None]) -> None:
        """What publishes to this group's topic."""
        self._publish = publish

    def start(self) -> None:
        """Fills the window."""
        for _ in range(self._window):
            self.send()

    def send(self, at_s: float | None = None) -> None:
        """Publish once. Its latency counts from when it was due, if it was due before now."""
        self._sent_at_s.append(time.perf_counter() if at_s is None else at_s)
        self._tally.expected += self._subscribers
        self._publish()

    def received(self, before: int, after: int) -> None:
        """A subscriber that had received `before` events has now received `after`."""
        self._tally.received += after - before
        standing = self._standing
        standing[after] += 1
        standing[before] -= 1
        if not standing[before]:
            del standing[before]
            if before == self._slowest:
                self._slowest_advanced(before)

    def sample(self, before: int, after: int) -> None:
        """Note the latency of these events, which have just come."""
        now_s = time.perf_counter()
        self._tally.latencies_s += [now_s - at_s for at_s in self._sent_at_s[before:after]]

    def closed(self) -> None:
        self._tally.closed += 1

    def _slowest_advanced(self, before: int) -> None:
        self._slowest = before + 1
        while self._slowest not in self._standing:
            self._slowest += 1
        if self._window and self._tally.is_sending:
            for _ in range(self._slowest - before):
                self.send()

    _publish: Callable[[], None]


class Sampled:
    """Listens for a group to one subscriber whose latency counts."""

    def __init__(self, group: Group) -> None:
        self._group = group

    def received(self, before: int, after: int) -> None:
        self._group.sample(before, after)
        self._group.received(before, after)

    def closed(self) -> None:
        self._group.closed()
