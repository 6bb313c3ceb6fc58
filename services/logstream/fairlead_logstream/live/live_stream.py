"""A stream with everything live on it: its appender, its recent batches, who follows and who waits.

`moved` is the heart of it, one turn of the event loop after a durable commit: the
batches become recent, the live readers get them (`delivery`), then the waiting reads
are woken; the appender acknowledges after that. A follower joins in a turn in which its
cursor is at the head, so nothing lies between what it has read and what it is delivered,
and nothing comes twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from fairlead_logstream.live.appender import Appender
from fairlead_logstream.live.delivery import Audience, Delivery, LiveFollower
from fairlead_logstream.live.recent import Recent, Window
from fairlead_logstream.model.rows import Change, StreamRow
from fairlead_logstream.model.stream import Stream
from fairlead_logstream.store.stream_store import StreamStore


class Surroundings:
    """What all streams of a service share."""

    def __init__(self, store: StreamStore, recent: Recent, audience: Audience, clock_us: Callable[[], int]) -> None:
        self.store = store
        self.recent = recent
        self.audience = audience
        self.clock_us = clock_us
        self.followed: dict[LiveStream, None] = {}
        """The streams that have live followers."""


class LiveStream:
    """One stream of the directory. Most are idle: what they don't use is not made."""

    __slots__ = ("_appender", "_delivery", "_surroundings", "_waiting", "_was_ended", "stream", "window")

    def __init__(self, row: StreamRow, surroundings: Surroundings) -> None:
        self.stream = Stream(row)
        self.window = Window()
        self._surroundings = surroundings
        self._appender: Appender | None = None
        self._delivery: Delivery | None = None
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._was_ended = self.is_ended

    @property
    def appender(self) -> Appender:
        """Through which everything that changes the stream goes."""
        if self._appender is None:
            shared = self._surroundings
            self._appender = Appender(self.stream, shared.store, self, shared.clock_us)
        return self._appender

    @property
    def is_ended(self) -> bool:
        """Whether nothing will come any more."""
        return self.stream.sealed is not None

    @property
    def delivery(self) -> Delivery:
        """Through which the live readers get everything."""
        if self._delivery is None:
            self._delivery = Delivery(self.stream, self._surroundings.audience)
        return self._delivery

    def moved(self, change: Change) -> None:
        """A change is durable: deliver it."""
        for batch in change.batches:
            self._surroundings.recent.add(self.window, batch)
        self.delivery.add(change.batches)
        if self.is_ended and not self._was_ended:
            self.delivery.seal()
        self._was_ended = self.is_ended
        self._wake()

    def join(self, follower: LiveFollower) -> None:
        """Deliver to this follower from now on. Its cursor is at the head, in this turn."""
        self.delivery.join(follower)
        self._surroundings.followed[self] = None

    def leave(self, follower: LiveFollower) -> None:
        """Deliver nothing more; harmless for one that is not live."""
        if self._delivery is not None:
            self._delivery.leave(follower)
            if not self._delivery.has_followers:
                self._surroundings.followed.pop(self, None)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[asyncio.Future[None]]:
        """A future that resolves when the stream moves next."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = None
        try:
            yield future
        finally:
            self._waiting.pop(future, None)

    async def close(self) -> None:
        """Take no more requests, wait for the write in flight; reads that wait are answered."""
        if self._appender is not None:
            await self._appender.close()
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting:
            if not future.done():
                future.set_result(None)
