"""`fairlead serve` as a process that a test looks at from all sides: its first line, its signals, its end, its words.

    async with serving(tmp_path / "data") as server:
        ... server.url, server.token ...
        done = await server.end()

`support.serving` is for tests of commands against a server.
"""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.serving import COMMAND_S, FAIRLEAD, Done, line_with

READY = re.compile(
    r"Fairlead is listening on (http://127\.0\.0\.1:\d+/) \(WebSocket: (ws://127\.0\.0\.1:\d+/ws)\)(?:, (.*))?\n"
)


class Running:
    """A server that has said that it is ready."""

    def __init__(self, process: asyncio.subprocess.Process, ready: re.Match[str], data: Path) -> None:
        self.process = process
        self.address, self.url, others = ready.groups()
        self.others = [] if others is None else others.split(", ")
        self.data = data

    @property
    def token(self) -> str:
        return (self.data / "admin.token").read_text().strip()

    @property
    def port(self) -> int:
        return int(self.url.removesuffix("/ws").rpartition(":")[2])

    async def end(self, number: int = signal.SIGTERM) -> Done:
        """With this signal."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        stdout, stderr = await asyncio.wait_for(self.process.communicate(), COMMAND_S)
        assert self.process.returncode is not None
        return Done(self.process.returncode, stdout, stderr.decode())


async def start(data: Path, *options: str) -> asyncio.subprocess.Process:
    """The process, which may not be ready yet, and may never be."""
    pipe = asyncio.subprocess.PIPE
    command = (*FAIRLEAD, "serve", "--data", str(data), *options)
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, cwd=data.parent)


@asynccontextmanager
async def serving(data: Path, *options: str) -> AsyncIterator[Running]:
    """A server on this data directory; killed at the end of the block."""
    process = await start(data, *(options or ("--listen", "127.0.0.1:0")))
    try:
        ready = READY.fullmatch(await line_with(process.stdout, "listening"))
        assert ready is not None
        yield Running(process, ready, data)
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.wait_for(process.communicate(), COMMAND_S)


async def refused(data: Path, *options: str) -> str:
    """The one line with which a server that cannot start says why."""
    process = await start(data, *options)
    stdout, stderr = await asyncio.wait_for(process.communicate(), COMMAND_S)
    assert (process.returncode, stdout) == (125, b"")
    assert stderr.count(b"\n") == 1
    return stderr.decode()


def without_page_note(stderr: str) -> str:
    """The page need not be built for these tests."""
    return stderr.replace("fairlead: the page is not built; in a checkout, `make web` builds it\n", "")
