"""The answer to `read`: one page of records, after a wait at the head if the caller wants one."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from fairlead_logstream.live import notices
from fairlead_logstream.live.history import History, Place
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.batch import Batch, merged
from fairlead_logstream.procedures.arguments import ANSWER_LIMIT_BYTES, WAIT_LIMIT_S, ReadArguments
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_router import Call, Payload

_encode = msgspec.json.Encoder().encode


class Pages:
    """Answers reads from the history."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def answer(self, call: Call, live: LiveStream, place: Place, arguments: ReadArguments) -> Payload:
        """The page at a place. Raises StoreError."""
        if arguments.wait_s and not place.is_reset:
            await _wait_beyond(call, live, place.position, min(arguments.wait_s, WAIT_LIMIT_S))
        page = _Page(place.position)
        if place.is_reset:
            page.also["reset"] = notices.reset_of(live.stream)
        limit_bytes = min(arguments.max_bytes, ANSWER_LIMIT_BYTES)
        await self._fill(page, live, limit_bytes)
        return page.payload(live, arguments.limit, limit_bytes)

    async def _fill(self, page: _Page, live: LiveStream, limit_bytes: int) -> None:
        stream = live.stream
        page.skip_to(stream.oldest)
        while page.first < stream.head and not page.batches:
            try:
                found = self._history.cached(live, page.first, limit_bytes)
                if found is None:
                    found = await self._history.stored(live, page.first, limit_bytes)
            except CorruptBatch as damage:
                page.skip_to(damage.next, is_damaged=True)
                continue
            page.skip_to(found[0].first if found else stream.head, is_damaged=True)
            page.batches = found


class _Page:
    """What one answer holds."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.batches: list[Batch] = []
        self.also: dict[str, Any] = {}

    def skip_to(self, position: int, *, is_damaged: bool = False) -> None:
        """What was before is gone: say so."""
        if position > self.first:
            before = self.also.get("lagged", {"from": self.first})
            is_damaged = is_damaged or "damaged" in before
            self.also["lagged"] = notices.lagged_of(before["from"], position, is_damaged=is_damaged)
            self.first = position

    def payload(self, live: LiveStream, limit_count: int, limit_bytes: int) -> Payload:
        """The result dict, its records copied through as they are stored."""
        stream = live.stream
        records, following = b"[]", self.first
        if self.batches:
            batch = merged(self.batches).within(limit_count, limit_bytes)
            records, following = batch.records, batch.next
        rest = {
            "next": following,
            "head": stream.head,
            "oldest": stream.oldest,
            "epoch": stream.epoch,
            "sealed": notices.sealed_of(stream.sealed),
            **self.also,
        }
        return Payload.from_json(b'[{"first":%d,"records":%b,%b]' % (self.first, records, _encode(rest)[1:]), b"{}")


async def _wait_beyond(call: Call, live: LiveStream, position: int, wait_s: float) -> None:
    """Until there is a record at `position`, the stream ends, the time is over, or nobody waits any more."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while live.stream.head <= position and not live.is_ended and call.is_open:
        with live.waiting() as moved:
            call.on_end = lambda _reason, moved=moved: moved.done() or moved.set_result(None)
            left_s = deadline - loop.time()
            if left_s <= 0 or not (await asyncio.wait([moved], timeout=left_s))[0]:
                return
