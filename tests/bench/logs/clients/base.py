"""What a producer needs of a system: one connection for each producer, batches that are acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bench.logs.lines import Check

Acknowledged = Callable[[int], None]
"""Called with a number of lines; of a batch, once or several times, until all of it is acknowledged."""


class Client(Protocol):
    """The client side of one system, in one way of using it; made with the system's URL."""

    async def prepare(self) -> None:
        """Make the place where the lines go."""
        ...

    async def connect(self, producer: int) -> None:
        """Open the producer's connection."""
        ...

    def send(self, producer: int, batch: int, acknowledged: Acknowledged) -> None:
        """Send a batch of 100 lines."""
        ...

    async def stored(self) -> Check:
        """Look at all lines that the system has."""
        ...
