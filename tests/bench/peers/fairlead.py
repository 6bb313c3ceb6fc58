"""Fairlead as its users run it: `fairlead serve --open`, with its permissions, stores and page."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from bench.environment import Environment, Unavailable


class Fairlead:
    """See Peer."""

    name = "fairlead"
    dialect = "wamp-json"
    path = "/ws"

    def prepare(self, environment: Environment) -> str:
        if not PROGRAM.is_file():
            raise Unavailable(f"there is no {PROGRAM}: fairlead is not installed beside this Python")
        return metadata.version("fairlead")

    def command(self, port: int, directory: Path) -> list[str]:
        return [str(PROGRAM), "serve", "--open", "--listen", f"127.0.0.1:{port}", "--data", str(directory)]


PROGRAM = Path(sys.executable).parent / "fairlead"
