"""Whatever happens in whatever order: a watcher's picture is what it may see of what there is.

Records are put, patched out of and into filters, moved, deleted, in batches too; rights are granted and revoked, of a
record or of all; watchers are slow, end, and come back with a bookmark; the service restarts over its store, or over an
empty one. A plain table says what there must be. The validators, by name:

- Ordered, Unique: `Picture` refuses an older version after a newer one, an `added` of what is there, a `changed` or
  `removed` of what is not.
- Bookmarkable: at each bookmark the picture is one that was true between the watch's begin and now.
- Resumable: who comes back with a bookmark and what it knew there is told the rest, or everything anew.
- Authorised: what is told is true of a moment at which it might be read; `removed` has no content, but that of what
  was deleted while it might be read.
- Converged: at rest the picture is what is permitted and matches.

HISTORIES=20 makes twenty times as many histories.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead_records import MemoryRecordStore, Permissions, RecordStore, SqlRecordStore
from support.rights import Rights
from support.slow_peer import SlowPeer
from support.waiting import eventually
from unit.records.fakes import Picture, ServiceHarness

HISTORIES = int(os.environ.get("HISTORIES", "1"))
IDS = ("a", "b", "c", "d")
OBJECTS = ("p", "q")
WATCHERS = ("ann", "ben")
QUERIES: tuple[dict[str, Any], ...] = (
    {"id": "a"},
    {"ids": ["a", "c", "x"]},
    {"kind": "job"},
    {"owner": "o1"},
    {"kind": "job", "where": [["n", ">", 1]]},
    {"any": [[["n", "=", 0]], [["kind", "=", "disk"]]]},
    {},
)
KEPT_CHANGES = 1_000
"""More than a history makes: a version is never given twice, then."""

Seen = Mapping[str, int]
"""The versions of what may be seen."""


class Row(NamedTuple):
    """A record as the test knows it."""

    kind: str
    owner: str
    object_id: str
    version: int
    n: int


class Model:
    """What there is, who may read it, and everything that each watcher might have seen so far."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.versions: dict[str, int] = {}
        self.readable: set[tuple[str, str]] = set()
        self.past: list[dict[tuple[str, int], Seen]] = []
        self.note()

    def seen(self, who: str, query: int) -> dict[str, int]:
        """What one watcher must see now."""
        return {
            id_: row.version
            for id_, row in self.rows.items()
            if (who, row.object_id) in self.readable and matches(QUERIES[query], id_, row)
        }

    def note(self) -> None:
        """What may be seen now was true at a moment."""
        self.past.append({(who, query): self.seen(who, query) for who in WATCHERS for query in range(len(QUERIES))})


def matches(query: dict[str, Any], id_: str, row: Row) -> bool:
    """Anew, from what a query says."""
    if id_ not in query.get("ids", [query["id"]] if "id" in query else [id_]):
        return False
    if query.get("kind", row.kind) != row.kind or query.get("owner", row.owner) != row.owner:
        return False
    if query.get("where") and not row.n > 1:
        return False
    return not query.get("any") or row.n == 0 or row.kind == "disk"


