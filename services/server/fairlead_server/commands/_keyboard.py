"""What `fairlead run --pty` does with our own terminal: its keys and its size go to the command's.

Ours is raw meanwhile, so that Ctrl-C and all other keys reach the command's terminal, which makes of them what it is
set to. A stdin that is no terminal is typed in, and its end is typed as Ctrl-D, once.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
import tty
from contextlib import suppress
from typing import Any

STDIN = 0
# As much as a terminal takes at once.
_READ_BYTES = 1024
_DEFAULT_ROWS, _DEFAULT_COLUMNS = 24, 80


class Keyboard:
    """Types into the terminal whose other side is `master`, from `start` to `close`."""

    def __init__(self, master: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._master = os.dup(master)
        self._modes: list[Any] | None = None
        self._is_started = False
        self._has_ended = False
        self._unwritten = b""
        self._last = b"\n"

    def start(self) -> None:
        """Begins to read our stdin, if we are in the foreground; to be called again when we may have come there."""
        self.resize()
        if self._is_started or not _may_read():
            return
        self._is_started = True
        if os.isatty(STDIN):
            self._modes = termios.tcgetattr(STDIN)
            tty.setraw(STDIN, termios.TCSANOW)  # which keeps what was typed ahead
        self._listen()

    def resize(self) -> None:
        """Makes the command's terminal as large as ours; the command hears of it as usual."""
        set_size(self._master)

    def pause(self) -> None:
        """Leaves our terminal as it was, for as long as we are stopped."""
        self._is_started = False
        self._forget()
        if self._modes is not None:
            termios.tcsetattr(STDIN, termios.TCSANOW, self._modes)
            self._modes = None

    def close(self) -> None:
        """For good. What is not typed in by now never will be."""
        self.pause()
        os.close(self._master)

    def _listen(self) -> None:
        if self._has_ended:
            return
        try:
            self._loop.add_reader(STDIN, self._read)
        except PermissionError:  # a file, which always has something to read
            self._loop.add_writer(self._master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(STDIN, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # our terminal has gone away: SIGHUP says what that means
            data = b""
        if data:
            self._last = data
            self._type(data)
        else:
            self._has_ended = True
            self._forget()
            self._type(_end_of_file(self._master, is_at_line_start=self._last.endswith(b"\n")))

    def _type(self, data: bytes) -> None:
        try:
            written = os.write(self._master, data)
        except BlockingIOError:
            written = 0
        except OSError:  # nobody has the command's terminal open any more
            self._has_ended = True
            written = len(data)
        self._unwritten = data[written:]
        if self._unwritten or self._has_ended:
            self._forget()
        if self._unwritten:
            self._loop.add_writer(self._master, self._type_on)

    def _type_on(self) -> None:
        self._loop.remove_writer(self._master)
        self._type(self._unwritten)
        if not self._unwritten:
            self._listen()

    def _forget(self) -> None:
        self._loop.remove_reader(STDIN)
        self._loop.remove_writer(self._master)


def set_size(terminal: int) -> None:
    """Gives a terminal the size of ours, whichever of our descriptors is one."""
    rows, columns = _DEFAULT_ROWS, _DEFAULT_COLUMNS
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            columns, rows = os.get_terminal_size(descriptor)
            break
    with suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _may_read() -> bool:
    """Who reads from a terminal in the background is stopped for it."""
    if not os.isatty(STDIN):
        return True
    with suppress(OSError):
        return os.tcgetpgrp(STDIN) == os.getpgrp()
    return False


def _end_of_file(terminal: int, *, is_at_line_start: bool) -> bytes:
    """The key that ends a file; within a line the first one only ends what was typed of it."""
    key: bytes = termios.tcgetattr(terminal)[6][termios.VEOF]
    return key if is_at_line_start else key * 2
