"""`read` and `follow`: tied to the right to read (`Call.hold`), so that losing it ends them, whatever they wait for."""

from __future__ import annotations

from typing import Any

from fairlead_logstream.errors import NoProgress, StoreFailed
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.follower import Follower
from fairlead_logstream.live.history import History, Place
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.live.sinks import CallSink
from fairlead_logstream.procedures.access import find
from fairlead_logstream.procedures.arguments import ReadArguments, ReaderArguments
from fairlead_logstream.procedures.page import Pages
from fairlead_router import PENDING, Call, Payload
from fairlead_store import StoreError


class Reading:
    """The procedures of who reads."""

    def __init__(self, directory: Directory, history: History) -> None:
        self._directory = directory
        self._history = history
        self._pages = Pages(history)

    async def read(self, call: Call) -> Payload:
        """`fairlead.log.read`: one page, waiting at the head if asked to."""
        arguments = call.arguments(ReadArguments)
        begin = arguments.begin()
        live = find(self._directory, call, "read", arguments.stream)
        call.hold("read", live.stream.object_id)
        place = self._history.place(live, begin)
        try:
            if place is None:
                place = await self._history.place_since(live, begin.since or 0)
            return await self._pages.answer(call, live, place, arguments)
        except StoreError as error:
            raise StoreFailed(str(error)) from error

    def follow(self, call: Call) -> Any:
        """`fairlead.log.follow`: everything from a place on, until the seal."""
        if not call.wants_progress:
            raise NoProgress(f"{call.procedure} answers with progressive results: call it with receive_progress")
        arguments = call.arguments(ReaderArguments)
        begin = arguments.begin()
        live = find(self._directory, call, "read", arguments.stream)
        call.hold("read", live.stream.object_id)
        place = self._history.place(live, begin)
        if place is None:
            return self._follow_since(call, live, begin.since or 0)
        self._follow(call, live, place)
        return PENDING

    async def _follow_since(self, call: Call, live: LiveStream, time_us: int) -> Any:
        try:
            place = await self._history.place_since(live, time_us)
        except StoreError as error:
            raise StoreFailed(str(error)) from error
        self._follow(call, live, place)
        return PENDING

    def _follow(self, call: Call, live: LiveStream, place: Place) -> None:
        if not call.is_open:
            return
        follower = Follower(live, self._history, CallSink(call, live), place)
        call.on_end = lambda _reason: follower.end()
        call.on_writable = follower.resume
        follower.resume()
