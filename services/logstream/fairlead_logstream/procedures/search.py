"""`fairlead.log.search`: what a stream has of a text, of sources, of a time, page by page, forwards or backwards.

The text is a plain substring: an expression could be one that holds a thread for hours. One call looks at
SCAN_LIMIT_BYTES of the log at most and says with `next` where to go on; searches take turns (turns.py), so that they
leave the store's readers to those who follow. It rests on the right to read for as long as it runs (`Call.hold`).
"""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead_common.errors import StoreFailed
from fairlead_common.turns import Turns
from fairlead_logstream.errors import no_such_stream
from fairlead_logstream.live import notices
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.history import Begin, History, Place
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.records import array_of
from fairlead_logstream.model.scan import Found, Scan
from fairlead_logstream.procedures.access import find
from fairlead_logstream.procedures.arguments import ANSWER_LIMIT_BYTES, SearchArguments
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_router import PENDING, Call, Payload
from fairlead_store import StoreError

SCAN_LIMIT_BYTES = 8 << 20
"""What one call looks at: some 60 000 lines, in some 20 ms where bytes tell that there is nothing."""

_encode = msgspec.json.Encoder().encode


class Searching:
    """The procedure of who looks for something."""

    def __init__(self, directory: Directory, history: History) -> None:
        self._directory = directory
        self._history = history
        self._turns = Turns()

    async def search(self, call: Call) -> Any:
        """`fairlead.log.search`: one page of what is found."""
        arguments = call.arguments(SearchArguments)
        live = find(self._directory, call, "read", arguments.stream)
        call.hold("read", live.stream.object_id)
        try:
            async with self._turns.turn(call.caller.session_id, in_archive=live.stream.has_archived):
                if not call.is_open:
                    return PENDING
                place = await self._place(live, arguments)
                return await self._page(live, place, arguments)
        except StoreError as error:
            raise StoreFailed(str(error)) from error

    async def _place(self, live: LiveStream, arguments: SearchArguments) -> Place:
        """Where the search begins. Raises AheadOfHead, NoSuchAttempt, InvalidArgument, StoreError."""
        begin = arguments.begin()
        place = self._history.place(live, begin)
        assert place is not None
        if (begin.start is not None or begin.attempt is not None) and not place.is_reset:
            return place
        if arguments.backwards:
            return Place(live.stream.head, place.is_reset)
        if arguments.since is not None:
            position = (await self._history.find(live, Begin(since=arguments.since))).position
            return Place(position, place.is_reset)
        return place

    async def _page(self, live: LiveStream, place: Place, arguments: SearchArguments) -> Payload:
        stream = live.stream
        also: dict[str, Any] = {"reset": notices.reset_of(stream)} if place.is_reset else {}
        first = place.position
        if first < stream.oldest:
            if not arguments.backwards:
                also["lagged"] = notices.lagged_of(first, stream.oldest)
            first = stream.oldest
        try:
            found = await self._history.scan(live, _scan_of(live, first, arguments))
        except CorruptBatch as damage:
            is_damaged = damage.first >= stream.oldest  # else retention has come by meanwhile
            also["lagged"] = notices.lagged_of(damage.first, damage.next, is_damaged=is_damaged)
            found = Found(damage.first if arguments.backwards else damage.next, [], [])
        if live.is_gone:
            raise no_such_stream(stream.name)
        return _payload(live, first, found, also)


def _scan_of(live: LiveStream, first: int, arguments: SearchArguments) -> Scan:
    between = (live.stream.oldest, first) if arguments.backwards else (first, live.stream.head)
    limits = (arguments.limit, ANSWER_LIMIT_BYTES, SCAN_LIMIT_BYTES)
    return Scan(*between, arguments.wanted(), arguments.backwards, *limits)


def _payload(live: LiveStream, first: int, found: Found, also: dict[str, Any]) -> Payload:
    """As the answer to `read`; backwards it covers from `first` down to `next`."""
    stream = live.stream
    rest = {
        "seqs": found.seqs,
        "next": found.position,
        "head": stream.head,
        "oldest": stream.oldest,
        "epoch": stream.epoch,
        "sealed": notices.sealed_of(stream.sealed),
        **also,
    }
    records = array_of(found.raws)
    return Payload.from_json(b'[{"first":%d,"records":%b,%b]' % (first, records, _encode(rest)[1:]), b"{}")
