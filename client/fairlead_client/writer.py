"""The LogWriter: output goes in at once, and to the log service whenever that can be reached.

`write` puts records into a spool on disk and returns; a loop of its own sends them (`appending`), over as many sessions
as it takes, on the framework that the sessions are of. What syncs a disk, which may take its time, is done in a thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Unpack

from fairlead_client.appending import Appender
from fairlead_client.errors import CallFailed, Refused
from fairlead_client.records import Text, WireRecord, now_us, records_of
from fairlead_client.runtime import Answer, Sessions, Task
from fairlead_client.spool import Spool
from fairlead_client.spooling import About, new_spool

# What a power loss may take of the output that was not sent yet.
SYNC_S = 1.0
# `has_room` is false below this, or a quarter of a small spool: what a reader of pipes may hand over at once.
ROOM_BYTES = 512 * 1024
LINGER_S = 60.0

log = logging.getLogger(__name__)


class Unsent(NamedTuple):
    """What `close` leaves behind: so many records (none: only the seal is missing), in this spool, and why."""

    records: int
    spool: Path
    reason: str


class LogWriter:
    """Writes one stream: a new one, of which the keywords of `About` tell more, or what is left in a spool.

    Begins to send at once; call `await close()` in the end, it says what could not be sent. `on_room` is called when
    there is room again after `has_room` was false. Not thread-safe: all calls from the thread of the framework.
    """

    def __init__(
        self,
        sessions: Sessions,
        stream: str | Spool,
        on_room: Callable[[], None] | None = None,
        **about: Unpack[About],
    ) -> None:
        runtime = sessions.runtime
        self.spool = stream if isinstance(stream, Spool) else new_spool(stream, **about)
        self._runtime = runtime
        self._sessions = sessions
        self._appender = Appender(self.spool)
        self._on_room = on_room
        self._had_room = True
        self._news = runtime.wakeup()
        self._written = runtime.wakeup()
        self._watchers: list[Callable[[], None]] = []
        self._was_open = False
        self._is_saving = False
        self._is_closed = False
        self._tasks: list[Task] = [runtime.spawn(self._send()), runtime.spawn(self._keep_synced())]

    # ------------------------------------------------------------ what callers see

    @property
    def stream(self) -> str:
        """The stream's id."""
        return self.spool.meta.stream

    @property
    def unsent(self) -> int:
        """How many records the service has not acknowledged."""
        return self._appender.unsent

    @property
    def dropped(self) -> int:
        """How many records were dropped, for want of room or by a full disk; markers in the stream say where."""
        return self.spool.dropped

    @property
    def failure(self) -> CallFailed | None:
        """The refusal that ended the sending for good; what is written from then on stays in the spool."""
        return self._appender.failure

    @property
    def was_open(self) -> bool:
        """The service has accepted us at least once: the stream is there."""
        return self._was_open

    @property
    def has_room(self) -> bool:
        """Something may be written without being dropped; after False, `on_room` says when.

        Also when the service has refused us for good: waiting would never end, and dropping is what is left.
        """
        wanted_bytes = min(ROOM_BYTES, self.spool.limit_bytes // 4)
        self._had_room = self.spool.room_bytes >= wanted_bytes or self._appender.failure is not None
        return self._had_room

    def write(self, source: str, text: Text, time_us: int | None = None, flags: int = 0) -> bool:
        """Writes one line, or several. Never waits for the service nor for a sync; see `spool` for what bounds it.

        False: there was no room, and a marker in the stream will say how many lines are missing. Raises SpoolError
        behind the seal and when the writer is closed.
        """
        return self.write_records(records_of(source, text, now_us() if time_us is None else time_us, flags))

    def write_records(self, records: Sequence[WireRecord]) -> bool:
        """Writes records that are already in the form of the wire."""
        is_stored = self.spool.append(records)
        self.written()
        return is_stored

    def written(self) -> None:
        """There is more in the spool: for who writes there by other ways than `write`."""
        self._news.set()
        self._written.set()

    def seal(self, exit_code: int | None = None, reason: str | None = None) -> None:
        """Ends the stream behind what was written; nothing may be written after it."""
        self.spool.append_end(exit_code, reason)
        self._news.set()

    async def opened(self, timeout_s: float) -> bool:
        """Whether the service has accepted us within that time; False also when it refused (see `failure`)."""
        await self._wait_until(lambda: self._was_open or self._appender.is_finished, timeout_s)
        return self._was_open

    async def failed(self) -> CallFailed:
        """Waits for a refusal for good, perhaps for ever, and returns it."""
        await self._wait_until(lambda: self.failure is not None, None)
        assert self.failure is not None, "it was waited for"
        return self.failure

    async def drain(self, timeout_s: float) -> bool:
        """Waits until the service has everything; False when it did not within that time, or never will."""
        await self._wait_until(lambda: self._appender.is_idle or self._appender.is_finished, timeout_s)
        return self._appender.is_idle

    async def close(self, linger_s: float = LINGER_S) -> Unsent | None:
        """Waits for the rest to be sent, deletes the spool if that succeeds, else says what is left in it."""
        is_done = await self.drain(linger_s)
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        if is_done:
            self.spool.remove()
            return None
        job = self.spool.unsynced()
        if job is not None:
            job()
        self.spool.close()
        error = self._appender.last_error if self.failure is None else self.failure
        return Unsent(self.unsent, self.spool.path, "no server took it in time" if error is None else str(error))

    # ------------------------------------------------------------ the loops

    async def _send(self) -> None:
        try:
            await self._send_all()
        except Exception as error:
            if self._is_closed:  # Twisted's CancelledError is an Exception
                return
            self._appender.failure = CallFailed("fairlead.error.client", f"the writer failed: {error!r}")
            self._tell_watchers()
            raise

    async def _send_all(self) -> None:
        appender = self._appender
        while not appender.is_finished:
            try:
                session = await self._sessions.session()
            except Refused as error:
                appender.failure = CallFailed(error.uri, error.text)
                self._tell_watchers()
                return
            session.on_end(self._news.set)
            appender.connected()
            while session.is_open and not appender.is_finished:
                for request in appender.due(self._runtime.time_s()):
                    session.call(request, self._on_answer)
                await self._news.wait(appender.wait_s(self._runtime.time_s()))
            appender.disconnected()

    def _on_answer(self, answer: Answer) -> None:
        if answer.error is None:
            self._appender.succeeded(answer.request, answer.result)
        elif isinstance(answer.error, CallFailed):
            self._appender.failed(answer.request, answer.error)
        self._was_open = self._was_open or (self._appender.is_open and self.failure is None)
        self._save_place()
        self._news.set()
        self._tell_watchers()

    def _save_place(self) -> None:
        if self._appender.must_save and not self._is_saving:
            self._is_saving = True
            self._runtime.in_thread(self.spool.saving(), self._saved)

    def _saved(self, error: OSError | None) -> None:
        self._is_saving = False
        self._appender.saved(error)
        self._news.set()

    async def _keep_synced(self) -> None:
        while True:
            await self._written.wait()
            await self._runtime.wakeup().wait(SYNC_S)
            job = self.spool.unsynced() if self.unsent else None
            if job is not None:
                self._runtime.in_thread(job, self._synced)

    def _synced(self, error: OSError | None) -> None:
        if error is not None:
            log.warning("the spool %s cannot be synced, a power loss may cost lines: %s", self.spool.path, error)

    async def _wait_until(self, condition: Callable[[], bool], timeout_s: float | None) -> None:
        bell = self._runtime.wakeup()
        deadline_s = None if timeout_s is None else self._runtime.time_s() + timeout_s
        self._watchers.append(bell.set)
        try:
            while not condition():
                left_s = None if deadline_s is None else deadline_s - self._runtime.time_s()
                if left_s is not None and left_s <= 0:
                    return
                await bell.wait(left_s)
        finally:
            self._watchers.remove(bell.set)

    def _tell_watchers(self) -> None:
        for tell in self._watchers:
            tell()
        if not self._had_room and self.has_room and self._on_room is not None:
            self._on_room()
