"""`read` and `follow`: tied to the right to read (`Call.hold`), so that losing it ends them, whatever they wait for."""

from __future__ import annotations

from typing import Any

from fairlead_common.errors import NoProgress, StoreFailed
from fairlead_common.turns import Locks
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.follower import Follower, Sink
from fairlead_logstream.live.history import Begin, History, Place
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.live.sinks import CallSink, FilteredSink
from fairlead_logstream.model.selection import Selections
from fairlead_logstream.procedures.access import find
from fairlead_logstream.procedures.arguments import FollowArguments, ReadArguments
from fairlead_logstream.procedures.page import Pages
from fairlead_router import PENDING, Call, Payload
from fairlead_store import StoreError


class Reading:
    """The procedures of who reads."""

    def __init__(self, directory: Directory, history: History) -> None:
        self._directory = directory
        self._history = history
        self._sessions = Locks()
        """One question of a session to the store at a time: its thousand leave the readers' threads to the others."""
        self._pages = Pages(history, self._sessions)
        self._selections = Selections()

    async def read(self, call: Call) -> Payload:
        """`fairlead.log.read`: one page, waiting at the head if asked to."""
        arguments = call.arguments(ReadArguments)
        begin = arguments.begin()
        live = find(self._directory, call, "read", arguments.stream)
        call.hold("read", live.stream.object_id)
        place = self._history.place(live, begin)
        try:
            if place is None:
                place = await self._find(call, live, begin)
            return await self._pages.answer(call, live, place, arguments)
        except StoreError as error:
            raise StoreFailed(str(error)) from error

    def follow(self, call: Call) -> Any:
        """`fairlead.log.follow`: everything from a place on, until the seal."""
        if not call.wants_progress:
            raise NoProgress(f"{call.procedure} answers with progressive results: call it with receive_progress")
        arguments = call.arguments(FollowArguments)
        begin = arguments.begin()
        live = find(self._directory, call, "read", arguments.stream)
        call.hold("read", live.stream.object_id)
        place = self._history.place(live, begin)
        if place is None:
            return self._follow_from(call, live, begin, arguments)
        self._follow(call, live, place, arguments)
        return PENDING

    async def _follow_from(self, call: Call, live: LiveStream, begin: Begin, arguments: FollowArguments) -> Any:
        try:
            place = await self._find(call, live, begin)
        except StoreError as error:
            raise StoreFailed(str(error)) from error
        self._follow(call, live, place, arguments)
        return PENDING

    async def _find(self, call: Call, live: LiveStream, begin: Begin) -> Place:
        async with self._sessions.of(call.caller.session_id, live.stream.has_archived):
            return await self._history.find(live, begin) if call.is_open else Place(live.stream.head)

    def _follow(self, call: Call, live: LiveStream, place: Place, arguments: FollowArguments) -> None:
        if not call.is_open:
            return
        sink, wanted = CallSink(call, live), arguments.wanted()
        through: Sink = sink if wanted is None else FilteredSink(sink, wanted, self._selections, place.position)
        follower = Follower(live, self._history, through, place, arguments.heartbeat_s)
        call.on_end = lambda _reason: follower.end()
        call.on_writable = follower.resume
        follower.resume()
