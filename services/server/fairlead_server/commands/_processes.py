"""Containers as processes of this machine: each below a guard (_guard.py), its output a live log."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fairlead_client import ClientError, Entry, Exit
from fairlead_client.asyncio import Connection, LogWriter
from fairlead_client.spooling import new_spool
from fairlead_server.commands import _guard
from fairlead_server.commands._pump import Pipe, Pump

GUARD = (sys.executable, "-I", "-S", str(Path(_guard.__file__)))

LOG_S = 5.0
"""How long the end is held back until the log is complete; then it is reported, and the rest of the log sent later."""

REASON_LENGTH = 500

OUT_OF_SOMETHING = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
"""Errors that are this machine's, not the command's: a request may try it again, elsewhere."""

CONTAINER_VARIABLE = "FAIRLEAD_CONTAINER"

_DISPATCHER_ONLY = ("FAIRLEAD_TOKEN",)
"""What a command has no business with: it is the dispatcher's."""


class Processes:
    """The Runner of `fairlead dispatch`. `prefix` is put before each command."""

    def __init__(self, connection: Connection, prefix: Sequence[str], grace_s: float) -> None:
        self._connection = connection
        self._prefix = list(prefix)
        self._grace_s = grace_s
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, container: Entry, on_exit: Callable[[Exit], None]) -> ContainerProcess:
        """See Runner. A command that cannot be started has an exit status, and its log says why."""
        process = ContainerProcess(container, self._prefix, self._grace_s)
        task = asyncio.get_running_loop().create_task(process.run(self._connection, on_exit))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return process

    async def close(self) -> None:
        """Wait for the logs."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LOG_S)


class ContainerProcess:
    """One container while it runs."""

    def __init__(self, container: Entry, prefix: Sequence[str], grace_s: float) -> None:
        self._container = container
        self._prefix = prefix
        self._grace_s = grace_s
        self._guard: subprocess.Popen[bytes] | None = None
        self._pump: Pump | None = None
        self._lease = ""
        """The latest order about it: a guard that is still to come gets it first."""
        self._is_unwanted = False

    def kill(self) -> None:
        """SIGTERM, and after the grace SIGKILL."""
        self._is_unwanted = True
        self._order(f"end {time.monotonic() + self._grace_s:.3f}")

    def kill_now(self) -> None:
        """SIGKILL to all of it."""
        self._is_unwanted = True
        self._order("kill")

    def lease(self, remaining_s: float) -> None:
        """It is killed after so long, unless this is said again."""
        self._lease = f"lease {time.monotonic() + remaining_s:.3f}"
        self._order(self._lease)

    async def run(self, connection: Connection, on_exit: Callable[[Exit], None]) -> None:
        """Until it has ended and the log is complete, or late."""
        about = self._container
        try:  # in a thread: a cancel of another one does not wait for the disk
            spool = await asyncio.to_thread(new_spool, about.id, object=about.object)
        except ClientError as error:  # what cannot have a log is not run
            on_exit(Exit(None, f"its log cannot be kept: {error}"[:REASON_LENGTH]))
            return
        writer = LogWriter(connection, spool, on_room=self._on_room)
        exit_ = self._start() or await self._attend(writer)
        if self._guard is None:
            writer.write("stderr", f"fairlead: {exit_.reason}")
        writer.seal(exit_.exit_code, exit_.reason)
        delivering = asyncio.ensure_future(writer.drain(LOG_S))
        await asyncio.wait({delivering})
        on_exit(exit_)
        await writer.close(linger_s=LOG_S)

    def _start(self) -> Exit | None:
        """None, or why there is nothing that runs."""
        if self._is_unwanted:
            return Exit(None, "it was ended before it began")
        try:
            self._guard = subprocess.Popen(
                [*GUARD, *self._prefix, *self._container.state["command"]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._container.state.get("cwd"),
                env=_environment(self._container),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL byte, or a variable that no environment can have
            is_ours = isinstance(error, OSError) and error.errno in OUT_OF_SOMETHING
            status = None if is_ours else _guard.EXIT_NOT_FOUND
            return Exit(status, f"it cannot be started: {_why(error)}")
        assert self._guard.stdin is not None
        os.set_blocking(self._guard.stdin.fileno(), False)  # a guard that is stopped must not stop us
        self._order(self._lease)
        return None

    async def _attend(self, writer: LogWriter) -> Exit:
        assert self._guard is not None
        assert self._guard.stdout is not None
        assert self._guard.stderr is not None
        outputs = {"stdout": self._guard.stdout, "stderr": self._guard.stderr}
        pipes = [Pipe(os.dup(file.fileno()), source, 0) for source, file in outputs.items()]
        for file in outputs.values():
            file.close()
        pump = self._pump = Pump(pipes, writer, None)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        descriptor = os.pidfd_open(self._guard.pid)
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        pump.stop()
        status = self._guard.wait()
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        return Exit(status if status >= 0 else _guard.EXIT_BY_SIGNAL - status)

    def _on_room(self) -> None:
        if self._pump is not None:
            self._pump.resume()

    def _order(self, order: str) -> None:
        """A guard that is gone needs none."""
        if self._guard is None or self._guard.stdin is None or self._guard.stdin.closed:
            return
        try:
            os.write(self._guard.stdin.fileno(), order.encode() + b"\n")
        except OSError:
            return


def _why(error: OSError | ValueError) -> str:
    """Short enough to be a reason: paths are anybody's."""
    text = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)
    return text[:REASON_LENGTH]


def _environment(container: Entry) -> dict[str, str]:
    given: dict[str, Any] = container.state.get("environment") or {}
    ours = {name: value for name, value in os.environ.items() if name not in _DISPATCHER_ONLY}
    return {**ours, **given, CONTAINER_VARIABLE: container.id}
