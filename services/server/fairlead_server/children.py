"""Child processes of the demo: a server and dispatchers, each started again when it dies.

Every child is in a process group of its own, so that Ctrl-C in the terminal reaches only us and we end them in order.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import typer

from fairlead_server.address import Address
from fairlead_server.errors import EXIT_ERROR, CommandError

# -P: the working directory, which may hold any http.py, is not on the path.
FAIRLEAD = (sys.executable, "-P", "-m", "fairlead_server")
PROGRAMS = (sys.executable, "-P", "-m", "fairlead_server.demo_programs")

READY = re.compile(r"Fairlead is listening on http://\S+:(\d+)/ ")

# A server that dies before it is ready is started again this often, after these pauses.
RESTARTS = 5
RESTART_PAUSE_S = 0.5

# A child has this long after each of these signals: to end its log, to end at once, and then it is ended.
STOP_STEPS = ((signal.SIGTERM, 5.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))


# What is worth telling of what a dispatcher says: not that it reports, or is connected again.
TOLD = re.compile(r": (running|ending it|ended with status|given back|not ours any more)|^fairlead: cannot")

Say = Callable[[str], None]


class Child:
    """A process that we have started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], *, keeps_stderr: bool) -> Child:
        """Starts it with nothing on stdin and a pipe from its stdout, or else from its stderr."""
        pipe, other = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=other,
                stdout=other if keeps_stderr else pipe,
                stderr=pipe if keeps_stderr else None,
                env=environment,
                process_group=0,
            )
        )

    async def wait(self) -> int:
        """Its exit status, -n when signal n ended it, once it has ended."""
        return await self.process.wait()

    async def lines(self) -> AsyncIterator[str]:
        """What it says on stderr, where that is kept, to the end."""
        if self.process.stderr is not None:
            async for line in self.process.stderr:
                yield line.decode(errors="replace").strip()

    async def stop(self) -> None:
        """Ends it, kindly at first; returns when it is gone."""
        ended = asyncio.ensure_future(self.process.wait())
        for number, patience_s in STOP_STEPS:
            if self.process.returncode is None:
                self.process.send_signal(number)
            await asyncio.wait([ended], timeout=patience_s)
            if ended.done():
                return
        ended.cancel()

    def kill(self) -> None:
        """Ends it at once."""
        if self.process.returncode is None:
            self.process.kill()


class SupervisedServer:
    """`fairlead serve` as a child, started again whenever it dies. `say` tells the user about it."""

    def __init__(self, listen: Address, data: Path, say: Say) -> None:
        self.address = listen
        self._data = data
        self._say = say
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The process that serves now."""
        assert self._child is not None
        return self._child.process.pid

    @property
    def url(self) -> str:
        """Its WebSocket."""
        return f"ws://{self.address}/ws"

    async def start(self) -> None:
        """Returns when it is ready. One that cannot start has said why on stderr: ends the command."""
        if not await self._start():
            raise typer.Exit(EXIT_ERROR)

    async def supervise(self) -> None:
        """Starts it again whenever it has died. Raises CommandError when that is of no use."""
        while True:
            assert self._child is not None
            pid, status = self.pid, await self._child.wait()
            self._say(f"the server (process {pid}) was {ended_how(status)}; starting it again")
            await self._start_again()

    async def stop(self) -> None:
        """Ends it, in order."""
        if self._child is not None:
            await self._child.stop()

    def kill(self) -> None:
        """Ends it at once."""
        if self._child is not None:
            self._child.kill()

    async def _start_again(self) -> None:
        began_s = time.monotonic()
        for _ in range(RESTARTS):
            if await self._start():
                took_s = time.monotonic() - began_s
                self._say(f"the server is back after {took_s:.1f} s as process {self.pid}; everything has gone on")
                return
            await asyncio.sleep(RESTART_PAUSE_S)
        raise CommandError(f"the server does not start any more, after {RESTARTS} attempts")

    async def _start(self) -> bool:
        command = (*FAIRLEAD, "serve", "--listen", str(self.address), "--data", str(self._data))
        self._child = await Child.start(command, os.environ, keeps_stderr=False)
        stdout = self._child.process.stdout
        assert stdout is not None
        ready = READY.match((await stdout.readline()).decode(errors="replace"))
        if ready is None:
            self._child.kill()
            await self._child.wait()
            return False
        # The one that the system chose at first is kept: clients come back to it.
        self.address = self.address._replace(port=int(ready[1]))
        return True


class SupervisedDispatcher:
    """`fairlead dispatch` as a child, started again whenever it dies. `say` tells the user what it does."""

    def __init__(self, name: str, options: Sequence[str], environment: Mapping[str, str], say: Say) -> None:
        self.name = name
        self._command = (*FAIRLEAD, "dispatch", "--name", name, *options)
        self._environment = environment
        self._say = say
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The process that dispatches now."""
        assert self._child is not None
        return self._child.process.pid

    async def start(self) -> None:
        """Returns when the process is there."""
        self._child = await Child.start(self._command, self._environment, keeps_stderr=True)

    async def supervise(self) -> None:
        """Tells what it does; starts it again whenever it has died."""
        while True:
            assert self._child is not None
            async for line in self._child.lines():
                if TOLD.search(line):
                    self._say(f"{self.name}: {line.removeprefix('fairlead: ')}")
            status = await self._child.wait()
            self._say(f"{self.name} (process {self.pid}) was {ended_how(status)}; starting it again")
            await asyncio.sleep(RESTART_PAUSE_S)
            await self.start()
            self._say(f"{self.name} is back as process {self.pid}")

    async def stop(self) -> None:
        """Ends it and what it runs, in order."""
        if self._child is not None:
            await self._child.stop()

    def kill(self) -> None:
        """Ends it at once; nothing that it runs outlives it."""
        if self._child is not None:
            self._child.kill()


def ended_how(status: int) -> str:
    """An exit status in words.

    >>> ended_how(-9), ended_how(3)
    ('ended by SIGKILL', 'ended with status 3')
    """
    return f"ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
