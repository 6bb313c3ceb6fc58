"""A subscriber's connection: counts events in the bytes that arrive, without parsing them.

Each event has the dialect's marker once, so counting it in what was read counts events at a third of a nanosecond a
byte, wherever a read of the socket ends. Where a protocol's own bytes could hold any single byte, the marker has
several, and one of them may be split between two reads: then the end of each read is kept for the next.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

READ_BYTES = 256 * 1024


class Listener(Protocol):
    """Who is told of events."""

    def received(self, before: int, after: int) -> None:
        """The connection had `before` events and now has `after`."""

    def closed(self) -> None:
        """The router closed the connection."""


class Receiver(asyncio.BufferedProtocol):
    """For a marker of one byte."""

    # One for all: what was read is counted before the loop reads again.
    _buffer = bytearray(READ_BYTES)
    _view = memoryview(_buffer)

    def __init__(self, listener: Listener, marker: bytes) -> None:
        self._listener = listener
        self._marker = marker
        self._received = 0

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self._count(self._buffer.count(self._marker, 0, nbytes))

    def _count(self, events: int) -> None:
        if events:
            before = self._received
            self._received = after = before + events
            self._listener.received(before, after)

    def eof_received(self) -> None:
        """Nothing to do: the transport closes, and connection_lost tells."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.closed()


class LongMarkerReceiver(Receiver):
    """For a marker of several bytes."""

    def __init__(self, listener: Listener, marker: bytes) -> None:
        super().__init__(listener, marker)
        self._kept = bytes(len(marker) - 1)
        self._behind_kept = self._view[len(self._kept) :]

    def get_buffer(self, sizehint: int) -> memoryview:
        self._buffer[: len(self._kept)] = self._kept
        return self._behind_kept

    def buffer_updated(self, nbytes: int) -> None:
        end = len(self._kept) + nbytes
        events = self._buffer.count(self._marker, 0, end)
        self._kept = bytes(self._view[nbytes:end])
        self._count(events)


def receiver(listener: Listener, marker: bytes) -> Receiver:
    """One that fits the marker."""
    return (Receiver if len(marker) == 1 else LongMarkerReceiver)(listener, marker)
