"""The topics `fairlead.directory.<stream>`: what becomes of the streams, as entries of the directory.

Whoever subscribes to the prefix `fairlead.directory.` hears of the streams that they may read: each event is judged by
its stream's object, and is the whole entry. Nothing is published for an append: who wants the records follows them.
"""

from __future__ import annotations

from functools import partial

import msgspec

from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.entries import entry_of
from fairlead_logstream.live.live_stream import EntryChange, LiveStream
from fairlead_router import LatestTopics, Payload

DIRECTORY_PREFIX = "fairlead.directory."


class DirectoryTopics:
    """What is told on them."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.source = LatestTopics(self)

    def announce(self, live: LiveStream, change: EntryChange) -> None:
        """Tell who may read the stream; in this turn."""
        topic = DIRECTORY_PREFIX + live.stream.name
        self.source.publish(topic, partial(_event, live, change), is_new=change == "created")

    def object_of(self, topic: str) -> str | None:
        live = self._stream_of(topic)
        return None if live is None else live.stream.object_id

    def state_of(self, topic: str) -> Payload | None:
        live = self._stream_of(topic)
        return None if live is None else _event(live, "changed")

    def _stream_of(self, topic: str) -> LiveStream | None:
        return self._directory.get(topic.removeprefix(DIRECTORY_PREFIX))


def _event(live: LiveStream, change: EntryChange) -> Payload:
    return Payload.from_json(_encode([{**entry_of(live), "change": change}]), b"{}")


_encode = msgspec.json.Encoder().encode
