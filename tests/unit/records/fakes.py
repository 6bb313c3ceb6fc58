"""What the tests of records share: a ledger over a store that forgets, and short ways to change it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from fairlead_common.outcomes import Outcome
from fairlead_records import Permissions, RecordService, RecordStore
from fairlead_records.counters import RecordCounters
from fairlead_records.live.answers import Answers
from fairlead_records.live.ledger import Ledger, Request
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Change, Record
from fairlead_records.model.table import Table
from fairlead_records.store.memory_store import MemoryRecordStore
from fairlead_router import Level, Member, Principal, Realm, Router
from support.rights import Rights
from support.slow_peer import SlowPeer

KEPT_CHANGES = 1_000


class Clock:
    """A time that the test sets, microseconds since 1970."""

    def __init__(self, now_us: int = 1_000_000) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


def put(draft: Draft, id_: str, state: dict[str, Any] | None = None, kind: str = "job", owner: str = "alice") -> Record:
    """A record whose object is itself."""
    return draft.put(id_, kind=kind, owner=owner, object_id=id_, state={} if state is None else state)


def putting(id_: str, state: dict[str, Any] | None = None, **about: Any) -> Callable[[Draft], dict[str, Any]]:
    """The same, to be asked of a ledger; the result is the version."""
    return lambda draft: {"version": put(draft, id_, state, **about).version}


def new_table(kept_changes: int = KEPT_CHANGES) -> Table:
    """An empty one."""
    return Table(1, kept_changes)


class LedgerHarness:
    """A ledger with a store whose failures, and a clock that, the test decides."""

    def __init__(self, store: MemoryRecordStore | None = None) -> None:
        self.store = MemoryRecordStore() if store is None else store
        self.clock = Clock()
        self.heard: list[list[Change]] = []

    async def open(self) -> Ledger:
        """The ledger, over what the store has."""
        loaded = await self.store.load(KEPT_CHANGES)
        table = Table(loaded.epoch, KEPT_CHANGES, loaded.records, loaded.history)
        ledger = Ledger(table, self.store, Answers(loaded.answers), self.clock, RecordCounters())
        ledger.listen(self._listen)
        return ledger

    def _listen(self, changes: Sequence[Change]) -> None:
        self.heard.append(list(changes))


class Told:
    """What requests were told, in the order in which they were."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def request(self, apply: Callable[[Draft], dict[str, Any]], key: tuple[str, str] | None = None) -> Request:
        """A request that is remembered here."""
        return Request(apply, self.outcomes.append, key=key)


# ---- a service in a realm


class Picture:
    """What a watcher has been told, checked as it comes: nothing added twice, nothing changed or removed unknown."""

    def __init__(self) -> None:
        self.dicts: list[Any] = []
        self.records: dict[str, Any] = {}
        self.bookmark: str | None = None
        """The last one; None while the picture is not whole."""
        self.number = 0

    def take(self, told: dict[str, Any]) -> None:
        """A dict has come."""
        self.dicts.append(told)
        self.number = told.get("watch", self.number)
        if "reset" in told:
            self.records.clear()
        for change in told.get("changes", ()):
            self._change(change)
        if told.get("changes"):
            self.bookmark = None
        self.bookmark = told.get("bookmark", self.bookmark)

    def _change(self, change: dict[str, Any]) -> None:
        id_, known = change["id"], self.records.get(change["id"])
        if change["change"] == "added":
            assert known is None, f"{id_} was added, and was there"
        else:
            assert known is not None, f"{id_} was {change['change']}, and was not there"
        if change["change"] == "removed":
            del self.records[id_]
            return
        assert known is None or change["version"] > known["version"], f"{id_} went back to {change['version']}"
        self.records[id_] = change

    @property
    def changes(self) -> list[tuple[str, str]]:
        """(change, id) of all, in order."""
        return [(change["change"], change["id"]) for told in self.dicts for change in told.get("changes", ())]

    @property
    def versions(self) -> dict[str, int]:
        """Of what is there."""
        return {id_: record["version"] for id_, record in self.records.items()}


class Peer:
    """A session in the realm that calls the record service."""

    def __init__(self, realm: Realm, authid: str) -> None:
        self.member: Member = realm.join(Principal(authid, "user"))

    async def call(self, procedure: str, /, *args: Any, **kwargs: Any) -> Any:
        """The result's dict; raises CallError."""
        result = await self.member.call(f"fairlead.{procedure}", list(args), kwargs)
        assert result.kwargs == {}
        (value,) = result.args
        return value

    def watch(self, picture: Picture | None = None, **query: Any) -> tuple[Picture, asyncio.Future[Any]]:
        """What it tells, and the call."""
        picture = Picture() if picture is None else picture

        def progress(args: list[Any], _kwargs: dict[str, Any]) -> None:
            picture.take(args[0])

        call = asyncio.ensure_future(self.member.call("fairlead.record.watch", [], query, on_progress=progress))
        call.add_done_callback(lambda done: done.cancelled() or done.exception())  # few tests wait for it
        return picture, call

    async def put(self, id_: str, state: dict[str, Any] | None = None, **about: Any) -> int:
        """A record of kind job, unless it says another; gives the version."""
        answer = await self.call("record.put", id_, {} if state is None else state, **{"kind": "job", **about})
        return int(answer["version"])


class ServiceHarness:
    """A record service in a realm of its own."""

    def __init__(self, rights: Rights | None = None) -> None:
        self.rights = rights or Rights()
        self.router = Router()
        self.realm = self.router.add_realm("realm1", authorizer=self.rights)
        self.records: RecordService

    async def start(self, store: RecordStore, permissions: Permissions = Permissions(), **options: Any) -> None:  # noqa: B008
        self.records = await RecordService.over(store, permissions, **options)
        self.records.bind(self.realm)

    def peer(self, authid: str = "alice") -> Peer:
        return Peer(self.realm, authid)

    def grant(self, authid: str, level: Level, object_id: str) -> None:
        """Give a right, as the permission service does it."""
        self.rights.grant(authid, level, object_id)
        self.realm.gate.grant([authid])

    def slow_peer(self, authid: str = "alice") -> SlowPeer:
        return SlowPeer(self.realm, authid)

    def revoke(self, authid: str, level: Level, object_id: str) -> None:
        """Take a right away, as the permission service does it."""
        self.rights.granted.discard((authid, level, object_id))
        self.realm.gate.revoke(principals=[authid])

    async def close(self) -> None:
        await self.records.close()
        await self.router.close()
