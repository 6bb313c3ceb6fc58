"""A follower: a cursor that reads until it has caught up, and then is delivered to.

The cursor hand-off, as etcd's watchers do it. A new, a resuming and a slow reader are
the same thing: a cursor behind the head. It reads batches, from memory or the store, and sends
them while there is room. When the cursor is at the head, in that turn of the loop, it
joins the live group. When a send finds no room it leaves the group, waits for room and
reads on from what was not sent. So there is nothing to merge, and a slow reader keeps
a number and at most SEND_BYTES.

What it sends to is a sink: the call of `follow`, or one session's part in a topic.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from enum import Enum, auto
from typing import Protocol

from fairlead_common.errors import StoreFailed
from fairlead_logstream.live import notices
from fairlead_logstream.live.heartbeat import Heartbeat
from fairlead_logstream.live.history import KEPT_LIMIT_BYTES, History, Place
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.batch import Batch, merged
from fairlead_logstream.model.rows import Sealed
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_router import Payload, RequestError
from fairlead_store import StoreError

SEND_BYTES = 64 << 10
"""Small batches go together up to this: what a revocation cannot recall is one write of as much (G3)."""

FETCH_BYTES = 256 << 10
"""Records of one read of the store, which costs some hundred microseconds whatever it brings: as much as the
router queues for one session, so that one read fills it."""

TURN_BYTES = FETCH_BYTES
"""What one follower takes from memory before others have their turn: a filter may leave out all of it, and a sink may
have room for ever."""

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Where a follower sends. `False`: there is no room, it was not sent; `Follower.resume` is called when there is."""

    merges: bool
    """Whether small batches may go together; on a topic each keeps its publication id."""

    is_idle: bool
    """Whether nothing was sent since the follower has set it."""

    def send_batch(self, batch: Batch) -> bool:
        """Send records."""
        ...

    def send_notice(self, payload: Payload, position: int) -> bool:
        """Send one of notices.py."""
        ...

    def go_live(self, follower: Follower) -> None:
        """The follower has caught up."""
        ...

    def end(self, sealed: Sealed) -> bool:
        """The follower has sent everything of a sealed stream."""
        ...

    def vanish(self, follower: Follower) -> None:
        """The stream was deleted, and the follower has said what is lost by that."""
        ...

    def fail(self, follower: Follower, error: RequestError) -> None:
        """The store cannot be read: end the follower, or resume it later."""
        ...


class _State(Enum):
    READING = auto()
    FETCHING = auto()
    WAITING = auto()
    LIVE = auto()
    ENDED = auto()


