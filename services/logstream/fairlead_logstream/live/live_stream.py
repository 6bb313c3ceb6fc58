"""A stream with everything live on it: its appender, its recent batches, who follows and who waits.

`moved` is the heart of it, one turn of the event loop after a durable commit: the
batches become recent, the topic's live members get them, then the followers, then the
waiting reads are woken; the appender acknowledges after that. A follower joins in a
turn in which its cursor is at the head, so nothing lies between what it has read and
what it is delivered, and nothing comes twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol

from fairlead_logstream.live import notices
from fairlead_logstream.live.appender import Appender
from fairlead_logstream.live.recent import Recent, Window
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Change, StreamRow
from fairlead_logstream.model.stream import Stream
from fairlead_logstream.store.stream_store import StreamStore
from fairlead_router import Payload


class Audience(Protocol):
    """The live members of the streams' topics."""

    def batch(self, stream: Stream, batch: Batch) -> int:
        """Records that have just become durable. Returns for how many members they were queued."""
        ...

    def notice(self, stream: Stream, payload: Payload) -> None:
        """One of notices.py, at the stream's head."""
        ...


class LiveFollower(Protocol):
    """A follower that has caught up. Each method may make it leave the live group."""

    def deliver(self, batch: Batch) -> None:
        """The next batch."""
        ...

    def seal(self) -> None:
        """The stream has ended."""
        ...


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

    __slots__ = ("_appender", "_followers", "_surroundings", "_waiting", "stream", "window")

    def __init__(self, row: StreamRow, surroundings: Surroundings) -> None:
        self.stream = Stream(row)
        self.window = Window()
        self._surroundings = surroundings
        self._appender: Appender | None = None
        self._followers: dict[LiveFollower, None] = {}
        self._waiting: dict[asyncio.Future[None], None] = {}

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

    def moved(self, change: Change) -> int:
        """A change is durable: deliver it, in this turn. Returns to how many each batch went."""
        shared, stream, reached = self._surroundings, self.stream, 0
        for batch in change.batches:
            shared.recent.add(self.window, batch)
        for batch in change.batches:
            reached = shared.audience.batch(stream, batch) + len(self._followers)
            for follower in list(self._followers):
                follower.deliver(batch)
        if change.state is not None and stream.sealed is not None:
            shared.audience.notice(stream, notices.sealed(stream.sealed))
            for follower in list(self._followers):
                follower.seal()
        self._wake()
        return reached

    def join(self, follower: LiveFollower) -> None:
        """Deliver to this follower from now on. Its cursor is at the head, in this turn."""
        self._followers[follower] = None
        self._surroundings.followed[self] = None

    def leave(self, follower: LiveFollower) -> None:
        """Deliver nothing more; harmless for one that is not live."""
        self._followers.pop(follower, None)
        if not self._followers:
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
