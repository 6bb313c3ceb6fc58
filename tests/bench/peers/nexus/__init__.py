"""nexus v3, the WAMP router in Go: a main of its own around the library, with the library's defaults."""

from __future__ import annotations

import re
from pathlib import Path

from bench.environment import Environment
from bench.workloads.connects import SECRET

SOURCE = Path(__file__).parent


class Nexus:
    """See Peer."""

    name = "nexus"
    protocol = "wamp"
    url = "ws://127.0.0.1:{port}/"
    lacks: frozenset[str] = frozenset()
    only_for: frozenset[str] = frozenset()

    def prepare(self, environment: Environment) -> str:
        self._program = environment.go_program(SOURCE, "nexus")
        versions: list[str] = re.findall(r"gammazero/nexus/v3 v(\S+)", (SOURCE / "go.mod").read_text(encoding="ascii"))
        return versions[0]

    def command(self, port: int, directory: Path) -> list[str]:
        return [str(self._program), f"127.0.0.1:{port}", SECRET]
