"""How much a history of records has to say: a run in which little was told would break no promise."""

from __future__ import annotations

from typing import NamedTuple

from histories.record import NEVER_S
from histories.records.case import Case
from histories.records.record import RecordHistory


class RecordFigures(NamedTuple):
    """What there was."""

    steps: int
    acknowledged: int
    runs: int
    resumed: int
    told: int
    """Changes that watchers were told."""
    bookmarks: int
    resets: int
    losses: int
    """Of a right of a user on an object, each certain."""
    faults: int

    @classmethod
    def of(cls, history: RecordHistory) -> RecordFigures:
        told = [each for run in history.runs for each in run.told]
        timeline = Case(history).timeline
        return cls(
            steps=len(history.steps),
            acknowledged=sum(step.acknowledged_s != NEVER_S for step in history.steps),
            runs=len(history.runs),
            resumed=sum(run.is_resumed for run in history.runs),
            told=sum(len(each.changes) for each in told),
            bookmarks=sum(each.is_whole for each in told),
            resets=sum(each.reset is not None for each in told),
            losses=sum(1 for user in history.users for each in history.objects for _ in timeline.losses(user, each)),
            faults=sum(history.faults.values()),
        )
