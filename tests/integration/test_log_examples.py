"""The programs of examples/logs, as real processes against a real server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.serving import Serving

EXAMPLES = Path(__file__).parents[2] / "examples" / "logs"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Serving]:
    async with Serving(tmp_path) as server:
        yield server


async def run(server: Serving, program: str, stream: str, stdin: str = "") -> tuple[int | None, str]:
    """An example's exit status, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / program),
        server.url,
        stream,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=server.environment(),
    )
    output, _ = await asyncio.wait_for(process.communicate(stdin.encode()), 20)
    return process.returncode, output.decode()


async def test_what_one_program_writes_another_one_follows_to_the_end(server: Serving) -> None:
    assert await run(server, "write.py", "log", "one\ntwo\n") == (0, "")
    assert await run(server, "follow.py", "log") == (0, "0 stdin: one\n1 stdin: two\n")


async def test_the_log_of_a_service_is_a_stream(server: Serving) -> None:
    assert await run(server, "service.py", "log") == (0, "")
    done = await server.fairlead("logs", "log")
    lines = (done.stdout.decode() + done.stderr).splitlines()
    assert lines[:2] == ["service: begins", "service: cannot divide"]
    assert lines[-2:] == ["ZeroDivisionError: division by zero", "service: ends"]


async def test_a_consumer_goes_on_where_it_committed(server: Serving) -> None:
    assert await run(server, "write.py", "log", "one\ntwo\n") == (0, "")
    assert await run(server, "consume.py", "log") == (0, "0: one\n1: two\n")
    assert await run(server, "consume.py", "log") == (0, "")
