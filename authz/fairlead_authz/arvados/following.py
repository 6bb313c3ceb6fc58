"""Following a cluster: events tell what to look at, and now and then everything is compared.

One step at a time: `resync` reads and compares everything, `take` what some events are about. Whoever runs it
(the command) waits for events in between, and calls `resync` at an interval, after a gap in the feed and after an
error: the feed may have missed something, the comparison has not.

An event's own attributes are never believed: it may come late or twice, and what it tells be past.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from fairlead_authz.arvados.events import Event
from fairlead_authz.arvados.loading import Source, load
from fairlead_authz.arvados.placement import Affected, Placement
from fairlead_authz.arvados.records import Record
from fairlead_authz.arvados.report import Report
from fairlead_authz.arvados.sync import Plan, Server, Sync
from fairlead_authz.arvados.uuids import LISTS, ListKind, type_of


class Lookup(Source, Protocol):
    """A source that can be asked for single records too: the API."""

    async def look_up(self, kind: ListKind, uuids: Sequence[str], report: Report) -> list[Record]:
        """The records of these UUIDs, of those that exist. Raises ArvadosError."""


class Follower:
    """Keeps a server the same as a cluster."""

    def __init__(self, server: Server, source: Lookup, cluster: str | None, now_us: Callable[[], int]) -> None:
        self._server = server
        self._source = source
        self._cluster = cluster
        self._now_us = now_us
        self._placement: Placement | None = None
        self._sync: Sync | None = None

    async def resync(self, report: Report, on_progress: Callable[[int], None] = lambda _: None) -> Plan:
        """Read both sides, compare, apply. Raises ArvadosError, and what the server refuses."""
        self._placement = await load(self._source, self._cluster, self._now_us, report)
        self._sync = Sync(self._server, self._placement)
        await self._sync.read()
        plan = self._sync.plan_all(report)
        await self._sync.make(plan, on_progress)
        return plan

    async def take(self, events: Iterable[Event], report: Report) -> Plan:
        """Look at what the events are about, and apply what is different. Raises what `resync` raises.

        Only after `resync`, and after an error only after it again.
        """
        assert self._placement is not None, "resync comes first"
        assert self._sync is not None, "resync comes first"
        types = self._placement.domain.types
        touched = dict.fromkeys(event.touched for event in events if event.touched is not None)
        affected = Affected(set(), set())
        for type_ in types:
            uuids = [uuid for uuid in touched if type_of(uuid) == type_]
            if not uuids:
                continue
            found = {each.uuid: each for each in await self._source.look_up(LISTS[type_], uuids, report)}
            for uuid in uuids:
                affected.add(self._placement.put(found[uuid]) if uuid in found else self._placement.remove(uuid))
        plan = self._sync.plan(affected, report)
        await self._sync.make(plan)
        return plan
