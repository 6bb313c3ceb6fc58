"""The command that `fairlead run` runs: started in a process group of its own, with pipes for its output, or in a
session of its own on a pseudo terminal.

Being in a group of its own, it gets signals only from us, once, whoever sent them: we pass on what we get. The price
is job control, which a shell does not see through us: so we hand the terminal over when the command wants it (it is
stopped by SIGTTIN or SIGTTOU), stop ourselves when it is stopped, and wake it when we are woken. On a pseudo terminal
job control is a matter of that one and whoever reads from it, a shell for example: a Ctrl-Z goes there.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fairlead_server.commands._keyboard import set_size
from fairlead_server.errors import CommandError

# As shells say it.
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
EXIT_BY_SIGNAL = 128

# Python ignores these; a program expects them to be as they are by default.
_RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)
_STOPS = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})


class Child:
    """The command while it runs. `outputs` are descriptors to read from, by source, and the caller's to close."""

    def __init__(self, pid: int, outputs: dict[str, int]) -> None:
        self.pid = pid
        self.outputs = outputs
        self.status: int | None = None
        self._terminal = _Terminal()

    @classmethod
    def start(cls, command: Sequence[str]) -> Child:
        """Starts the command with pipes; raises CommandError with the status that a shell would give."""
        pipes = [os.pipe(), os.pipe()]
        actions = [(os.POSIX_SPAWN_DUP2, write, number) for number, (_, write) in enumerate(pipes, start=1)]
        reads = [read for read, _ in pipes]
        pid = _spawn(command, actions, reads, [write for _, write in pipes], setpgroup=0)
        return cls(pid, dict(zip(("stdout", "stderr"), reads, strict=True)))

    @classmethod
    def start_on_terminal(cls, command: Sequence[str]) -> Child:
        """Starts the command on a pseudo terminal, whose other side is its one output, `stdout`.

        It leads a session, and the first terminal that such a process opens becomes the session's.
        """
        master, slave = os.openpty()
        set_size(slave)
        opened = (os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0)
        actions = [opened, (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
        return cls(_spawn(command, actions, [master], [slave], setsid=True), {"stdout": master})

    def send(self, number: int) -> None:
        """Passes a signal on to the command and to what it has started."""
        if self.status is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def woken(self) -> None:
        """We were stopped and go on: so does the command."""
        self._terminal.give_again(self.pid)
        self.send(signal.SIGCONT)

    def look(self) -> int | None:
        """The exit status, 128+n when signal n ended the command, None while it runs. To be called at SIGCHLD."""
        while self.status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:  # somebody else has taken the status
                self.status = EXIT_BY_SIGNAL
                break
            if pid == 0:
                break
            if os.WIFSTOPPED(status):
                self._stopped(os.WSTOPSIG(status))
            else:
                self.status = exit_status(status)
                self._terminal.take_back(self.pid)
        return self.status

    def _stopped(self, number: int) -> None:
        if number in {signal.SIGTTIN, signal.SIGTTOU} and self._terminal.give(self.pid):
            self.send(signal.SIGCONT)
        elif number in _STOPS and self._terminal.is_there:
            self._terminal.take_back(self.pid)
            os.kill(os.getpid(), signal.SIGSTOP)  # our shell sees a stopped job; `woken` comes when it goes on


def _spawn(
    command: Sequence[str], actions: Sequence[tuple[Any, ...]], ours: list[int], its: list[int], **how: Any
) -> int:
    """Starts it, and closes its descriptors here; `ours` too when it cannot be started."""
    try:
        return os.posix_spawnp(
            command[0],
            [*command],
            os.environ,
            file_actions=actions,
            setsigdef=_RESTORED,
            setsigmask=(),
            **how,
        )
    except OSError as error:
        for descriptor in ours:
            os.close(descriptor)
        raise not_started(command[0], error) from None
    finally:
        for descriptor in its:
            os.close(descriptor)


class _Terminal:
    """The controlling terminal, if there is one: who is in the foreground of it."""

    def __init__(self) -> None:
        self._is_wanted = False
        self._descriptor: int | None = None
        with suppress(OSError):
            self._descriptor = os.open("/dev/tty", os.O_RDWR)

    @property
    def is_there(self) -> bool:
        return self._descriptor is not None

    def give(self, group: int) -> bool:
        """Hands it over, if it is ours."""
        is_given = self._belongs_to(os.getpgrp()) and self._put(group)
        self._is_wanted = self._is_wanted or is_given
        return is_given

    def give_again(self, group: int) -> None:
        """After a stop, if the command had it, and our shell has put us into the foreground again."""
        if self._is_wanted:
            self.give(group)

    def take_back(self, group: int) -> None:
        """Takes it from the command, unless somebody else has it by now."""
        if self._belongs_to(group):
            self._put(os.getpgrp())

    def _belongs_to(self, group: int) -> bool:
        with suppress(OSError):
            return self._descriptor is not None and os.tcgetpgrp(self._descriptor) == group
        return False

    def _put(self, group: int) -> bool:
        assert self._descriptor is not None, "there is a terminal"
        # Who is not in the foreground and asks for the terminal, or writes to it, is stopped by this signal.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        with suppress(OSError):
            os.tcsetpgrp(self._descriptor, group)
            return True
        return False


def exit_status(status: int) -> int:
    """What a shell makes of a wait status."""
    return EXIT_BY_SIGNAL + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def not_started(name: str, error: OSError) -> CommandError:
    """The line and the status for a command that cannot be started."""
    if isinstance(error, FileNotFoundError):
        return CommandError(f"{name}: command not found", EXIT_NOT_FOUND)
    return CommandError(f"{name}: {error.strerror}", EXIT_NOT_EXECUTABLE)