class Watcher:
    """One session with one watch."""

    def __init__(self, run: Run, who: str, query: int, known: Picture | None = None) -> None:
        self.who = who
        self.query = query
        self.picture = Picture()
        self.run = run
        self.begun = len(run.model.past) - 1
        self._taken = 0
        self.is_paused = False
        self.known: Picture | None = None
        """What it knew at its last bookmark."""
        self.peer: SlowPeer = run.harness.slow_peer(who)
        arguments = dict(QUERIES[query])
        if known is not None and known.bookmark is not None:
            self.picture.records = dict(known.records)
            arguments["bookmark"] = known.bookmark
        self.peer.call("fairlead.record.watch", **arguments)

    def look(self) -> None:
        """Take what has come, and judge it."""
        dicts = self.peer.dicts
        for told in dicts[self._taken :]:
            self._check_content(told)
            self.picture.take(told)
            if "bookmark" in told:
                self._check_bookmark()
        self._taken = len(dicts)

    def _check_content(self, told: dict[str, Any]) -> None:
        for change in told.get("changes", ()):
            if change["change"] == "removed" and not change.get("deleted"):
                assert set(change) == {"change", "id"}, change
                continue
            key = change["id"], change["version"]
            assert (self.who, *key) in self.run.might_read, f"{self.who} was told of {key}"

    def _check_bookmark(self) -> None:
        versions = self.picture.versions
        true = [past[self.who, self.query] for past in self.run.model.past[self.begun :]]
        assert versions in true, f"{self.who} with {QUERIES[self.query]}: {versions} was never true, but {true}"
        self.known = Picture()
        self.known.records, self.known.bookmark = dict(self.picture.records), self.picture.bookmark

    @property
    def is_current(self) -> bool:
        self.look()
        is_whole = self.picture.bookmark is not None
        return is_whole and self.picture.versions == self.run.model.seen(self.who, self.query)


class Run:
    """One history."""

    def __init__(self, data: st.DataObject, store: RecordStore) -> None:
        self.data = data
        self.store = store
        self.model = Model()
        self.mark = 0
        self.watchers: list[Watcher] = []
        self.might_read: set[tuple[str, str, int]] = set()
        """(who, id, version) that was readable at a moment."""
        self.rights = Rights(everybody=False)
        for object_id in OBJECTS:
            for level in ("read", "write", "manage"):
                self.rights.grant("writer", level, object_id)

    async def start(self) -> None:
        self.harness = ServiceHarness(self.rights)
        permissions = Permissions(rights_mark=lambda _principal: self.mark)
        await self.harness.start(self.store, permissions, kept_changes=KEPT_CHANGES)
        self.writer = self.harness.peer("writer")

    def draw(self, *values: Any) -> Any:
        return self.data.draw(st.sampled_from(values))

    # ---- what is done

    async def put(self) -> None:
        """One to three records in one step; what is there may move."""
        changes = []
        for id_ in self.data.draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True)):
            known = self.model.rows.get(id_)
            kind = self.draw("job", "job", "disk") if known is None else known.kind
            row = Row(kind, self.draw("o1", "o2"), self.draw(*OBJECTS), self.next_version(id_), self.draw(0, 1, 2, 3))
            about = {"kind": row.kind, "owner": row.owner, "object": row.object_id}
            changes.append({"op": "put", "id": id_, "state": {"n": row.n}, **about})
            self.model.rows[id_] = row
        for owner in ("o1", "o2"):
            self.rights.grant("writer", "write", owner)
        self.noted()
        await self.writer.call("record.batch", changes)

    async def delete(self) -> None:
        if self.model.rows:
            id_ = self.draw(*sorted(self.model.rows))
            del self.model.rows[id_]
            self.noted()
            await self.writer.call("record.delete", id_)

    async def grant(self) -> None:
        who, object_id = self.draw(*WATCHERS), self.draw(*OBJECTS)
        self.mark += 1
        self.model.readable.add((who, object_id))
        self.noted()
        self.rights.grant(who, "read", object_id)
        self.harness.realm.gate.grant([who], self.draw(None, [object_id]))

    async def revoke(self) -> None:
        who, object_id = self.draw(*WATCHERS), self.draw(*OBJECTS)
        self.mark += 1
        self.model.readable.discard((who, object_id))
        self.noted()
        self.rights.granted.discard((who, "read", object_id))
        if self.draw(True, False):
            self.harness.realm.gate.revoke(principals=[who])
        else:
            self.harness.realm.gate.revoke(objects=[object_id])

    async def watch(self) -> None:
        self.watchers.append(Watcher(self, self.draw(*WATCHERS), self.draw(*range(len(QUERIES)))))

    async def come_back(self) -> None:
        """A watcher ends, as a session that is lost, and goes on at its last bookmark."""
        if self.watchers:
            watcher = self.draw(*self.watchers)
            watcher.look()
            self.end(watcher)
            self.watchers.append(Watcher(self, watcher.who, watcher.query, watcher.known))

    async def pause_or_resume(self) -> None:
        if self.watchers:
            watcher = self.draw(*self.watchers)
            watcher.is_paused = not watcher.is_paused
            (watcher.peer.pause if watcher.is_paused else watcher.peer.resume)()

    async def restart(self) -> None:
        """All sessions are lost; all watchers come back."""
        for watcher in self.watchers:
            watcher.look()
        await self.harness.close()
        self.store = self.reopened()
        await self.start()
        self.watchers = [Watcher(self, each.who, each.query, each.known) for each in self.watchers]

    async def wipe(self) -> None:
        """The same, and the store is empty: whoever knew something is told to forget it."""
        await self.harness.close()
        self.store = self.emptied()
        self.model.rows.clear()
        self.model.versions.clear()
        self.might_read.clear()
        self.noted()
        await self.start()
        self.watchers = [Watcher(self, each.who, each.query, each.known) for each in self.watchers]
        for watcher in self.watchers:
            if watcher.picture.records:
                watcher.peer.resume()
                await eventually(lambda: watcher.peer.dicts, what="first dict")  # noqa: B023
                assert watcher.peer.dicts[0]["reset"] == {"reason": "epoch"}

    def reopened(self) -> RecordStore:
        """The store after a restart."""
        return self.store

    def emptied(self) -> RecordStore:
        """Another one, that has nothing."""
        return MemoryRecordStore()

    # ---- what is known of it

    def next_version(self, id_: str) -> int:
        self.model.versions[id_] = self.model.versions.get(id_, 0) + 1
        return self.model.versions[id_]

    def noted(self) -> None:
        self.model.note()
        for who in WATCHERS:
            for id_, row in self.model.rows.items():
                if (who, row.object_id) in self.model.readable:
                    self.might_read.add((who, id_, row.version))

    def end(self, watcher: Watcher) -> None:
        self.watchers.remove(watcher)
        self.harness.realm.kill("wamp.close.normal", "it is lost", session_id=watcher.peer.session_id)

    async def settle(self) -> None:
        """At rest everybody's picture is current."""
        for watcher in self.watchers:
            watcher.peer.resume()
            await eventually(lambda: watcher.is_current, what=f"current: {watcher.who} {watcher.query}")  # noqa: B023


