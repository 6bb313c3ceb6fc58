"""A container that a dispatcher has, and what may be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from fairlead_client.running import Exit
from fairlead_client.watching import Entry

HELD = ("Locked", "Running")


@dataclass(frozen=True)
class Take:
    """Ask for so many containers, that fit into what is free."""

    number: int
    free: dict[str, float] | None


@dataclass(frozen=True)
class Start:
    """Say that its process is about to run."""

    id: str
    term: int


@dataclass(frozen=True)
class Launch:
    """Run its process."""

    entry: Entry
    term: int


@dataclass(frozen=True)
class Kill:
    """End its process; `is_urgent`: its lease ends."""

    id: str
    is_urgent: bool


@dataclass(frozen=True)
class Unlock:
    """Give it back."""

    id: str
    term: int


@dataclass(frozen=True)
class Finish:
    """Report how it ended."""

    id: str
    term: int
    exit: Exit
    is_cancelled: bool


@dataclass(frozen=True)
class Renew:
    """Say that we are there."""

    terms: dict[str, int]


@dataclass(frozen=True)
class Refresh:
    """Have the picture made fresh: something in it is judged only then."""


Action: TypeAlias = Take | Start | Launch | Kill | Unlock | Finish | Renew | Refresh


class Phase(Enum):
    """Where a job is."""

    TAKEN = auto()
    """Locked for us; its start is to be recorded."""
    STARTED = auto()
    """Running in the record; its process is to run."""
    RUNNING = auto()
    ENDED = auto()
    """Its process has ended; that is to be reported."""


@dataclass
class Job:
    """A container that we have."""

    entry: Entry
    """As the queue has told it last, or as we got it; older news are none."""
    term: int
    lease_end_s: float
    phase: Phase = Phase.TAKEN
    is_asking: bool = False
    """An action of it is under way."""
    again_at_s: float = 0.0
    """What was refused for now is not asked again before this."""
    is_surplus: bool = False
    """A predecessor's lock, for which there is no room."""
    is_gone: bool = False
    """The queue does not have it any more."""
    is_lost: bool = False
    """The service says that it is not ours."""
    is_cancelled: bool = False
    """We have ended it because the queue said so."""
    killed: int = 0
    """0: not, 1: kindly, 2: urgently."""
    exit: Exit | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether the queue wants it to go on."""
        state = self.entry.state
        is_ours = state["state"] in HELD and state["term"] == self.term
        return bool(is_ours and state["priority"] > 0 and not (self.is_gone or self.is_lost or self.is_surplus))
