"""The floor: a loop in C that does nothing but write what is published to its subscribers."""

from __future__ import annotations

from pathlib import Path

from bench.environment import Environment
from bench.workloads.base import CALLS, LINKS, MANY_TOPICS, MESSAGE_PACK, SESSIONS, WAMP_CRA

SOURCE = Path(__file__).with_name("floor.c")


class Floor:
    """See Peer. One write an event and subscriber, or, `batched`, one for all that was read at once."""

    protocol = "floor"
    url = "tcp://127.0.0.1:{port}"
    lacks = frozenset({CALLS, LINKS, MANY_TOPICS, MESSAGE_PACK, SESSIONS, WAMP_CRA})
    only_for: frozenset[str] = frozenset()

    def __init__(self, *, is_batched: bool) -> None:
        self.name = "floor-batched" if is_batched else "floor"
        self._options = ["batched"] if is_batched else []

    def prepare(self, environment: Environment) -> str:
        self._program = environment.c_program(SOURCE)
        return "C"

    def command(self, port: int, directory: Path) -> list[str]:
        return [str(self._program), str(port), *self._options]
