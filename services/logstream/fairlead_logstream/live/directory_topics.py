"""The topics `fairlead.directory.<stream>`: what becomes of the streams, as entries of the directory.

Whoever subscribes to the prefix `fairlead.directory.` hears of the streams that they may read: each event is judged by
its stream's object. An event is the whole entry, so a member of one topic that could not keep up needs the latest one
only, and gets it as soon as there is room. Nothing is published for an append: who wants the records follows them.
"""

from __future__ import annotations

from functools import partial

import msgspec

from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.entries import entry_of
from fairlead_logstream.live.live_stream import EntryChange, LiveStream
from fairlead_router import Payload, SourceTopics, TopicReader, new_id

DIRECTORY_PREFIX = "fairlead.directory."


class DirectoryTopics:
    """Their source. Without a router (`topics` is None) nobody is told."""

    events_procedure = None

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.topics: SourceTopics | None = None

    def announce(self, live: LiveStream, change: EntryChange) -> None:
        """Tell who may read the stream; in this turn."""
        topic = DIRECTORY_PREFIX + live.stream.name
        if self.topics is None or not self.topics.has_members(topic):
            return
        if change == "created":
            self.topics.rebind(topic)  # who has waited for it rests on the object of its name, which may be another
        self.topics.publish(topic, _event(live, change), new_id(), 0)

    def object_of(self, topic: str) -> str | None:
        live = self._stream_of(topic)
        return None if live is None else live.stream.object_id

    def check(self, topic: str) -> None:
        """Whoever may read the object of that name may wait for a stream that is not there yet."""

    def subscribed(self, reader: TopicReader) -> None:
        if reader.options.get_retained:
            self._catch_up(reader)
        else:
            reader.go_live()

    def fell_behind(self, reader: TopicReader, position: int) -> None:
        reader.on_writable = partial(self._catch_up, reader)

    def left(self, reader: TopicReader) -> None:
        """Nothing is kept of it."""

    def _catch_up(self, reader: TopicReader) -> None:
        """Send the latest entry, and what becomes of the stream after it; when there is room."""
        live = self._stream_of(reader.topic)
        if live is None or reader.send(_event(live, "changed"), new_id(), 0):
            reader.go_live()
        else:
            reader.on_writable = partial(self._catch_up, reader)

    def _stream_of(self, topic: str) -> LiveStream | None:
        return self._directory.get(topic.removeprefix(DIRECTORY_PREFIX))


def _event(live: LiveStream, change: EntryChange) -> Payload:
    return Payload.from_json(_encode([{**entry_of(live), "change": change}]), b"{}")


_encode = msgspec.json.Encoder().encode
