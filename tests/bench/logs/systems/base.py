"""What a system is that takes appends: a server that the benchmark starts, and how it is used."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from bench.environment import Environment


class Address(msgspec.Struct, frozen=True):
    """A server that accepts connections."""

    url: str
    pid: int
    database_pid: int | None = None
    """Of a database server of its own, whose work counts too."""


class System(Protocol):
    """One server in one configuration, used in one way."""

    title: str
    """As in the table."""
    client: str
    """A key of bench.logs.clients.CLIENTS."""
    is_durable: bool
    """Whether what it acknowledges survives a power loss."""

    def prepare(self, environment: Environment) -> str:
        """Makes what it needs and returns its version. Raises Unavailable, with the reason."""
        ...

    def running(self) -> AbstractContextManager[Address]:
        """A new, empty server. Raises MeasuringFailed."""
        ...
