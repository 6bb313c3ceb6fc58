"""How much a history has to say: a run in which nothing was certain would break no promise."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from histories.record import NEVER_S, History
from histories.validators import Case, residues


class Figures(NamedTuple):
    """What there was."""

    publications: int
    deliveries: int
    changes: int
    losses: int
    """Of a right of a user on an object, each certain."""
    notices: int
    sessions: int
    ended_sessions: int
    positions: int
    """Records that were followed."""
    largest_residue_bytes: int
    """What arrived after a loss was acknowledged."""

    @classmethod
    def of(cls, history: History) -> Figures:
        case = Case(history)
        arrivals = Counter(each.position is None for session in history.sessions for each in session.arrivals)
        return cls(
            publications=sum(each.accepted_s != NEVER_S for each in history.publications),
            deliveries=arrivals[True],
            changes=sum(each.revision > 0 for each in history.changes),
            losses=sum(
                1 for user in history.users for each in history.objects for _ in case.timeline.losses(user, each)
            ),
            notices=sum(len(each.notices) for session in history.sessions for each in session.interests),
            sessions=len(history.sessions),
            ended_sessions=sum(any(why.startswith("fairlead.") for why in each.goodbyes) for each in history.sessions),
            positions=arrivals[False],
            largest_residue_bytes=max(
                (size for session in history.sessions for size in residues(case, session).values()), default=0
            ),
        )