class Follower:
    """One reader of one stream. Methods are called in the event loop only."""

    __slots__ = (
        "_cursor",
        "_first_notice",
        "_heartbeat",
        "_history",
        "_kept_bytes",
        "_live",
        "_sink",
        "_state",
        "_task",
        "_turn_bytes",
        "_unsent",
    )

    def __init__(
        self, live: LiveStream, history: History, sink: Sink, place: Place, heartbeat_s: float | None = None
    ) -> None:
        """With `heartbeat_s` something is sent at least so often once it has caught up."""
        history.counters.followers_opened += 1
        self._live = live
        self._history = history
        self._sink = sink
        self._cursor = place.position
        self._first_notice = notices.reset(live.stream) if place.is_reset else None
        self._state = _State.WAITING
        self._unsent: deque[Batch] = deque()
        self._kept_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._turn_bytes = 0
        self._heartbeat = None if heartbeat_s is None else Heartbeat(heartbeat_s / 2, self.beat)

    @property
    def cursor(self) -> int:
        """The number of the next record to send."""
        return self._cursor

    @property
    def is_live(self) -> bool:
        """Whether it has caught up."""
        return self._state is _State.LIVE

    def resume(self) -> None:
        """Begin, or go on: there is room."""
        if self._state is _State.WAITING:
            self._keep(0)
            self._state = _State.READING
            self._read_on()

    def end(self) -> None:
        """Send nothing more."""
        if self._state is not _State.ENDED:
            self._history.counters.followers_ended += 1
        self._state = _State.ENDED
        self._unsent.clear()
        self._keep(0)
        self._live.leave(self)
        if self._task is not None:
            self._task.cancel()
        if self._heartbeat is not None:
            self._heartbeat.stop()

    def beat(self) -> None:
        """Half a heartbeat has passed: who was told nothing in two of them is told the head."""
        if self._state is not _State.LIVE:
            return
        self._live.delivery.flush()
        if not self._sink.is_idle:
            self._sink.is_idle = True
        elif not self._sink.send_notice(notices.head(self._live.stream), self._cursor):
            self._fall_back()

    # ---- called by the live stream, while this follower is live

    def deliver(self, batch: Batch) -> None:
        """The next batch; without room for it the follower goes back to reading."""
        if batch.first != self._cursor:  # a delivery before has failed, by a mistake of ours
            self.fall_behind()
        elif self._sink.send_batch(batch):
            self._cursor = batch.next
        else:
            self._fall_back()

    def fall_behind(self) -> None:
        """The next records are not delivered: read on."""
        self._fall_back()
        self.resume()

    def seal(self) -> None:
        """The stream has ended, and everything of it is sent."""
        self._finish()

    def vanish(self) -> None:
        """The stream was deleted."""
        self._sink.vanish(self)

    def _fall_back(self) -> None:
        if self._state is _State.LIVE:  # the sink may have ended it
            self._live.leave(self)
            self._state = _State.WAITING

    # ---- reading

    def _read_on(self) -> None:
        """Send until there is no room, nothing in memory, nothing more, or enough for one turn."""
        self._turn_bytes = 0
        while self._state is _State.READING:
            stream = self._live.stream
            if self._first_notice is not None:
                self._send_first()
            elif self._unsent:
                self._send_unsent()
            elif self._turn_bytes >= TURN_BYTES:
                self._let_others()
            elif self._cursor < stream.oldest:
                self._skip_to(stream.oldest)
            elif self._cursor == stream.head:
                self._arrive()
            else:
                found = self._history.cached(self._live, self._cursor, SEND_BYTES)
                if found is None:
                    self._fetch()
                else:
                    self._unsent.extend(found)

    def _send_first(self) -> None:
        assert self._first_notice is not None
        if self._sink.send_notice(self._first_notice, self._cursor):
            self._first_notice = None
        else:
            self._wait()

    def _send_unsent(self) -> None:
        while self._unsent:
            batch = merged(self._together()) if self._sink.merges else self._unsent.popleft()
            if not self._sink.send_batch(batch):
                self._unsent.appendleft(batch)
                self._wait()
                return
            self._cursor = batch.next
            self._turn_bytes += batch.size
            self._history.counters.records_delivered += batch.count

    def _together(self) -> list[Batch]:
        """Take the next batches up to SEND_BYTES, at least one."""
        group = [self._unsent.popleft()]
        size = group[0].size
        while self._unsent and size + self._unsent[0].size <= SEND_BYTES:
            batch = self._unsent.popleft()
            size += batch.size
            group.append(batch)
        return group

    def _skip_to(self, position: int, *, is_damaged: bool = False) -> None:
        """What was there is gone: say so."""
        notice = notices.lagged(self._cursor, position, is_damaged=is_damaged)
        if self._sink.send_notice(notice, self._cursor):
            self._cursor = position
        else:
            self._wait()

    def _arrive(self) -> None:
        if self._live.is_gone:
            self._sink.vanish(self)
        elif self._live.stream.sealed is not None:
            self._finish()
        else:
            self._live.delivery.flush()
            self._state = _State.LIVE
            self._sink.is_idle = False
            self._sink.go_live(self)

    def _finish(self) -> None:
        sealed = self._live.stream.sealed
        assert sealed is not None
        if self._sink.end(sealed):
            self.end()
        else:
            self._live.leave(self)
            self._wait()

    def _wait(self) -> None:
        """No room. Who waits may wait long: what it keeps meanwhile is little, the rest is read again."""
        if self._state is not _State.ENDED:
            self._state = _State.WAITING
            size = sum(batch.size for batch in self._unsent)
            while len(self._unsent) > 1 and size > SEND_BYTES:
                size -= self._unsent.pop().size
            if self._history.kept_bytes + size > KEPT_LIMIT_BYTES:
                self._unsent.clear()
                size = 0
            self._keep(size)

    def _keep(self, size: int) -> None:
        self._history.kept_bytes += size - self._kept_bytes
        self._kept_bytes = size

    def _let_others(self) -> None:
        self._state = _State.FETCHING
        self._task = self._history.tasks.spawn(self._go_on_in_turn())

    async def _go_on_in_turn(self) -> None:
        await self._history.turn()
        self._fetched()
        self._read_on()

    # ---- the store

    def _fetch(self) -> None:
        self._state = _State.FETCHING
        self._task = self._history.tasks.spawn(self._read_store())

    async def _read_store(self) -> None:
        try:
            batches = await self._history.stored(self._live, self._cursor, FETCH_BYTES)
        except CorruptBatch as damage:
            self._fetched()
            self._skip_to(damage.next, is_damaged=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody waits for ever
            if not isinstance(error, StoreError):
                _log.error("stream %r cannot be read", self._live.stream.name, exc_info=error)
            self._task, self._state = None, _State.WAITING
            self._sink.fail(self, StoreFailed(str(error)))
        else:
            self._fetched()
            self._unsent.extend(batches)
        self._read_on()

    def _fetched(self) -> None:
        self._task, self._state = None, _State.READING
