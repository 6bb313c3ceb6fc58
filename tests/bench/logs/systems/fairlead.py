"""Fairlead as its users run it, `fairlead serve --open`: its logs in a SQLite file, or in PostgreSQL."""

from __future__ import annotations

import contextlib
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.environment import Environment
from bench.logs.systems.base import Address
from bench.peers.fairlead import Fairlead as Peer
from bench.processes import START_TIMEOUT_S, MeasuringFailed, end, free_port, running, start

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


@contextlib.contextmanager
def serving(data: Path) -> Iterator[tuple[Address, float]]:
    """A server on a data directory that is there already, and after how many seconds it was ready."""
    peer, port = Peer(), free_port()
    with tempfile.TemporaryFile() as output:
        begun_s = time.perf_counter()
        process = start(peer.command(port, data), data.parent, output.fileno())
        try:
            _await_health(port, begun_s + START_TIMEOUT_S)
            yield Address(f"ws://127.0.0.1:{port}{peer.path}", process.pid), time.perf_counter() - begun_s
        finally:
            end(process)


def _await_health(port: int, deadline_s: float) -> None:
    while time.perf_counter() < deadline_s:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return
        time.sleep(POLL_S)
    raise MeasuringFailed(f"fairlead serve was not ready within {START_TIMEOUT_S} s")
