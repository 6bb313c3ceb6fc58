"""Making what there is here what Arvados has: read both, compare, apply the differences.

Doing it twice changes nothing the second time. A list of changes is atomic; between the lists nobody has a right
that he has neither before nor after (differences.py). What somebody else changes at the same time may make a list
fail: then what was applied stays, and the next time finds the rest.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, Protocol

from fairlead_authz.arvados.batches import MAX_BATCH_CHANGES, batches
from fairlead_authz.arvados.differences import Change, Differences
from fairlead_authz.arvados.picture import Picture, View
from fairlead_authz.arvados.placement import Affected, Placement
from fairlead_authz.arvados.report import Report


class Server(Protocol):
    """The server whose permissions are to follow, as an administrator sees it."""

    @property
    def actor(self) -> str:
        """Who we are there."""

    def export(self, prefix: str) -> AsyncIterator[dict[str, Any]]:
        """The pages of `fairlead.authz.export`."""

    async def apply(self, changes: list[Change]) -> None:
        """`fairlead.authz.apply`: all or none, and done when no revoked right is served any more."""


class Plan(NamedTuple):
    """What is to be applied, list by list, and what will then be there."""

    batches: list[list[Change]]
    affected: Affected
    wanted: View

    @property
    def counts(self) -> dict[str, int]:
        """How many changes of each op."""
        return dict(Counter(change["op"] for batch in self.batches for change in batch))


class Sync:
    """A server that is kept the same as a placement."""

    def __init__(self, server: Server, placement: Placement, max_changes: int = MAX_BATCH_CHANGES) -> None:
        """`max_changes`: in a list."""
        self._server = server
        self._max_changes = max_changes
        self._placement = placement
        self._current = Picture(placement.domain)

    async def read(self) -> None:
        """Learn what there is."""
        current = Picture(self._placement.domain)
        async for page in self._server.export(f"{current.domain.cluster}-"):
            current.add(page)
        self._current = current

    def plan_all(self, report: Report) -> Plan:
        """Everything that has to change."""
        wanted = self._placement.all(report)
        everything = Affected(wanted.ids | self._current.things.keys(), wanted.links | self._current.links.keys())
        return self.plan(everything, report)

    def plan(self, affected: Affected, report: Report) -> Plan:
        """What has to change with these things and links; nothing else must have changed."""
        differences = Differences(self._current, self._placement, report, self._server.actor)
        steps = differences.steps(*affected)
        return Plan(batches(steps, self._current, self._max_changes), affected, differences.wanted)

    async def make(self, plan: Plan, on_progress: Callable[[int], None] = lambda _: None) -> None:
        """Apply it; `on_progress` hears how many changes more are made."""
        for batch in plan.batches:
            await self._server.apply(batch)
            on_progress(len(batch))
        self._current.adopt(plan.wanted, *plan.affected)
