"""Fairlead as its users run it, `fairlead serve --open`: its logs in a SQLite file, or in PostgreSQL."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.environment import CHECKOUT, Environment
from bench.logs.systems.base import Address
from bench.logs.systems.postgresql import PostgreSql, durable_server
from bench.peers.fairlead import Fairlead as Peer
from bench.processes import START_TIMEOUT_S, MeasuringFailed, await_port, end, free_port, running, start

POLL_S = 0.002


class Fairlead:
    """See System."""

    title = "Fairlead on SQLite"
    client = "fairlead"
    is_durable = True

    def __init__(self) -> None:
        self._peer = Peer()

    def prepare(self, environment: Environment) -> str:
        return self._peer.prepare(environment)

    @contextlib.contextmanager
    def running(self) -> Iterator[Address]:
        with running(self._peer) as router:
            yield Address(router.url, router.pid)


class FairleadOnPostgreSql:
    """See System: a router with the log service (server.py), and the database beside it."""

    title = "Fairlead on PostgreSQL"
    client = "fairlead"
    is_durable = True

    def prepare(self, environment: Environment) -> str:
        return PostgreSql(is_batched=True).prepare(environment)

    @contextlib.contextmanager
    def running(self) -> Iterator[Address]:
        with durable_server() as database, tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
            port, output = free_port(), Path(name) / "output.txt"
            command = [sys.executable, "-m", "bench.logs.server", str(port), database.new_database()]
            with output.open("wb") as stream:
                process = start(command, CHECKOUT / "tests", stream.fileno())
            try:
                await_port(port, process, output)
                yield Address(f"ws://127.0.0.1:{port}/ws", process.pid, database.pid)
            finally:
                end(process)


@contextlib.contextmanager
def serving(data: Path) -> Iterator[tuple[Address, float]]:
    """A server on a data directory that is there already, and after how many seconds it was ready."""
    peer, port = Peer(), free_port()
    with tempfile.TemporaryFile() as output:
        begun_s = time.perf_counter()
        process = start(peer.command(port, data), data.parent, output.fileno())
        try:
            _await_health(port, begun_s + START_TIMEOUT_S)
            yield Address(peer.url.format(port=port), process.pid), time.perf_counter() - begun_s
        finally:
            end(process)


def _await_health(port: int, deadline_s: float) -> None:
    while time.perf_counter() < deadline_s:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return
        time.sleep(POLL_S)
    raise MeasuringFailed(f"fairlead serve was not ready within {START_TIMEOUT_S} s")
