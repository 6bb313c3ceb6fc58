"""The LogWriter: output goes in at once, and to the log service whenever that can be reached.

`write` puts records into a spool on disk and returns; a loop of its own sends them (`sending`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Unpack

from fairlead_client.errors import CallFailed
from fairlead_client.records import Text, WireRecord, now_us, records_of
from fairlead_client.runtime import Sessions, outcome_of
from fairlead_client.sending import Sender
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
        self.spool = stream if isinstance(stream, Spool) else new_spool(stream, **about)
        self._runtime = sessions.runtime
        self._on_room = on_room
        self._had_room = True
        self._written = self._runtime.wakeup()
        self._sender = Sender(sessions, self.spool, self._look_for_room)
        self._syncing = self._runtime.spawn(self._keep_synced())

    # ------------------------------------------------------------ what callers see

    @property
    def stream(self) -> str:
        """The stream's id."""
        return self.spool.meta.stream

    @property
    def unsent(self) -> int:
        """How many records the service has not acknowledged."""
        return self._sender.unsent

    @property
    def dropped(self) -> int:
        """How many records were dropped, for want of room or by a full disk; markers in the stream say where."""
        return self.spool.dropped

    @property
    def failure(self) -> CallFailed | None:
        """The refusal that ended the sending for good; what is written from then on stays in the spool."""
        return self._sender.failure

    @property
    def was_open(self) -> bool:
        """The service has accepted us at least once: the stream is there."""
        return self._sender.was_open

    @property
    def has_room(self) -> bool:
        """Something may be written without being dropped; after False, `on_room` says when.

        Also when the service has refused us for good: waiting would never end, and dropping is what is left.
        """
        wanted_bytes = min(ROOM_BYTES, self.spool.limit_bytes // 4)
        self._had_room = self.spool.room_bytes >= wanted_bytes or self._sender.failure is not None
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
        self._sender.ring()
        self._written.set()

    def seal(self, exit_code: int | None = None, reason: str | None = None) -> None:
        """Ends the stream behind what was written; nothing may be written after it."""
        self.spool.append_end(exit_code, reason)
        self._sender.ring()

    async def opened(self, timeout_s: float) -> bool:
        """Whether the service has accepted us within that time; False also when it refused (see `failure`)."""
        return await self._sender.opened(timeout_s)

    async def failed(self) -> CallFailed:
        """Waits for a refusal for good, perhaps for ever, and returns it."""
        return await self._sender.failed()

    async def drain(self, timeout_s: float) -> bool:
        """Waits until the service has everything; False when it did not within that time, or never will."""
        return await self._sender.drain(timeout_s)

    async def close(self, linger_s: float = LINGER_S) -> Unsent | None:
        """Waits for the rest to be sent, deletes the spool if that succeeds, else says what is left in it."""
        await self.drain(linger_s)
        self._sender.stop()
        self._syncing.cancel()
        job = None if self._sender.is_idle else self.spool.unsynced()
        if job is not None:
            self._synced(outcome_of(job))
        self.spool.close()  # what another thread has written just before this counts, too
        if self._sender.is_idle:
            self.spool.remove()
            return None
        unsent = Unsent(self.unsent, self.spool.path, self._sender.reason)
        log.warning("the log %s is not sent whole: records left: %d, in the spool %s: %s", self.stream, *unsent)
        return unsent

    # ------------------------------------------------------------ beside the sending

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

    def _look_for_room(self) -> None:
        if not self._had_room and self.has_room and self._on_room is not None:
            self._on_room()
