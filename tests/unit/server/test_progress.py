"""The one line that says how far something is."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from collections.abc import Callable
from contextlib import redirect_stderr, suppress

from fairlead_server.commands._progress import Progress


def shown(work: Callable[[], None]) -> str:
    """What a terminal of 20 columns gets on stderr meanwhile."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 20, 0, 0))
    with open(slave, "w", encoding="utf-8") as stderr, redirect_stderr(stderr):
        work()
    written = b""
    with suppress(OSError):  # the end of a terminal that nobody writes to any more
        while True:
            written += os.read(master, 1000)
    os.close(master)
    return written.decode()


def test_it_is_one_line_however_narrow_the_terminal_is() -> None:
    def work() -> None:
        progress = Progress()
        progress.show("1 200 of 4 000 lines (30 %)")
        progress.end()

    assert shown(work) == "\rfairlead: 1 200 of \r" + " " * 19 + "\r"


def test_the_name_of_a_file_gives_the_terminal_no_orders() -> None:
    assert shown(lambda: Progress().show("\x1b[2J")) == "\rfairlead: \\x1b[2J"
