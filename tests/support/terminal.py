"""A pseudo terminal with a process in it, driven as a person would: one line after the other, without a loop."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

LIMIT_S = 20.0


class Terminal:
    """A terminal with a process in it, which has the terminal to itself."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.execvpe(arguments[0], arguments, environment)
        self.output = b""
        self._seen = 0
        self._status: int | None = None

    def type(self, text: bytes) -> None:
        os.write(self._descriptor, text)

    def expect(self, text: bytes) -> None:
        """Waits for the text in what is new on the terminal."""
        deadline_s = time.monotonic() + LIMIT_S
        while text not in self.output[self._seen :]:
            assert time.monotonic() < deadline_s, f"{text!r} did not come, but {self.output[self._seen :]!r}"
            if self._has_written():
                self.output += self._read()
        self._seen = self.output.index(text, self._seen) + len(text)

    def status(self) -> int:
        """The exit status, once it has ended."""
        deadline_s = time.monotonic() + LIMIT_S
        is_open = True
        while is_open:
            assert time.monotonic() < deadline_s, f"it does not end, and has written {self.output[self._seen :]!r}"
            if self._has_written():
                data = self._read()
                self.output += data
                is_open = bool(data)
        self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def close(self) -> None:
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._descriptor)

    def _has_written(self) -> bool:
        return bool(select.select([self._descriptor], [], [], 0.1)[0])

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, 4096)
        except OSError:  # EIO: nobody has the other side open
            return b""

    def resize(self, rows: int, columns: int) -> None:
        """As dragging the corner of its window does."""
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
