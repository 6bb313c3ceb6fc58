"""The topics `fairlead.stream.<stream>`: the source that feeds new, resuming and slow members.

A new member gets what it asked for: with `get_retained` the recent history, with
`_fairlead_start` and `_fairlead_epoch` what follows a cursor, with `_fairlead_tail` the
last records; without any of these it is live at once. A cursor that cannot be honoured
is answered with `reset` and the whole log, since SUBSCRIBED is on its way already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from fairlead_logstream.errors import no_such_stream
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.follower import Follower
from fairlead_logstream.live.history import Begin, History, Place
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.live.sinks import TopicSink
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.stream import Stream
from fairlead_router import Payload, RequestError, SourceTopics, TopicReader, new_id
from fairlead_store import StoreError

TOPIC_PREFIX = "fairlead.stream."

RETAINED_RECORDS = 1_000
RETAINED_BYTES = 256 << 10
"""What `get_retained` brings: some screens of text, quick on a slow line."""

_log = logging.getLogger(__name__)


class Topics:
    """The audience of all streams' topics. Without a router (`topics` is None) there is none."""

    def __init__(self) -> None:
        self.topics: SourceTopics | None = None

    def batch(self, stream: Stream, batch: Batch) -> int:
        topic = TOPIC_PREFIX + stream.name
        if self.topics is None or not self.topics.has_members(topic):
            return 0
        return self.topics.publish(topic, batch.payload, batch.publication, batch.first)

    def hears(self, stream: Stream) -> bool:
        return self.topics is not None and self.topics.has_members(TOPIC_PREFIX + stream.name)

    def subscribed(self) -> list[str]:
        """The streams whose topics somebody has subscribed to by name."""
        found = [] if self.topics is None else self.topics.subscribed(TOPIC_PREFIX)
        return [topic.removeprefix(TOPIC_PREFIX) for topic in found]

    def notice(self, stream: Stream, payload: Payload) -> None:
        if self.topics is not None:
            self.topics.publish(TOPIC_PREFIX + stream.name, payload, new_id(), stream.head)

    def rebind(self, stream: Stream) -> None:
        if self.topics is not None:
            self.topics.rebind(TOPIC_PREFIX + stream.name)


Look = Callable[[LiveStream], asyncio.Future[Any]]
"""Has a stream as it stands at the servers that share the store."""


class StreamTopics:
    """The TopicSource. It knows the members that are reading; those that are live it forgets."""

    events_procedure = "fairlead.log.events"

    def __init__(self, directory: Directory, history: History, look: Look | None = None) -> None:
        self._directory = directory
        self._history = history
        self._look = look
        self._reading: dict[TopicReader, Follower | None] = {}

    def object_of(self, topic: str) -> str | None:
        live = self._directory.get(topic.removeprefix(TOPIC_PREFIX))
        return None if live is None else live.stream.object_id

    def check(self, topic: str) -> None:
        self._live(topic)

    def subscribed(self, reader: TopicReader) -> None:
        live = self._live(reader.topic)
        options = reader.options
        begin = Begin(options.fairlead_start, options.fairlead_epoch, options.fairlead_tail)
        if begin == Begin() and not options.get_retained:
            live.delivery.flush()
            reader.go_live()
        elif self._look is None and begin != Begin():
            self._follow(reader, live, self._place(live, begin)).resume()
        else:
            self._reading[reader] = None
            self._history.tasks.spawn(self._begin_later(reader, live, begin))

    def fell_behind(self, reader: TopicReader, position: int) -> None:
        """It goes on at `position` when the router says that there is room."""
        live = self._directory.get(reader.topic.removeprefix(TOPIC_PREFIX))
        if live is None:  # deleted; a new stream of the name would go on here
            reader.on_writable = reader.go_live
        else:
            self._follow(reader, live, Place(position))

    def left(self, reader: TopicReader) -> None:
        follower = self._reading.pop(reader, None)
        if follower is not None:
            follower.end()

    def _caught_up(self, reader: TopicReader) -> None:
        self._reading.pop(reader, None)
        reader.go_live()

    def _live(self, topic: str) -> LiveStream:
        name = topic.removeprefix(TOPIC_PREFIX)
        live = self._directory.get(name)
        if live is None:
            raise no_such_stream(name)
        return live

    def _place(self, live: LiveStream, begin: Begin) -> Place:
        try:
            begin.check()
            return self._history.place(live, begin) or Place(live.stream.oldest)
        except RequestError:
            return Place(live.stream.oldest, is_reset=True)

    async def _begin_later(self, reader: TopicReader, live: LiveStream, begin: Begin) -> None:
        if self._look is not None:
            await asyncio.shield(self._look(live))
        place = await self._recent_place(live) if begin == Begin() else self._place(live, begin)
        if reader in self._reading:
            self._follow(reader, live, place).resume()

    async def _recent_place(self, live: LiveStream) -> Place:
        try:
            return await self._history.place_recent(live, RETAINED_RECORDS, RETAINED_BYTES)
        except Exception as error:  # noqa: BLE001 - whatever it is, the member begins somewhere
            if not isinstance(error, StoreError):
                _log.error("where to begin in stream %r is not known", live.stream.name, exc_info=error)
            return Place(max(live.stream.oldest, live.stream.head - RETAINED_RECORDS))

    def _follow(self, reader: TopicReader, live: LiveStream, place: Place) -> Follower:
        follower = self._reading[reader] = Follower(live, self._history, TopicSink(reader, self._caught_up), place)
        reader.on_writable = follower.resume
        return follower
