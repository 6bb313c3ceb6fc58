"""Containers and dispatchers on a real server, for tests: ask for one, look at its state and at its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fairlead_client.asyncio import Connection
from fairlead_client.calling import ask
from support.serving import Serving, line_with
from support.waiting import eventually


@asynccontextmanager
async def dispatching(server: Serving, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A dispatcher that has begun."""
    async with server.running("dispatch", *options) as process:
        await line_with(process.stderr, "takes up to")
        yield process


@asynccontextmanager
async def asking(server: Serving) -> AsyncIterator[Connection]:
    """A session of an administrator, quicker than a command."""
    async with Connection(server.url, token=(server.data / "admin.token").read_text().strip()) as connection:
        yield connection


async def submit(server: Serving, *command: str, **options: Any) -> str:
    async with asking(server) as connection:
        return str((await ask(connection, "fairlead.container.create", command, **options))["id"])


async def state_of(server: Serving, id_: str) -> Any:
    async with asking(server) as connection:
        return (await ask(connection, "fairlead.record.get", id_))["record"]["state"]


async def is_(server: Serving, id_: str, state: str) -> bool:
    return bool((await state_of(server, id_))["state"] == state)


def stays(marker: Path) -> tuple[str, ...]:
    """A command that says its process id and stays."""
    return "sh", "-c", f"echo $$ > {marker}; echo begun; exec sleep 600"


async def pid_in(marker: Path) -> int:
    await eventually(lambda: marker.exists() and pids_in(marker) != [])
    return pids_in(marker)[0]


def pids_in(marker: Path) -> list[int]:
    return [int(pid) for pid in marker.read_text().split()]


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def is_gone(pid: int) -> None:
    await eventually(lambda: not is_alive(pid), timeout_s=10)
