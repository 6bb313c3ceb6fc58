"""A cluster's records as the API lists them, and a server's graph that they are imported into."""

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
from fairlead_authz.graph import ADMIN, ALL_USERS, ANONYMOUS_ROLE, ANONYMOUS_USER, SYSTEM, Graph, Node
from fairlead_authz.levels import READ, WRITE
from fairlead_authz.rights import Policy
from unit.authz.oracle import World

NOW_US = 1_000_000_000_000_000
LONG_AGO, IN_THE_FUTURE = "2001-01-01T00:00:00.000000000Z", "2099-01-01T00:00:00.000000000Z"
CLUSTER = "zzzzz"
ROOT = "zzzzz-tpzed-000000000000000"
EVERYBODY = "zzzzz-j7d0g-fffffffffffffff"
ANONYMOUS = "zzzzz-tpzed-anonymouspublic"
PUBLIC = "zzzzz-j7d0g-anonymouspublic"

Listed = dict[str, Any]


def uuid(type_: str, name: str, cluster: str = CLUSTER) -> str:
    """An UUID that says what it is of: `uuid("tpzed", "ann")`."""
    return f"{cluster}-{type_}-{name:0>15}"


def user(name: str, **attributes: Any) -> Listed:
    return {"uuid": uuid("tpzed", name), "owner_uuid": ROOT, "is_active": True, "is_admin": False, **attributes}


def project(name: str, owner: str, **attributes: Any) -> Listed:
    return {"uuid": uuid("j7d0g", name), "owner_uuid": owner, "group_class": "project", "name": name, **attributes}


def role(name: str, **attributes: Any) -> Listed:
    return {"uuid": uuid("j7d0g", name), "owner_uuid": ROOT, "group_class": "role", "name": name, **attributes}


def collection(name: str, owner: str, **attributes: Any) -> Listed:
    return {"uuid": uuid("4zz18", name), "owner_uuid": owner, "name": name, **attributes}


def link(number: object, tail: str, name: str, head: str, **attributes: Any) -> Listed:
    return {
        "uuid": uuid("o0j2j", str(number)),
        "owner_uuid": ROOT,
        "link_class": "permission",
        "name": name,
        "tail_uuid": tail,
        "head_uuid": head,
        **attributes,
    }


FIRST: tuple[Listed, ...] = (
    {"uuid": ROOT, "owner_uuid": ROOT, "is_admin": True, "is_active": True},
    {"uuid": ANONYMOUS, "owner_uuid": ROOT, "is_active": False},
    {"uuid": EVERYBODY, "owner_uuid": ROOT, "group_class": "role", "name": "All users"},
    {"uuid": PUBLIC, "owner_uuid": ROOT, "group_class": "role", "name": "Anonymous users"},
)
"""What every cluster has."""


class Lists:
    """Records in memory, as a source."""

    def __init__(self, listed: Iterable[Listed], types: Iterable[str] = LISTS) -> None:
        self._listed = [*FIRST, *listed]
        self._types = frozenset(types)

    async def types(self) -> frozenset[str]:
        return self._types

    async def records(self, kind: ListKind, report: Report) -> Iterable[Record]:
        items = [
            msgspec.Raw(msgspec.json.encode(each)) for each in self._listed if LISTS[type_of(each["uuid"])] is kind
        ]
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
