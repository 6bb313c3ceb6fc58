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
from typing import Literal

from fairlead_common.errors import StoreFailed
from fairlead_logstream.counters import LogCounters
from fairlead_logstream.live import notices
from fairlead_logstream.live.appender import Appender
from fairlead_logstream.live.catching_up import catch_up
from fairlead_logstream.live.delivery import Audience, Delivery, LiveFollower
from fairlead_logstream.live.recent import Recent, Window
from fairlead_logstream.live.telling import Telling
from fairlead_logstream.live.vigil import Vigil
from fairlead_logstream.model.budget import NO_BUDGETS, Budgets
from fairlead_logstream.model.rows import Change, Dropped, State, StreamRow
from fairlead_logstream.model.stream import Stream
from fairlead_logstream.store.stream_store import StreamStore
from fairlead_store import StoreError

EntryChange = Literal["created", "changed", "sealed", "stale", "live", "deleted"]
"""What becomes of a stream's entry in the directory."""


class Surroundings:
    """What all streams of a service share."""

    def __init__(
        self,
        store: StreamStore,
        recent: Recent,
        audience: Audience,
        clock_us: Callable[[], int],
        budgets: Budgets = NO_BUDGETS,
    ) -> None:
        self.store = store
        self.recent = recent
        self.audience = audience
        self.clock_us = clock_us
        self.budgets = budgets
        self.counters = LogCounters()
        self.announce: Callable[[LiveStream, EntryChange], None] = lambda _live, _change: None
        """Tells who watches the directory."""
        self.followed: dict[LiveStream, None] = {}
        """The streams that have live followers."""
        self.awaited: dict[LiveStream, None] = {}
        """The streams at whose head a read waits."""