async def run_history(run: Run) -> None:
    await run.start()
    try:
        await take_steps(run)
    finally:  # hypothesis ends an example where it likes
        await run.harness.close()


async def take_steps(run: Run) -> None:
    steps = [run.put, run.put, run.put, run.delete, run.grant, run.revoke, run.watch, run.watch, run.come_back]
    steps += [run.pause_or_resume, run.restart, run.wipe, run.settle]
    for _ in range(run.data.draw(st.integers(1, 30), label="steps")):
        await run.data.draw(st.sampled_from(steps))()
        if run.data.draw(st.booleans()):
            await asyncio.sleep(0)
        for watcher in run.watchers:
            watcher.look()
    await run.settle()


@given(st.data())
@settings(max_examples=150 * HISTORIES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_history_over_memory(data: st.DataObject) -> None:
    await run_history(Run(data, MemoryRecordStore()))


class SqlRun(Run):
    """Over a database file, which is opened again after each restart."""

    def __init__(self, data: st.DataObject, directory: Path) -> None:
        self._path = directory / "records.sqlite"
        super().__init__(data, self.reopened())

    def reopened(self) -> RecordStore:
        return SqlRecordStore.open(f"sqlite:///{self._path}", "realm1")

    def emptied(self) -> RecordStore:
        for path in self._path.parent.glob("records.sqlite*"):
            path.unlink()
        return self.reopened()


@given(st.data())
@settings(max_examples=25 * HISTORIES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_history_over_sqlite(data: st.DataObject) -> None:
    with TemporaryDirectory() as directory:
        await run_history(SqlRun(data, Path(directory)))
