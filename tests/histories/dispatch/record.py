"""What is recorded of a play with containers: what was asked, what records said, which processes there were."""

from __future__ import annotations

from typing import Any

import msgspec

from histories.record import NEVER_S


class Asked(msgspec.Struct):
    """A container, or a request for one and its attempts. `exit_code` is what its command ends with."""

    id: str
    exit_code: int
    sent_s: float
    attempts: int | None = None
    """Of a request; None: it is a container."""
    acknowledged_s: float = NEVER_S


class Cancel(msgspec.Struct):
    """An acknowledged cancel of a container, and the state that the answer said."""

    id: str
    sent_s: float
    acknowledged_s: float
    state: str


class Said(msgspec.Struct):
    """A version of a container's record, when somebody who watches all was told it."""

    at_s: float
    id: str
    version: int
    state: dict[str, Any]


class Process(msgspec.Struct):
    """A container's command, as it was seen in the process table: it was there for at least so long."""

    container: str
    pid: int
    first_seen_s: float
    last_seen_s: float


class DispatchHistory(msgspec.Struct):
    """One play."""

    asked: list[Asked] = msgspec.field(default_factory=list)
    cancels: list[Cancel] = msgspec.field(default_factory=list)
    said: list[Said] = msgspec.field(default_factory=list)
    processes: list[Process] = msgspec.field(default_factory=list)
    left: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """The states of all containers and requests at the end."""
    stops: list[tuple[float, float]] = msgspec.field(default_factory=list)
    """From when to when a dispatcher was stopped (SIGSTOP)."""
    faults: dict[str, int] = msgspec.field(default_factory=dict)
