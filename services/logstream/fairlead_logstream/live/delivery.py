"""Delivering what is durable to a stream's live readers: at once to a few, in groups to many.

A write to a connection costs the kernel 8 us however little it holds. So the more readers a
delivery went to, the longer the next one waits, and what becomes durable meanwhile goes along
with it: in the same turn of the loop, and so in the same write to each connection. No producer
waits for that: an append is acknowledged as soon as it is durable.

Whoever joins the live readers, or is told the head, calls `flush` first: nothing may come twice,
and no head may overtake the records before it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from fairlead_logstream.counters import LogCounters
from fairlead_logstream.live import notices
from fairlead_logstream.model.batch import Batch, in_groups, merged
from fairlead_logstream.model.records import BATCH_LIMIT_BYTES
from fairlead_logstream.model.stream import Stream
from fairlead_router import Payload

PAUSE_PER_READER_S = 40e-6
"""Between two deliveries, for each reader that the first one went to: five times what it cost, so that the viewers of
one log take a fifth of a core at most."""

PAUSE_LIMIT_S = 0.05
"""What anybody notices is more."""

SHORTEST_PAUSE_S = 0.001
"""A shorter one is not worth a timer."""


class Audience(Protocol):
    """The live members of the streams' topics."""

    def batch(self, stream: Stream, batch: Batch) -> int:
        """Records that have just become durable. Returns for how many members they were queued."""
        ...

    def hears(self, stream: Stream) -> bool:
        """Whether anybody is there."""
        ...

    def notice(self, stream: Stream, payload: Payload) -> None:
        """One of notices.py, at the stream's head."""
        ...

    def rebind(self, stream: Stream) -> None:
        """There is a stream of this name now: whoever has waited on its topic is judged by its object."""
        ...


class LiveFollower(Protocol):
    """A follower that has caught up. Each method may make it leave the live group."""

    def deliver(self, batch: Batch) -> None:
        """The next batch."""
        ...

    def fall_behind(self) -> None:
        """Records were not delivered, the head is beyond them: read on."""
        ...

    def seal(self) -> None:
        """The stream has ended."""
        ...

    def vanish(self) -> None:
        """The stream was deleted."""
        ...


class Delivery:
    """To the live readers of one stream: the topic's members, and followers."""

    def __init__(self, stream: Stream, audience: Audience, counters: LogCounters) -> None:
        self._stream = stream
        self._audience = audience
        self._counters = counters
        self._followers: dict[LiveFollower, None] = {}
        self._undelivered: list[Batch] = []
        self._pause: asyncio.TimerHandle | None = None

    @property
    def follower_count(self) -> int:
        """How many there are, not counting the topic's members."""
        return len(self._followers)

    def add(self, batches: list[Batch]) -> None:
        """These have become durable, behind all before: now, or with the next group."""
        self._undelivered += batches
        if self._pause is None and batches:
            self.flush()

    def seal(self) -> None:
        """The stream has ended."""
        self.flush()
        sealed = self._stream.sealed
        assert sealed is not None
        self._audience.notice(self._stream, notices.sealed(sealed))
        for follower in list(self._followers):
            follower.seal()

    def skip(self, lagged: Payload) -> None:
        """The head has moved without a delivery."""
        self._audience.notice(self._stream, lagged)
        for follower in list(self._followers):
            follower.fall_behind()

    def vanish(self) -> None:
        """The stream was deleted."""
        self._undelivered.clear()
        self._audience.notice(self._stream, notices.deleted(self._stream))
        for follower in list(self._followers):
            follower.vanish()

    def flush(self) -> None:
        """Deliver what waits, now."""
        if not self._undelivered:
            return
        batches, self._undelivered = self._undelivered, []
        reached = len(self._followers)
        for batch in batches:
            members = self._audience.batch(self._stream, batch)
            self._counters.records_delivered += members * batch.count
            reached = max(reached, members + len(self._followers))
        if self._followers:
            for group in in_groups(batches, BATCH_LIMIT_BYTES):
                self._deliver(merged(group))
        self._wait(reached)

    def join(self, follower: LiveFollower) -> None:
        """Deliver to this follower from now on."""
        self.flush()
        self._followers[follower] = None

    def leave(self, follower: LiveFollower) -> None:
        """Deliver nothing more; harmless for one that is not live."""
        self._followers.pop(follower, None)

    def _deliver(self, batch: Batch) -> None:
        for follower in list(self._followers):
            follower.deliver(batch)
        self._counters.records_delivered += len(self._followers) * batch.count  # who had no room has left

    def _wait(self, readers: int) -> None:
        pause_s = min(readers * PAUSE_PER_READER_S, PAUSE_LIMIT_S)
        if self._pause is None and pause_s >= SHORTEST_PAUSE_S:
            self._pause = asyncio.get_running_loop().call_later(pause_s, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self.flush()
