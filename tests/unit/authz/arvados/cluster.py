"""Records in memory as a source, and a server's graph that they are imported into."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from fairlead_authz.admin.exporting import pages
from fairlead_authz.arvados.loading import load
from fairlead_authz.arvados.placement import Placement
from fairlead_authz.arvados.records import Record, decode_records
from fairlead_authz.arvados.report import Report
from fairlead_authz.arvados.sync import Plan, Sync
from fairlead_authz.arvados.uuids import LISTS, ListKind, type_of
from fairlead_authz.changes import decode_changes
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.model.graph import ADMIN, ALL_USERS, ANONYMOUS_ROLE, ANONYMOUS_USER, SYSTEM, Graph, Node
from fairlead_authz.model.levels import READ, WRITE
from fairlead_authz.model.rights import Policy
from support.arvados_records import FIRST, NOW_US, Listed
from unit.authz.oracle import World


class Lists:
    """Records in memory, as a source."""

    def __init__(self, listed: Iterable[Listed], types: Iterable[str] = LISTS) -> None:
        self.listed = [*FIRST, *listed]
        self._types = frozenset(types)

    async def types(self) -> frozenset[str]:
        return self._types

    async def records(self, kind: ListKind, report: Report) -> Iterable[Record]:
        items = [msgspec.Raw(msgspec.json.encode(each)) for each in self.listed if LISTS[type_of(each["uuid"])] is kind]
        return list(decode_records(items, kind, report))


async def placed(listed: Iterable[Listed], report: Report | None = None, types: Iterable[str] = LISTS) -> Placement:
    return await load(Lists(listed, types), None, lambda: NOW_US, Report() if report is None else report)


class Here:
    """A server's graph. Every list of changes is judged as the server does, and each state is kept."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.lists: list[list[dict[str, Any]]] = []
        self.states: list[World] = []
        for node in (
            Node(SYSTEM, "user", SYSTEM),
            Node(ADMIN, "user", SYSTEM, is_admin=True),
            Node(ANONYMOUS_USER, "user", SYSTEM, is_active=False),
            Node(ALL_USERS, "role", SYSTEM),
            Node(ANONYMOUS_ROLE, "role", SYSTEM),
        ):
            self.graph.put(node)
        self.graph.link(ANONYMOUS_USER, ANONYMOUS_ROLE, READ)
        self.graph.link(ALL_USERS, ANONYMOUS_ROLE, READ)
        self.graph.link(ADMIN, ALL_USERS, WRITE)

    @property
    def actor(self) -> str:
        return ADMIN

    async def export(self, prefix: str) -> AsyncIterator[dict[str, Any]]:
        async for page in pages(self.graph, prefix):
            yield msgspec.json.decode(msgspec.json.encode(page))

    async def apply(self, changes: list[dict[str, Any]]) -> None:
        decoded = decode_changes(msgspec.json.decode(msgspec.json.encode(changes)))
        work_out(self.graph, decoded, Actor(ADMIN, is_admin=True), Policy(lambda: NOW_US)).make(self.graph)
        self.lists.append(changes)
        self.states.append(self.world())

    def world(self) -> World:
        """What there is, for the oracle."""
        return World(self.graph, NOW_US)

    async def take(self, *changes: dict[str, Any]) -> None:
        """Somebody else's changes."""
        await self.apply(list(changes))


async def bring(here: Here, listed: Iterable[Listed], report: Report | None = None, max_changes: int = 2_000) -> Plan:
    """Import the records, and return what that took."""
    report = Report() if report is None else report
    sync = Sync(here, await placed(listed, report), max_changes)
    await sync.read()
    plan = sync.plan_all(report)
    await sync.make(plan)
    return plan
