"""Fairlead's router alone, in a program of ten lines: what an embedding program gets."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from bench.environment import Environment


class Embedded:
    """See Peer."""

    name = "fairlead-embedded"
    dialect = "wamp-json"
    path = "/ws"

    def prepare(self, environment: Environment) -> str:
        return metadata.version("fairlead")

    def command(self, port: int, directory: Path) -> list[str]:
        return [sys.executable, str(PROGRAM), str(port)]


PROGRAM = Path(__file__).with_name("program.py")
