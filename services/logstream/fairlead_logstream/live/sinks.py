"""What a follower sends to: a call of `follow`, perhaps through a filter, and a session's part in a topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fairlead_logstream.errors import no_such_stream
from fairlead_logstream.live import notices
from fairlead_logstream.live.follower import Follower
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Sealed
from fairlead_logstream.model.selection import Filter, Selection, Selections, nothing
from fairlead_router import Call, Payload, RequestError, TopicReader, new_id

COVER_BYTES = 4 << 20
"""What a filter leaves out before the reader is told how far it has come: some 30 000 lines, read in some 20 ms.
Should it lose its session, it goes on from there."""

RETRY_S = 1.0
"""A topic has no way to answer with an error: its reader tries the store again after this."""


class CallSink:
    """Progressive results of `fairlead.log.follow`; the final one says how the stream ended."""

    merges = True

    def __init__(self, call: Call, live: LiveStream) -> None:
        self._call = call
        self._live = live
        self.is_idle = False

    @property
    def epoch(self) -> int:
        """Of the stream."""
        return self._live.stream.epoch

    def send(self, payload: Payload, position: int) -> bool:
        """A progressive result."""
        self.is_idle = False
        return self._call.send(payload, position)

    def send_batch(self, batch: Batch) -> bool:
        self.is_idle = False
        return self._call.send(batch.result, batch.first)

    def send_notice(self, payload: Payload, position: int) -> bool:
        return self.send(payload, position)

    def go_live(self, follower: Follower) -> None:
        self._live.join(follower)

    def end(self, sealed: Sealed) -> bool:
        self._call.finish(notices.sealed(sealed))
        return True

    def vanish(self, follower: Follower) -> None:
        self.fail(follower, no_such_stream(self._live.stream.name))

    def fail(self, follower: Follower, error: RequestError) -> None:
        follower.end()
        self._call.abort(error)


class FilteredSink:
    """A call of `follow` that wants some of the records.

    Its batches cover the stream without a hole as any others do: each begins where the last one ended, and before
    anything else is said an empty one covers what was left out. So a cursor is kept and checked as without a filter.
    """

    merges = True

    def __init__(self, sink: CallSink, wanted: Filter, selections: Selections, position: int) -> None:
        self._sink = sink
        self._wanted = wanted
        self._selections = selections
        self._told = position
        self._cursor = position
        self._left_out_bytes = 0

    @property
    def is_idle(self) -> bool:
        return self._sink.is_idle

    @is_idle.setter
    def is_idle(self, value: bool) -> None:
        self._sink.is_idle = value

    def send_batch(self, batch: Batch) -> bool:
        if batch.first > self._cursor:  # behind a `lagged`
            self._told = self._cursor = batch.first
        selection = self._selections.select(self._wanted, batch, self._told)
        return self._leave_out(batch) if selection is None else self._send(selection)

    def send_notice(self, payload: Payload, position: int) -> bool:
        return self._cover() and self._sink.send_notice(payload, position)

    def go_live(self, follower: Follower) -> None:
        self._sink.go_live(follower)

    def end(self, sealed: Sealed) -> bool:
        return self._cover() and self._sink.end(sealed)

    def vanish(self, follower: Follower) -> None:
        self._sink.vanish(follower)

    def fail(self, follower: Follower, error: RequestError) -> None:
        self._sink.fail(follower, error)

    def _leave_out(self, batch: Batch) -> bool:
        if self._left_out_bytes + batch.size > COVER_BYTES and not self._cover():
            return False
        self._cursor = batch.next
        self._left_out_bytes += batch.size
        return True

    def _cover(self) -> bool:
        """Tell how far we have come, if that is not known."""
        return self._told == self._cursor or self._send(nothing(self._told, self._cursor, self._sink.epoch))

    def _send(self, selection: Selection) -> bool:
        if not self._sink.send(selection.result, selection.first):
            return False
        self._told = self._cursor = selection.next
        self._left_out_bytes = 0
        return True


class TopicSink:
    """Events to one member of a topic, until it has caught up; then the router delivers to it."""

    merges = False
    is_idle = False

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

    def vanish(self, follower: Follower) -> None:
        self.go_live(follower)  # for a new stream of the name

    def fail(self, follower: Follower, error: RequestError) -> None:
        asyncio.get_running_loop().call_later(RETRY_S, follower.resume)
