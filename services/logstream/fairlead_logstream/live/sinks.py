"""The two things that a follower sends to: a call of `follow`, and a session's part in a topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fairlead_logstream.live import notices
from fairlead_logstream.live.follower import Follower
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Sealed
from fairlead_router import Call, Payload, RequestError, TopicReader, new_id

RETRY_S = 1.0
"""A topic has no way to answer with an error: its reader tries the store again after this."""


class CallSink:
    """Progressive results of `fairlead.log.follow`; the final one says how the stream ended."""

    merges = True

    def __init__(self, call: Call, live: LiveStream) -> None:
        self._call = call
        self._live = live

    def send_batch(self, batch: Batch) -> bool:
        return self._call.send(batch.result, batch.first)

    def send_notice(self, payload: Payload, position: int) -> bool:
        return self._call.send(payload, position)

    def go_live(self, follower: Follower) -> None:
        self._live.join(follower)

    def end(self, sealed: Sealed) -> bool:
        self._call.finish(notices.sealed(sealed))
        return True

    def fail(self, follower: Follower, error: RequestError) -> None:
        follower.end()
        self._call.abort(error)


class TopicSink:
    """Events to one member of a topic, until it has caught up; then the router delivers to it."""

    merges = False

    def __init__(self, reader: TopicReader, on_caught_up: Callable[[TopicReader], None]) -> None:
        self._reader = reader
        self._on_caught_up = on_caught_up

    def send_batch(self, batch: Batch) -> bool:
        return self._reader.send(batch.payload, batch.publication, batch.first)

    def send_notice(self, payload: Payload, position: int) -> bool:
        return self._reader.send(payload, new_id(), position)

    def go_live(self, follower: Follower) -> None:
        follower.end()
        self._on_caught_up(self._reader)

    def end(self, sealed: Sealed) -> bool:
        if not self._reader.send(notices.sealed(sealed), new_id(), sealed.next):
            return False
        self._on_caught_up(self._reader)  # a next attempt would go on here
        return True

    def fail(self, follower: Follower, error: RequestError) -> None:
        asyncio.get_running_loop().call_later(RETRY_S, follower.resume)
