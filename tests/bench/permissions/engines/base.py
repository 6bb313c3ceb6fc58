"""What an engine is: something that keeps the graph, answers who may what, and takes grants and revokes.

A client here has one connection and waits for each answer, so that a latency is that of one question alone.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bench.environment import Environment
from bench.permissions.dataset import Dataset
from fairlead_router.authorization import Level


class Client(Protocol):
    """An engine that has the graph. Links are given and taken at level read, objects are those of the graph."""

    def cpu_s(self) -> float:
        """What the engine's processes used so far."""
        ...

    def rss_bytes(self) -> int:
        """Resident memory of the engine's processes now; 0 if it has none of its own."""
        ...

    def ask_nothing(self) -> None:
        """The least that can be asked: what the way there and back costs."""
        ...

    def check(self, user: str, level: Level, object_id: str) -> bool:
        """Whether the user has the level on the object, by whatever way."""
        ...

    def who(self, object_id: str) -> set[str]:
        """Who may read the object; users that are not of the data set may be in it."""
        ...

    def grant(self, tail: str, head: str) -> None:
        """Returns when it is acknowledged, as `revoke` does."""
        ...

    def revoke(self, tail: str, head: str) -> None: ...


class Engine(Protocol):
    """One engine, in one configuration. `prepare` is called once, before `load`."""

    name: str
    """As in the table."""

    def prepare(self, environment: Environment) -> str:
        """Makes what it needs and returns its version. Raises Unavailable, with the reason."""
        ...

    def load(self, dataset: Dataset, directory: Path) -> AbstractContextManager[Client]:
        """Starts it and gives it the graph; ends it. `directory` is empty, its own, and removed afterwards."""
        ...
