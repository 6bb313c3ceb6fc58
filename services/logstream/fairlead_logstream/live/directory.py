"""The directory: all streams of the realm by name, loaded at the start, listed in order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from fairlead_logstream.live.live_stream import LiveStream, Surroundings
from fairlead_logstream.model.rows import State, StreamRow
from fairlead_router import LimitExceeded, new_id

STREAMS_LIMIT = 1_000_000
"""Streams of a realm: some 2 GB of memory. With more, those that are over should be deleted."""


class Directory:
    """The streams of one realm."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._by_name: dict[str, LiveStream] = {}
        self._by_id: dict[int, LiveStream] = {}
        self._names: list[str] = []

    async def load(self) -> None:
        """Read all streams from the store: once, at the start."""
        rows = await self._surroundings.store.streams()
        self._by_name = {row.name: LiveStream(row, self._surroundings) for row in rows}
        self._by_id = {live.stream.id: live for live in self}
        self._names = sorted(self._by_name)

    def get(self, name: str) -> LiveStream | None:
        """A stream by its name."""
        return self._by_name.get(name)

    def by_id(self, stream_id: int) -> LiveStream | None:
        """A stream by its id in the store."""
        return self._by_id.get(stream_id)

    def now_us(self) -> int:
        """The time by which streams are created."""
        return self._surroundings.clock_us()

    async def create(self, name: str, object_id: str, state: State) -> LiveStream:
        """Make a stream, or get the one that another caller has made meanwhile. Raises LimitExceeded, StoreError."""
        if len(self._by_name) >= STREAMS_LIMIT:
            text = f"there are {STREAMS_LIMIT} streams already: delete what nobody needs any more"
            raise LimitExceeded(text, limit="streams_per_realm")
        shared = self._surroundings
        new = StreamRow(0, name, object_id, new_id(), shared.clock_us(), state)
        return self.add(await shared.store.create(new))

    def add(self, row: StreamRow) -> LiveStream:
        """Know a stream that is in the store; an older one of its name is gone, then."""
        shared = self._surroundings
        live = self._by_name.get(row.name)
        if live is not None and live.stream.id >= row.id:
            return live
        if live is not None:
            self.forget(live)
        live = self._by_name[row.name] = self._by_id[row.id] = LiveStream(row, shared)
        insort(self._names, row.name)
        shared.audience.rebind(live.stream)
        shared.announce(live, "created")
        return live

    async def delete(self, live: LiveStream) -> None:
        """Take a stream away, with everything in it. Raises StoreError: then it is there as before."""
        await live.delete()
        self.forget(live)

    def forget(self, live: LiveStream) -> None:
        """A stream is not in the store any more: whoever watches or reads it is told, in this turn."""
        name = live.stream.name
        if self._by_name.get(name) is not live:  # who asked at the same time was quicker
            return
        self._surroundings.announce(live, "deleted")
        live.vanish()
        del self._by_name[name], self._by_id[live.stream.id]
        del self._names[bisect_left(self._names, name)]

    def names(self, prefix: str, after: str | None) -> Iterator[str]:
        """The names with this prefix behind `after`, in order. May be used across turns of the loop."""
        last = after if after is not None and after >= prefix else None
        index = bisect_left(self._names, prefix) if last is None else bisect_right(self._names, last)
        while index < len(self._names) and self._names[index].startswith(prefix):
            last = self._names[index]
            yield last
            index = bisect_right(self._names, last)

    def __iter__(self) -> Iterator[LiveStream]:
        return iter(self._by_name.values())
