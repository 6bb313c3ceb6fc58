"""A real `fairlead serve`, and the `fairlead` command, as child processes.

    async with Serving(tmp_path) as server:
        done = await server.fairlead("run", "--", "echo", "hello")

The server has a port and a data directory of its own, so it can be killed and started again and be the same. Commands
run in a directory of their own, as the user admin unless told otherwise, and find their spools below it; several tests
may share a server, each with `Commands` and names of its own.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from support.waiting import eventually

# As `python -m fairlead_server`. uvloop lets its children inherit the descriptors that it made their stdin and stdout
# from; what a command leaves running would hold them, and the test would wait for it.
FAIRLEAD = (sys.executable, "-c", "import os; os.closerange(3, 256); from fairlead_server.main import main; main()")
# The limit of what a command of a test may take; a loaded machine takes its time.
COMMAND_S = 20.0
OWN_PORTS = 12_000
"""So many below those of the kernel are for servers that are started again."""
NESTED = ("user", "group", "object", "arvados", "streams", "cursor", "outbox", "record")
"""Commands that have commands: `fairlead user add`."""


class Done(NamedTuple):
    """A command that has ended."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def lines(self) -> list[str]:
        return self.stdout.decode().splitlines()


class Commands:
    """Runs `fairlead` commands against a server, in a directory of their own."""

    def __init__(self, url: str, data: Path, directory: Path) -> None:
        self.url = url
        self.data = data
        self.directory = directory

    def environment(self, token: str | None = None) -> dict[str, str]:
        """For a command: who it is, and nothing of this machine's user."""
        known = token or (self.data / "admin.token").read_text().strip()
        return {
            **os.environ,
            "FAIRLEAD_TOKEN": known,
            "HOME": str(self.directory),
            "XDG_STATE_HOME": str(self.directory / "state"),
            "PYTHONUNBUFFERED": "",
        }

    @property
    def spools(self) -> list[Path]:
        """What runs have left."""
        return sorted((self.directory / "state" / "fairlead" / "spool").glob("*"))

    async def fairlead(self, *arguments: str, token: str | None = None, stdin: bytes = b"") -> Done:
        """Runs `fairlead` with these arguments to its end."""
        async with self.running(*arguments, token=token) as process:
            stdout, stderr = await asyncio.wait_for(process.communicate(stdin), COMMAND_S)
        assert process.returncode is not None
        return Done(process.returncode, stdout, stderr.decode())

    @asynccontextmanager
    async def running(self, *arguments: str, token: str | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
        """Starts `fairlead` with these arguments, and kills it at the end of the block unless it has ended."""
        words = 2 if arguments[0] in NESTED else 1
        process = await asyncio.create_subprocess_exec(
            *FAIRLEAD, *arguments[:words], "--url", self.url, *arguments[words:],
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=self.environment(token), cwd=self.directory, limit=64 << 20,
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await asyncio.wait_for(process.communicate(), COMMAND_S)


class Serving(Commands):
    """The server; killed at the end of its block."""

    def __init__(self, directory: Path, *options: str, program: tuple[str, ...] = FAIRLEAD) -> None:
        self.port = free_port()
        super().__init__(f"ws://127.0.0.1:{self.port}/ws", directory / "data", directory)
        self._options = options
        self._program = program
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Starts it, and returns when it can be used."""
        address = f"127.0.0.1:{self.port}"
        self._process = await asyncio.create_subprocess_exec(
            *self._program, "serve", "--listen", address, "--data", str(self.data), *self._options,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), COMMAND_S)
        assert b"listening" in line, f"the server did not start: {line!r}"

    async def kill(self) -> None:
        """As a power switch does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """In order."""
        await self._end(signal.SIGTERM)

    def send_signal(self, number: int) -> None:
        """SIGSTOP, SIGCONT or what else it takes."""
        assert self._process is not None
        self._process.send_signal(number)

    async def _end(self, number: int) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.returncode is None:
            process.send_signal(number)
        await asyncio.wait_for(process.communicate(), COMMAND_S)


def free_port() -> int:
    """A port that nobody listens on just now, and that a server can have again after a kill.

    It is none that the kernel gives to connections: while the server is away one of those might get it, or whoever
    dials it might be connected with itself.
    """
    first, _ = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    while True:
        port = secrets.choice(range(int(first) - OWN_PORTS, int(first)))
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


async def line_with(stream: asyncio.StreamReader | None, text: str, timeout_s: float = 20.0) -> str:
    """The next line of a stream that contains the text."""
    assert stream is not None
    async with asyncio.timeout(timeout_s):
        while line := await stream.readline():
            if text in line.decode():
                return line.decode()
    raise AssertionError(f"no line with {text!r} came")


async def is_gone(pid: int) -> None:
    """Waits for the end of a process that is not our child."""
    await eventually(lambda: not Path(f"/proc/{pid}").exists(), what=f"end of process {pid}")