class LiveStream:
    """One stream of the directory. Most are idle: what they don't use is not made."""

    __slots__ = (
        "_appender",
        "_delivery",
        "_seen",
        "_surroundings",
        "_telling",
        "_vigil",
        "_waiting",
        "is_gone",
        "stream",
        "window",
    )

    def __init__(self, row: StreamRow, surroundings: Surroundings) -> None:
        self.stream = Stream(row)
        self.window = Window()
        self._surroundings = surroundings
        self._appender: Appender | None = None
        self._delivery: Delivery | None = None
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._vigil: Vigil | None = None
        self._telling: Telling | None = None
        self._seen = row.state
        self.is_gone = False
        """Whether it was deleted: there is nothing in it any more, and nothing will come."""
        self._watch()

    @property
    def appender(self) -> Appender:
        """Through which everything that changes the stream goes."""
        if self._appender is None:
            shared = self._surroundings
            self._appender = Appender(self.stream, shared.store, self, shared.clock_us, shared.budgets, shared.counters)
        return self._appender

    @property
    def is_ended(self) -> bool:
        """Whether nothing will come any more."""
        return self.is_gone or self.stream.sealed is not None

    @property
    def delivery(self) -> Delivery:
        """Through which the live readers get everything."""
        if self._delivery is None:
            self._delivery = Delivery(self.stream, self._surroundings.audience, self._surroundings.counters)
        return self._delivery

    def moved(self, change: Change) -> None:
        """A change is durable: deliver it."""
        for batch in change.batches:
            self._surroundings.recent.add(self.window, batch)
        self.delivery.add(change.batches)
        if change.state is not None:
            self._state_changed()
        self._wake()

    def heard(self) -> None:
        """A producer has asked for something: it is there."""
        if self._vigil is not None:
            self._vigil.heard()

    @property
    def stale_since_us(self) -> int | None:
        """Since when its producer is not heard as often as it said; None while it is."""
        return None if self._vigil is None else self._vigil.since_us

    @property
    def is_watched(self) -> bool:
        """Whether anybody here wants its next records."""
        is_followed = self._delivery is not None and self._delivery.follower_count > 0
        return is_followed or bool(self._waiting) or self._surroundings.audience.hears(self.stream)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being written to it, and nothing waits."""
        return self._appender is None or self._appender.is_idle

    @property
    def waiting_bytes(self) -> int:
        """Of records that wait for the next write."""
        return 0 if self._appender is None else self._appender.waiting_bytes

    @property
    def waiting_count(self) -> int:
        """How many reads wait for the stream to move."""
        return len(self._waiting)

    async def catch_up(self) -> None:
        """Bring the stream to the state in which another server has left it; called by the appender."""
        await catch_up(self, self._surroundings.store)

    def jump(self, position: int, *, is_damaged: bool = False) -> None:
        """The head is at `position`, and what lies before it is not delivered: who follows reads it, or is told."""
        delivery = self.delivery if self.is_watched else None
        notice = notices.lagged(self.stream.head, position, is_damaged=is_damaged)
        if delivery is not None:
            delivery.flush()
        self.stream.head = position
        self.window = Window()
        if delivery is not None:
            delivery.skip(notice)

    def join(self, follower: LiveFollower) -> None:
        """Deliver to this follower from now on. Its cursor is at the head, in this turn."""
        self.delivery.join(follower)
        self._surroundings.followed[self] = None

    def leave(self, follower: LiveFollower) -> None:
        """Deliver nothing more; harmless for one that is not live."""
        if self._delivery is not None:
            self._delivery.leave(follower)
            if not self._delivery.follower_count:
                self._surroundings.followed.pop(self, None)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[asyncio.Future[None]]:
        """A future that resolves when the stream moves next."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = None
        self._surroundings.awaited[self] = None
        try:
            yield future
        finally:
            self._waiting.pop(future, None)
            if not self._waiting:
                self._surroundings.awaited.pop(self, None)

    async def close(self) -> None:
        """Take no more requests, wait for the write in flight; reads that wait are answered."""
        if self._appender is not None:
            await self._appender.close(StoreFailed("the log service is closing: send it again when it is back"))
        self._stop()
        self._wake()

    async def delete(self) -> None:
        """Take it out of the store, with everything in it. Raises StoreError: then it goes on as before.

        Who writes meanwhile is told to try again: only then is it known whether there still is a stream.
        """
        await self.appender.close(StoreFailed(f"stream '{self.stream.name}' is being deleted: try again"))
        self._stop()
        try:
            await self._surroundings.store.delete(self.stream.key)
        except StoreError:
            self._appender = self._telling = None
            self._watch()
            raise

    def vanish(self) -> None:
        """It was deleted: whoever reads it is told that all of it is gone, and that there is no such stream."""
        self._stop()
        self.is_gone = True
        self.stream.oldest = self.stream.head
        self.delivery.vanish()
        self._wake()

    def _stop(self) -> None:
        if self._telling is not None:
            self._telling.end()
        if self._vigil is not None:
            self._vigil.end()

    def _state_changed(self) -> None:
        """Tell the end, once, and who watches the directory whatever it shows."""
        shared, stream, before = self._surroundings, self.stream, self._seen
        self._seen = stream.state
        self._watch()
        if stream.sealed is not None and stream.sealed != before.sealed:
            self.delivery.seal()
            shared.announce(self, "sealed")
        elif _shown(stream.state) != _shown(before):
            shared.announce(self, "changed")

    def _watch(self) -> None:
        """What the state asks for: that the producer is heard, that what was dropped is told."""
        state = self.stream.state
        if state.heartbeat_s is not None and self._vigil is None:
            self._vigil = Vigil(self._surroundings.clock_us, self._staleness_changed)
        if self._vigil is not None:
            self._vigil.expect(None if state.sealed else state.heartbeat_s)
        if state.dropped != Dropped() and self._telling is None:
            self._telling = Telling(self.appender.submit)
        if self._telling is not None:
            self._telling.moved(state.dropped)

    def _staleness_changed(self) -> None:
        self._surroundings.announce(self, "live" if self.stale_since_us is None else "stale")

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting:
            if not future.done():
                future.set_result(None)


def _shown(state: State) -> tuple[object, ...]:
    """What of it is in the directory's entry and changes at somebody's word."""
    return state.attempt, state.sealed, state.metadata, state.retention
