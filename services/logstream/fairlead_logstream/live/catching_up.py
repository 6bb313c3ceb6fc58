"""Catching up with another server: what it has stored of a stream is adopted here, and delivered as if it were ours.

In order, each batch once and under its publication id. What cannot be delivered, because retention or damage took it,
is told as everywhere; what nobody here waits for is not even read.
"""

from __future__ import annotations

from typing import Protocol

from fairlead_logstream.errors import NoSuchStream
from fairlead_logstream.model.batch import contiguous
from fairlead_logstream.model.rows import Change, StreamRow
from fairlead_logstream.model.stream import Stream
from fairlead_logstream.store.stream_store import CorruptBatch, StreamStore

SLICE_BYTES = 256 << 10
"""Records that are read and delivered at once: a server that was stopped for a minute may have missed gigabytes."""


class Behind(Protocol):
    """A live stream that another server has changed."""

    stream: Stream

    @property
    def is_watched(self) -> bool:
        """Whether anybody here wants its next records."""
        ...

    def moved(self, change: Change) -> None:
        """Deliver what the stream has adopted."""
        ...

    def heard(self) -> None:
        """A producer is there."""
        ...

    def jump(self, position: int, *, is_damaged: bool = False) -> None:
        """The head is at `position` now, and what lies before it is not delivered."""
        ...


async def catch_up(live: Behind, store: StreamStore) -> None:
    """Bring a stream to its newest state. Nothing else may change it meanwhile: its appender calls this.

    Raises StoreError, and NoSuchStream where it was deleted; what was delivered by then was adopted too.
    """
    stream = live.stream
    row = await _row(live, store)
    if row.version == stream.version:
        return
    if stream.head < row.head:
        live.heard()
    stream.oldest = row.oldest
    if stream.head < row.oldest:
        live.jump(row.oldest)
    while stream.head < row.head and live.is_watched:
        await _deliver(live, store, row.head)
    take_over(live, row)


def take_over(live: Behind, row: StreamRow) -> None:
    """The stream stands as this newer row says, in this turn of the loop."""
    stream = live.stream
    if stream.head < row.head:
        live.heard()
        live.jump(row.head)
    state = None if row.state == stream.state else row.state
    stream.take_over(row)
    live.moved(Change(stream.id, [], {}, state))


async def _row(live: Behind, store: StreamStore) -> StreamRow:
    stream, sharing = live.stream, store.sharing
    assert sharing is not None
    for row in await sharing.rows([stream.id]):
        return row
    raise NoSuchStream(f"stream '{stream.name}' was deleted", stream=stream.name)


async def _deliver(live: Behind, store: StreamStore, end: int) -> None:
    """The next slice, or what became of it."""
    stream = live.stream
    try:
        found = await store.read(stream.key, stream.head, end, SLICE_BYTES)
    except CorruptBatch as damage:
        live.jump(damage.next, is_damaged=True)
        return
    batches = contiguous(found, stream.head)
    start = batches[0].first if batches else end
    if start > stream.head:
        # Retention may have come by since the row was read; else the store has a hole.
        live.jump(start, is_damaged=(await _row(live, store)).oldest < start)
    stream.extend(batches)
    live.moved(Change(stream.id, batches, {}, None))
