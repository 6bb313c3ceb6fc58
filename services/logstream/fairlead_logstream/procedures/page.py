"""The answer to `read`: one page of records, after a wait at the head if the caller wants one.

A page covers the stream from `first` to `next` without a hole. What a filter leaves out is passed over; one call
looks at SCAN_LIMIT_BYTES of it at most, in turns, and says with `next` where to go on.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec

from fairlead_common.turns import Locks
from fairlead_logstream.errors import no_such_stream
from fairlead_logstream.live import notices
from fairlead_logstream.live.history import History, Place
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.batch import Batch, merged
from fairlead_logstream.model.selection import Filter, nothing, together
from fairlead_logstream.procedures.arguments import ANSWER_LIMIT_BYTES, WAIT_LIMIT_S, ReadArguments
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_router import Call, Payload

SCAN_LIMIT_BYTES = 8 << 20
"""What a filter may leave out in one call: some 60 000 lines, looked at in some 50 ms."""

_encode = msgspec.json.Encoder().encode


class Pages:
    """Answers reads from the history."""

    def __init__(self, history: History, sessions: Locks) -> None:
        """A session asks the store while it has its lock."""
        self._history = history
        self._sessions = sessions

    async def answer(self, call: Call, live: LiveStream, place: Place, arguments: ReadArguments) -> Payload:
        """The page at a place. Raises StoreError."""
        limits = Limits(arguments.limit, min(arguments.max_bytes, ANSWER_LIMIT_BYTES))
        wanted = arguments.wanted()
        page = Page(live, place, limits) if wanted is None else FilteredPage(live, place, limits, wanted)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(arguments.wait_s, WAIT_LIMIT_S)
        await self._fill(call, page, live)
        while page.is_bare and await _moves(call, live, page.next, deadline - loop.time()):
            await self._fill(call, page, live)
        if live.is_gone:
            raise no_such_stream(live.stream.name)
        return page.payload()

    async def _fill(self, call: Call, page: Page, live: LiveStream) -> None:
        stream = live.stream
        page.lose_before(stream.oldest)
        while page.next < stream.head and not page.is_full and call.is_open:
            try:
                found = self._history.cached(live, page.next, page.fetch_bytes)
                if found is None:
                    async with self._sessions.of(call.caller.session_id, stream.has_archived):
                        found = await self._stored(call, live, page)
            except CorruptBatch as damage:
                page.lose_before(damage.next, is_damaged=True)
                continue
            page.take(found)
            page.lose_before(stream.oldest)  # retention may have come by meanwhile
            if not page.is_full:
                await self._history.turn()

    async def _stored(self, call: Call, live: LiveStream, page: Page) -> list[Batch]:
        """From the store; nothing for a caller that has gone while it waited."""
        return await self._history.stored(live, page.next, page.fetch_bytes) if call.is_open else []


class Limits(NamedTuple):
    """How much one answer may hold."""

    records: int
    size_bytes: int


class Page:
    """What one answer holds: what one look into memory or the store has brought."""

    def __init__(self, live: LiveStream, place: Place, limits: Limits) -> None:
        self._stream = live.stream
        self._limits = limits
        self._also: dict[str, Any] = {"reset": notices.reset_of(live.stream)} if place.is_reset else {}
        self._batch: Batch | None = None
        self._attempt = place.attempt
        self.first = place.position
        self.next = place.position
        self.is_full = False
        self.fetch_bytes = limits.size_bytes

    @property
    def is_bare(self) -> bool:
        """Whether it has nothing to tell yet, so that it may wait for more."""
        return not (self.is_full or self._also or self._batch)

    def lose_before(self, position: int, *, is_damaged: bool = False) -> None:
        """What was before is gone: say so. Behind what this page covers already, the next page says it."""
        if position <= self.next:
            return
        if self.next > self.first:
            self.is_full = True
            return
        before = self._also.get("lagged", {"from": self.first})
        is_damaged = is_damaged or "damaged" in before
        self._also["lagged"] = notices.lagged_of(before["from"], position, is_damaged=is_damaged)
        self.first = self.next = position

    def take(self, batches: list[Batch]) -> None:
        """What was found at `next`."""
        if batches and not self.is_full:
            self._batch = merged(batches).within(*self._limits)
            self.next = self._batch.next
            self.is_full = True

    def payload(self) -> Payload:
        """The result dict, its records copied through as they are stored."""
        stream = self._stream
        rest = {
            **self._seqs(),
            **notices.attempt_of(stream, self._attempt),
            "next": self.next,
            "head": stream.head,
            "oldest": stream.oldest,
            "epoch": stream.epoch,
            "sealed": notices.sealed_of(stream.sealed),
            **self._also,
        }
        return Payload.from_json(
            b'[{"first":%d,"records":%b,%b]' % (self.first, self._records(), _encode(rest)[1:]), b"{}"
        )

    def _records(self) -> bytes:
        return b"[]" if self._batch is None else self._batch.records

    def _seqs(self) -> dict[str, Any]:
        return {}


class FilteredPage(Page):
    """The records that pass a filter, and their numbers."""

    def __init__(self, live: LiveStream, place: Place, limits: Limits, wanted: Filter) -> None:
        super().__init__(live, place, limits)
        self._wanted = wanted
        self._selection = nothing(place.position, place.position, live.stream.epoch)
        self._left_out_bytes = 0
        self.fetch_bytes = ANSWER_LIMIT_BYTES

    @property
    def is_bare(self) -> bool:
        return super().is_bare and not self._selection.seqs

    def take(self, batches: list[Batch]) -> None:
        for batch in batches:
            if not self.is_full:
                self._take(batch)

    def _take(self, batch: Batch) -> None:
        selection = self._wanted.select(batch)
        if selection is None:
            self._left_out_bytes += batch.size
            self.is_full = self._left_out_bytes >= SCAN_LIMIT_BYTES
            self.next = batch.next
            return
        found = together(self._selection, selection)
        self._selection = found.within(*self._limits)
        self.next = self._selection.next
        self.is_full = self._selection is not found

    def _records(self) -> bytes:
        return self._selection.records

    def _seqs(self) -> dict[str, Any]:
        return {"seqs": list(self._selection.seqs)}


async def _moves(call: Call, live: LiveStream, position: int, wait_s: float) -> bool:
    """Wait for a record at `position`. False when the stream ends, the time is over, or nobody waits any more."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while live.stream.head <= position:
        left_s = deadline - loop.time()
        if left_s <= 0 or live.is_ended or not call.is_open:
            return False
        with live.waiting() as moved:
            call.on_end = lambda _reason, moved=moved: moved.done() or moved.set_result(None)
            await asyncio.wait([moved], timeout=left_s)
    return call.is_open
