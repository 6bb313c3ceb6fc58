"""Writes output to our own stdout and stderr.

In a thread, since a terminal or a pipe that takes nothing must hold up the command, as it would without us, but not the
log. In the order of the calls, whichever of the two it goes to.
"""

from __future__ import annotations

import asyncio
import os
import queue
import select
import threading
from collections.abc import Callable
from contextlib import suppress

# What may wait for a slow terminal before the command has to.
LIMIT_BYTES = 1024 * 1024


class Echo:
    """The thread. Called in it: `on_room` when `has_room` is true again, `on_closed` when nobody reads a descriptor."""

    def __init__(self, on_room: Callable[[], None], on_closed: Callable[[int], None] = lambda _: None) -> None:
        self._on_room = on_room
        self._on_closed = on_closed
        self._on_finished: Callable[[], None] = lambda: None
        self._queue: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._was_full = False
        self._closed: set[int] = set()
        self._thread = threading.Thread(target=self._run, name="echo", daemon=True)
        self._thread.start()

    @property
    def has_room(self) -> bool:
        """More may be written."""
        with self._lock:
            self._was_full = self._waiting_bytes >= LIMIT_BYTES
            return not self._was_full

    def write(self, descriptor: int, data: bytes) -> None:
        """Writes soon; what goes to a descriptor that nobody reads any more is forgotten."""
        with self._lock:
            self._waiting_bytes += len(data)
        self._queue.put((descriptor, data))

    def finish(self, on_finished: Callable[[], None]) -> None:
        """Calls back, in the thread, when everything is written; nothing may be written after this."""
        self._on_finished = on_finished
        self._queue.put(None)

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            descriptor, data = job
            if descriptor not in self._closed and not write_all(descriptor, data):
                self._closed.add(descriptor)
                self._on_closed(descriptor)
            with self._lock:
                self._waiting_bytes -= len(data)
                has_room_again = self._was_full and self._waiting_bytes < LIMIT_BYTES
                if has_room_again:
                    self._was_full = False
            if has_room_again:
                self._on_room()
        self._on_finished()


def in_loop(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> Callable[[], None]:
    """The callback for a thread to call; after the loop's end nobody wants it."""

    def call() -> None:
        with suppress(RuntimeError):  # it is closed, perhaps since a moment ago
            loop.call_soon_threadsafe(callback)

    return call


def write_all(descriptor: int, data: bytes) -> bool:
    """Writes everything, however long that takes; False when nobody reads there any more."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # somebody else has made our terminal non-blocking
            select.select([], [descriptor], [])
        except OSError:
            return False
    return True
