"""Stores of the graph, and the servers that are measured: server.py, each a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.environment import CHECKOUT
from bench.permissions.dataset import Dataset, write
from bench.permissions.server import Itself
from bench.processes import MeasuringFailed, end, free_port
from fairlead_authz import Authz

PATH = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests")}


class Running(msgspec.Struct, frozen=True):
    """A server that accepts connections."""

    port: int
    pid: int
    itself: Itself

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"


def make_store(dataset: Dataset, store: Path) -> None:
    """A new store, with the nodes that every one has, and the data set."""

    async def create() -> None:
        authz = await Authz.open(f"sqlite:///{store}")
        await authz.close()

    asyncio.run(create())
    write(dataset, store)


@contextlib.contextmanager
def serving(store: Path | None, *options: str) -> Iterator[Running]:
    """A router with the permissions of the store, or without any; `options` as server.py has them."""
    port = free_port()
    command = [sys.executable, "-m", "bench.permissions.server", str(port), *([str(store)] if store else []), *options]
    with subprocess.Popen(command, env=PATH, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise MeasuringFailed(f"{command!r} ended with {process.wait()}")
            yield Running(port, process.pid, msgspec.json.decode(line, type=Itself))
        finally:
            end(process)
