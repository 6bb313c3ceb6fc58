"""Fairlead's router alone, in a program of ten lines: what an embedding program gets."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from bench.environment import Environment
from bench.workloads.base import WAMP_CRA
from bench.workloads.connects import SECRET


class Embedded:
    """See Peer."""

    name = "fairlead-embedded"
    protocol = "wamp"
    url = "ws://127.0.0.1:{port}/ws"
    lacks: frozenset[str] = frozenset()
    only_for = frozenset({WAMP_CRA})  # a realm of `fairlead serve` with permissions takes tokens

    def prepare(self, environment: Environment) -> str:
        return metadata.version("fairlead")

    def command(self, port: int, directory: Path) -> list[str]:
        return [sys.executable, str(PROGRAM), str(port), SECRET]


PROGRAM = Path(__file__).with_name("program.py")
