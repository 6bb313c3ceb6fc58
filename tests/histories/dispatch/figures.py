"""How much a history of containers has to say: where nothing ran, nothing can have run twice."""

from __future__ import annotations

from typing import NamedTuple

from histories.dispatch.record import DispatchHistory


class DispatchFigures(NamedTuple):
    """What there was."""

    containers: int
    processes: int
    complete: int
    attempts: int
    """Containers that were made because another one was lost."""
    cancels: int
    late: int
    """Reports that came behind the end of a lease."""
    faults: int

    @classmethod
    def of(cls, history: DispatchHistory) -> DispatchFigures:
        states = history.left.values()
        return cls(
            containers=len(history.left),
            processes=len(history.processes),
            complete=sum(state["state"] == "Complete" for state in states),
            attempts=sum((state["attempt"] or 1) > 1 for state in states),
            cancels=len(history.cancels),
            late=sum(len(state["late"]) for state in states),
            faults=sum(history.faults.values()),
        )
