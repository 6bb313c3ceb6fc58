"""A kill -9 of a log service at work: the kernel keeps what it was given, the process forgets everything."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE

from crash.power_loss import WORKLOAD


async def said_until_killed(url: str, seed: int, lines: int) -> list[bytes]:
    """What the workload says until it is killed, after so many lines, unless it is done before."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKLOAD), url, "/dev/stdout", str(seed), stdout=PIPE
    )
    assert child.stdout is not None
    said = [await child.stdout.readline() for _ in range(lines)]
    if child.returncode is None:
        child.kill()
    said += (await child.stdout.read()).splitlines(keepends=True)
    await child.wait()
    return [line for line in said if line]
