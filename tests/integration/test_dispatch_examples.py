"""The program of examples/dispatch, as a real process against a real server."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.serving import Serving, line_with
from support.waiting import eventually

WORKER = Path(__file__).parents[2] / "examples" / "dispatch" / "worker.py"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Serving]:
    async with Serving(tmp_path) as server:
        yield server


@pytest.fixture
async def worker(server: Serving) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        server.url,
        "worker-1",
        stdout=asyncio.subprocess.PIPE,
        env={**server.environment(), "PYTHONUNBUFFERED": "1"},
    )
    yield process
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def state_of(server: Serving, id_: str) -> Any:
    done = await server.fairlead("record", "get", id_, "--json")
    return json.loads(done.stdout)["state"]


async def test_a_function_runs_as_a_container(server: Serving, worker: asyncio.subprocess.Process) -> None:
    waited = await server.fairlead("submit", "--id", "c", "--wait", "--", "count", "3")
    assert waited.status == 0
    state = await state_of(server, "c")
    assert (state["state"], state["progress"], state["output"]) == ("Complete", 1.0, {"counted": 3})


async def test_a_function_that_fails_says_why(server: Serving, worker: asyncio.subprocess.Process) -> None:
    waited = await server.fairlead("submit", "--id", "c", "--wait", "--", "count", "many")
    assert waited.status == 1
    assert "invalid literal for int()" in (await state_of(server, "c"))["reason"]


async def test_a_cancel_ends_the_function(server: Serving, worker: asyncio.subprocess.Process) -> None:
    await server.fairlead("submit", "--id", "c", "--", "count", "1000")
    await line_with(worker.stdout, "started c")
    await server.fairlead("cancel", "c")
    await eventually(lambda: is_cancelled(server, "c"))


async def test_a_worker_that_is_stopped_reports_what_it_ran(
    server: Serving, worker: asyncio.subprocess.Process
) -> None:
    await server.fairlead("submit", "--id", "c", "--", "count", "1000")
    await line_with(worker.stdout, "started c")
    worker.terminate()
    assert await asyncio.wait_for(worker.wait(), 10) == 0
    assert await is_cancelled(server, "c")


async def is_cancelled(server: Serving, id_: str) -> bool:
    return bool((await state_of(server, id_))["state"] == "Cancelled")
