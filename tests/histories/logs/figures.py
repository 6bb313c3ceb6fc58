"""How much a history of logs has to say: a run in which little was acknowledged, or read, would break no promise."""

from __future__ import annotations

from typing import NamedTuple

from histories.logs.case import Case, is_acknowledged
from histories.logs.record import LogHistory
from histories.record import NEVER_S


class LogFigures(NamedTuple):
    """What there was."""

    appends: int
    acknowledged: int
    """Records in those that were; repetitions count again."""
    stored: int
    """Records that the stores had at the end."""
    markers: int
    followers: int
    runs: int
    resumed: int
    """Runs that began at a cursor."""
    read: int
    """Records that followers got."""
    lagged: int
    resets: int
    losses: int
    """Of a right of a user on a stream, each certain."""
    refused: int
    faults: int

    @classmethod
    def of(cls, history: LogHistory) -> LogFigures:
        case = Case(history)
        kinds = [item.kind for _, item in case.arrived()]
        return cls(
            appends=len(history.sent),
            acknowledged=sum(each.count for each in history.sent if is_acknowledged(each)),
            stored=sum(len(each.records) for each in history.stored),
            markers=sum(len(each) for each in case.markers.values()),
            followers=len(history.stayed),
            runs=len(history.runs),
            resumed=sum(each.start is not None for each in history.runs),
            read=sum(len(item.records) for _, item in case.arrived()),
            lagged=kinds.count("lagged"),
            resets=kinds.count("reset"),
            losses=sum(
                1 for user in history.users for each in history.objects for _ in case.timeline.losses(user, each)
            ),
            refused=sum(each.refused_s != NEVER_S for each in history.runs),
            faults=sum(history.faults.values()),
        )
