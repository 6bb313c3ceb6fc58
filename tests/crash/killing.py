"""A program at work that is killed: the kernel keeps what it has, the process forgets."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def working(command: Sequence[str]) -> AsyncIterator[Process]:
    """A program that says on its stdout what it does; killed at the end of the block."""
    child = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def said_until_killed(command: Sequence[str], lines: int) -> list[bytes]:
    """What the program says until it is killed, after so many lines, unless it is done before."""
    async with working(command) as child:
        assert child.stdout is not None
        said = [line async for line in _first(lines, child.stdout)]
        if child.returncode is None:
            with suppress(ProcessLookupError):  # it has ended by itself a moment ago
                os.kill(child.pid, signal.SIGKILL)  # child.kill() would reap such a one, and lose its status
        said += (await child.stdout.read()).splitlines(keepends=True)
        status = await child.wait()
        assert status in {0, -signal.SIGKILL}, f"the program failed: {status}"
    return [line for line in said if line.endswith(b"\n")]


async def _first(count: int, stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while count and (line := await stream.readline()):
        count -= 1
        yield line
