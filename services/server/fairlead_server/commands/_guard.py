"""The guard of a container: a small process between `fairlead dispatch` and the command, that lets nothing outlive it.

    python -I -S _guard.py COMMAND...

Orders come on its stdin, a line each: `lease T`: the lease ends at T; `end T`: SIGTERM now, SIGKILL at T; `kill`:
SIGKILL now. T is in seconds of the machine's monotonic clock, so that an order that was read late means the same. The
end of stdin means that the dispatcher is gone, whatever killed it, and that is `kill` too. When a lease ends,
everything is killed, also while the dispatcher is stopped.

The command runs in a session of its own and is killed with us (PR_SET_PDEATHSIG). What it leaves behind comes to us
(PR_SET_CHILD_SUBREAPER) and is killed when it has ended, so that nothing of a container goes on behind its end. The
exit status is the command's, 128+n when signal n ended it, 127 when there is no such command.

It imports nothing of ours and little of Python: there is one for each container.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import sys
import time
from contextlib import suppress

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_BY_SIGNAL = 126, 127, 128
LOOK_S = 0.05
"""Between two looks at what is being killed: a process that forks all the time may have made another one."""

_prctl = ctypes.CDLL(None, use_errno=True).prctl


class Guard:
    """Watches over one command."""

    def __init__(self, command: list[str]) -> None:
        _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._orders = b""
        self._lease_end_s: float | None = None
        self._kill_at_s: float | None = None
        self._status: int | None = None
        self._pid = start(command)
        self._ended = os.pidfd_open(self._pid)

    def run(self) -> int:
        """Until the command has ended, and everything with it."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._ended, select.POLLIN)
        while self._status is None:
            for descriptor, _ in poll.poll(self._patience_ms()):
                if descriptor == self._ended:
                    self._reap()
                elif not self._read_orders():
                    poll.unregister(0)
            if self._due_s is not None and time.monotonic() >= self._due_s:
                self._lease_end_s = self._kill_at_s = None
                self._kill_all()
        self._kill_all()
        return self._status

    @property
    def _due_s(self) -> float | None:
        due = [each for each in (self._lease_end_s, self._kill_at_s) if each is not None]
        return min(due, default=None)

    def _patience_ms(self) -> int | None:
        return None if self._due_s is None else max(0, round((self._due_s - time.monotonic()) * 1000) + 1)

    def _read_orders(self) -> bool:
        """False at the end, which is the dispatcher's."""
        data = os.read(0, 4096)
        *lines, self._orders = (self._orders + data).split(b"\n")
        for line in lines:
            self._obey(*line.split())
        if not data:
            self._kill_all()
        return bool(data)

    def _obey(self, order: bytes, time_s: bytes = b"0") -> None:
        at_s = float(time_s)
        if order == b"lease":
            self._lease_end_s = at_s
        elif order == b"end":
            self._send(signal.SIGTERM)
            self._kill_at_s = at_s if self._kill_at_s is None else min(at_s, self._kill_at_s)
        elif order == b"kill":
            self._kill_all()

    def _send(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, number)

    def _kill_all(self) -> None:
        """Everything below us, until there is nothing any more. What has become another user's is waited for."""
        while found := descendants(os.getpid()):
            for pid in found:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self._reap()
            if descendants(os.getpid()):
                time.sleep(LOOK_S)
                self._reap()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid:
                self._status = _exit_status(status)


def start(command: list[str]) -> int:
    """The command in a session of its own, ended with us."""
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:  # it ended before we asked
            os._exit(EXIT_BY_SIGNAL + signal.SIGKILL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"fairlead: {command[0]}: {error.strerror}\n".encode())
        os._exit(EXIT_NOT_FOUND if error.errno == errno.ENOENT else EXIT_NOT_EXECUTABLE)


def descendants(pid: int) -> list[int]:
    """The processes below one."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):  # it ended meanwhile
        for task in os.scandir(f"/proc/{pid}/task"):
            with open(f"{task.path}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def _exit_status(status: int) -> int:
    return EXIT_BY_SIGNAL + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


if __name__ == "__main__":
    # Who ends the dispatcher from a terminal must not end us with it: the dispatcher says what is to be.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.exit(Guard(sys.argv[1:]).run())
