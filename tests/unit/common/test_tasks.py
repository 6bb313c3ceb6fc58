"""The tasks of a service."""

from __future__ import annotations

import asyncio

import pytest

from fairlead_common.tasks import Tasks


async def test_close_cancels_what_runs_and_waits_for_it() -> None:
    ended: list[str] = []

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    tasks = Tasks()
    task = tasks.spawn(run())
    await asyncio.sleep(0)
    await tasks.close()
    assert (ended, task.cancelled()) == (["ended"], True)
    await tasks.close()


async def test_a_mistake_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("our mistake")

    task = Tasks().spawn(fail())
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert "our mistake" in caplog.text
    assert "Traceback" in caplog.text
