"""Fairlead as its users run it: `fairlead serve --open`, with its permissions, stores and page."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from bench.environment import Environment, Unavailable
from bench.workloads.base import WAMP_CRA


class Fairlead:
    """See Peer."""

    name = "fairlead"
    protocol = "wamp"
    url = "ws://127.0.0.1:{port}/ws"
    lacks = frozenset({WAMP_CRA})  # the main realm takes no secrets of a configuration without users
    only_for: frozenset[str] = frozenset()

    def prepare(self, environment: Environment) -> str:
        if not PROGRAM.is_file():
            raise Unavailable(f"there is no {PROGRAM}: fairlead is not installed beside this Python")
        return metadata.version("fairlead")

    def command(self, port: int, directory: Path) -> list[str]:
        return [str(PROGRAM), "serve", "--open", "--listen", f"127.0.0.1:{port}", "--data", str(directory)]


PROGRAM = Path(sys.executable).parent / "fairlead"
