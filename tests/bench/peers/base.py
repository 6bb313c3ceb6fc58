"""What a peer is: a router that the benchmark can start."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bench.environment import Environment


class Peer(Protocol):
    """One router, in one configuration. `prepare` is called once, before `command`."""

    name: str
    """As on the command line, in the table and in results.json."""
    dialect: str
    """How to talk to it: a key of bench.load.dialects.DIALECTS."""
    path: str
    """Of its WebSocket."""

    def prepare(self, environment: Environment) -> str:
        """Makes what it needs and returns its version. Raises Unavailable, with the reason."""
        ...

    def command(self, port: int, directory: Path) -> list[str]:
        """What serves realm `realm1` to anonymous clients on 127.0.0.1:port, for everything they ask for.

        `directory` is empty, its own, and removed afterwards.
        """
        ...
