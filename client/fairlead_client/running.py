"""What a Dispatcher needs of who runs containers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from fairlead_client.watching import Entry


class Exit(NamedTuple):
    """How a container's process ended."""

    exit_code: int | None
    """None: it never ran, or nobody knows."""
    reason: str | None = None
    output: Any = None


class Process(Protocol):
    """One that runs."""

    def lease(self, remaining_s: float) -> None:
        """It may run for so long at the most, unless this is said again: for who can see to that beside us."""

    def kill(self) -> None:
        """End it soon: kindly at first. Its exit is told as any other. May be called again."""

    def kill_now(self) -> None:
        """End it before this returns, or as near to that as can be: its lease is about to end."""


class Runner(Protocol):
    """Runs containers."""

    def start(self, container: Entry, on_exit: Callable[[Exit], None]) -> Process:
        """Start what the container's state says.

        `on_exit` is called once, in the framework's own thread and not before this returns, when everything of it has
        ended; also when it could not be started.
        """
