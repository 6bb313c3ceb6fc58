"""Moves what the command writes into the log, and to the echo, in the order in which it is read.

What is promised of the order: all that goes into one pipe, or into the command's terminal, stays in its order. Of two
pipes the kernel tells only which could be read first. One loop reads them in that order, as much at a time as is there,
so what is written to one pipe before we have read the other, within some 100 us on an idle machine, may change places
with it; a line's time is when its first byte was read. Exact order takes one source: `--pty`, or `2>&1`.

It reads only while log and echo have room; the command then waits at its pipe, as it would for a slow terminal.
"""

from __future__ import annotations

import asyncio
import errno
import os

from fairlead_client.records import now_us
from fairlead_client.splitting import UNFINISHED_LINE_S, LineSplitter
from fairlead_client.writer import LogWriter
from fairlead_server.commands._echo import Echo

# As much as a pipe holds by default.
READ_BYTES = 64 * 1024


class Pipe:
    """One of them: where it is read, what its records are called, where it is repeated."""

    def __init__(self, descriptor: int, source: str, echo_to: int) -> None:
        self.descriptor = descriptor
        self.splitter = LineSplitter(source)
        self.echo_to = echo_to
        self.timer: asyncio.TimerHandle | None = None


class Pump:
    """Reads until all pipes have ended, or until it is told to stop; `echo` None repeats nothing."""

    def __init__(self, pipes: list[Pipe], writer: LogWriter, echo: Echo | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._open = list(pipes)
        self._writer = writer
        self._echo = echo
        self.is_reading = False
        self.last_read_s = 0.0
        self.ended = asyncio.Event()
        for pipe in pipes:
            os.set_blocking(pipe.descriptor, False)
        self.resume()

    def resume(self) -> None:
        """There may be room again."""
        if not self.is_reading and self._has_room:
            self.is_reading = True
            for pipe in self._open:
                self._loop.add_reader(pipe.descriptor, self._read, pipe)

    def stop(self) -> None:
        """Reads what is there, room or not, and no more, whoever still has the other ends of the pipes."""
        for pipe in [*self._open]:
            while pipe in self._open and self._read(pipe):
                pass
            if pipe in self._open:
                self._end(pipe)

    @property
    def _has_room(self) -> bool:
        return self._writer.has_room and (self._echo is None or self._echo.has_room)

    def _read(self, pipe: Pipe) -> bool:
        """Reads once; False when there is nothing now."""
        try:
            data = os.read(pipe.descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # a terminal that nobody has open any more
                raise
            data = b""
        if data:
            self._take(pipe, data)
        else:
            self._end(pipe)
        return True

    def _take(self, pipe: Pipe, data: bytes) -> None:
        self.last_read_s = self._loop.time()
        records = pipe.splitter.feed(data, now_us())
        if records:
            self._writer.write_records(records)
        self._watch_unfinished(pipe, is_new_line=bool(records))
        if self._echo is not None:
            self._echo.write(pipe.echo_to, data)
        if not self._has_room:
            self._pause()

    def _pause(self) -> None:
        self.is_reading = False
        for pipe in self._open:
            self._loop.remove_reader(pipe.descriptor)

    def _end(self, pipe: Pipe) -> None:
        self._loop.remove_reader(pipe.descriptor)
        self._open.remove(pipe)
        os.close(pipe.descriptor)
        if pipe.timer is not None:
            pipe.timer.cancel()
        self._writer.write_records(pipe.splitter.finish())
        if not self._open:
            self.ended.set()

    def _watch_unfinished(self, pipe: Pipe, *, is_new_line: bool) -> None:
        """A line that is not finished is shown as far as it has come, a moment after its first byte."""
        if pipe.timer is not None and (is_new_line or not pipe.splitter.has_unfinished):
            pipe.timer.cancel()
            pipe.timer = None
        if pipe.timer is None and pipe.splitter.has_unfinished:
            pipe.timer = self._loop.call_later(UNFINISHED_LINE_S, self._flush, pipe)

    def _flush(self, pipe: Pipe) -> None:
        pipe.timer = None
        records = pipe.splitter.flush(now_us())
        if records:
            self._writer.write_records(records)
