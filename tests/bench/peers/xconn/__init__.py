"""xconn-python's router: WAMP in Python too, on aiohttp and uvloop."""

from __future__ import annotations

from pathlib import Path

from bench.environment import Environment
from bench.workloads.base import WAMP_CRA

REQUIREMENTS = ("xconn==0.5.1", "wampproto==0.4.0", "uvloop==0.23.0")
PROGRAM = Path(__file__).with_name("program.py")


class Xconn:
    """See Peer."""

    name = "xconn"
    protocol = "wamp"
    url = "ws://127.0.0.1:{port}/ws"
    lacks = frozenset({WAMP_CRA})
    only_for: frozenset[str] = frozenset()

    def prepare(self, environment: Environment) -> str:
        self._python = environment.venv("xconn", REQUIREMENTS) / "python"
        return REQUIREMENTS[0].partition("==")[2]

    def command(self, port: int, directory: Path) -> list[str]:
        return [str(self._python), str(PROGRAM), str(port)]
