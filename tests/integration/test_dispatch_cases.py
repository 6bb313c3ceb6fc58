"""What must not go wrong between requests, cancels and processes: real dispatchers on a real server.

Arvados' own cases: a shared container outlives one of its requests, what a cancelled workflow has asked for ends with
it, the trash ends what runs, and what is more urgent does not displace what has begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fairlead_client.calling import ask
from fairlead_server.commands._processes import LOG_S
from support.dispatching import asking, dispatching, is_, is_alive, is_gone, pid_in, state_of, stays, submit
from support.serving import Serving
from support.waiting import eventually


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Serving]:
    """With one dispatcher that has two slots."""
    async with Serving(tmp_path) as serving, dispatching(serving, "--slots", "2", "--name", "d1", "--grace", "1"):
        yield serving


async def request(server: Serving, *command: str, **options: Any) -> str:
    """Gives the container."""
    async with asking(server) as connection:
        return str((await ask(connection, "fairlead.container.request", command, **options))["container"])


async def do(server: Serving, procedure: str, /, *args: Any, **kwargs: Any) -> Any:
    """As the administrator."""
    async with asking(server) as connection:
        return await ask(connection, procedure, *args, **kwargs)


async def test_a_shared_container_runs_on_until_nobody_wants_it(server: Serving, tmp_path: Path) -> None:
    command = stays(tmp_path / "pid")
    first = await request(server, *command, id="r1", reuse=True)
    pid = await pid_in(tmp_path / "pid")
    assert await request(server, *command, id="r2", reuse=True) == first
    await do(server, "fairlead.container.cancel", "r1")
    assert (await state_of(server, first))["priority"] > 0
    assert is_alive(pid)
    await do(server, "fairlead.container.cancel", "r2")
    await is_gone(pid)
    await eventually(lambda: is_(server, first, "Cancelled"))


async def test_what_a_cancelled_workflow_has_asked_for_ends_with_it(server: Serving, tmp_path: Path) -> None:
    parent = await request(server, *stays(tmp_path / "parent"), id="workflow")
    await pid_in(tmp_path / "parent")
    child = await request(server, *stays(tmp_path / "child"), id="step", parent=parent)
    pid = await pid_in(tmp_path / "child")
    waiting = await request(server, "true", id="next", parent=parent)
    await do(server, "fairlead.container.cancel", parent)
    await is_gone(pid)
    for id_ in (parent, child, waiting):
        await eventually(lambda: is_(server, id_, "Cancelled"), what=id_)  # noqa: B023


async def test_the_trash_ends_what_runs_and_what_waits(server: Serving, tmp_path: Path) -> None:
    await do(server, "fairlead.authz.apply", [{"op": "put", "kind": "project", "id": "p", "owner": "admin"}])
    running = await submit(server, *stays(tmp_path / "pid"), project="p", id="running")
    pid = await pid_in(tmp_path / "pid")
    held = await submit(server, "true", project="p", id="held", priority=0)
    await do(server, "fairlead.authz.apply", [{"op": "trash", "id": "p"}])
    await is_gone(pid)
    await do(server, "fairlead.authz.apply", [{"op": "untrash", "id": "p"}])
    await eventually(lambda: is_(server, running, "Cancelled"), LOG_S + 5)  # its log could not be written meanwhile
    assert await is_(server, held, "Cancelled")


async def test_what_is_more_urgent_is_next_and_displaces_nothing(server: Serving, tmp_path: Path) -> None:
    for number in range(2):
        await submit(server, *stays(tmp_path / f"{number}"), id=f"running-{number}", priority=1)
    pids = [await pid_in(tmp_path / f"{number}") for number in range(2)]
    await submit(server, *stays(tmp_path / "usual"), id="usual", priority=2)
    await submit(server, *stays(tmp_path / "raised"), id="raised", priority=1)
    await do(server, "fairlead.container.set_priority", "raised", 9)
    assert all(is_alive(pid) for pid in pids)
    await do(server, "fairlead.container.cancel", "running-0")
    await pid_in(tmp_path / "raised")
    assert await is_(server, "usual", "Queued")
    assert is_alive(pids[1])


async def test_a_burst_is_run_once_each_by_two_that_compete(server: Serving, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    command = ["sh", "-c", f"echo $FAIRLEAD_CONTAINER >> {ran}"]
    async with dispatching(server, "--slots", "2", "--name", "d2"), asking(server) as connection:
        ids = [f"c{number}" for number in range(12)]
        await asyncio.gather(*(ask(connection, "fairlead.container.create", command, id=id_) for id_ in ids))
        for id_ in ids:
            await eventually(lambda: is_(server, id_, "Complete"), timeout_s=20, what=id_)  # noqa: B023
    assert sorted(ran.read_text().split()) == sorted(ids)
