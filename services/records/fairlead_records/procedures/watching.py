"""`watch` and `mark`: one request gives what there is and then every change, for as long as the caller wants.

It is told in dicts {changes, bookmark}: a bookmark says that the picture is whole, and is where a later call goes on.
What may not be read leaves no trace: no dict is sent for it, and it can be counted from nothing that is sent.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection
from typing import Any, Final, Literal

import msgspec

from fairlead_common.errors import NoProgress
from fairlead_records.errors import NoSuchWatch
from fairlead_records.live.ledger import Ledger
from fairlead_records.live.objects import WatchedObjects
from fairlead_records.live.watch import Past, Watch
from fairlead_records.live.watches import Group, Watches
from fairlead_records.model.bookmark import Bookmarks, Place
from fairlead_records.model.query import Query
from fairlead_records.permissions import RightsMark
from fairlead_records.procedures.arguments import MarkArguments, WatchArguments
from fairlead_records.procedures.reading import query_of
from fairlead_router import PENDING, Call, InvalidArgument, LimitExceeded, Payload, Principal

WATCHES_LIMIT: Final = 10_000
"""Of one session: each takes some 2 KB, and what it has been told."""

MARKS_LIMIT: Final = 1_000
"""Of one watch, that it has not been told yet."""

Reason = Literal["epoch", "too_old", "permissions"]

_encode = msgspec.json.Encoder().encode


class Watching:
    """The procedures of who watches."""

    def __init__(
        self,
        ledger: Ledger,
        bookmarks: Bookmarks,
        objects: WatchedObjects,
        rights_mark: RightsMark,
    ) -> None:
        self._ledger = ledger
        self._bookmarks = bookmarks
        self._rights_mark = rights_mark
        self._objects = objects
        self.watches = Watches(ledger)
        objects.moved = self.watches.object_moved
        self._numbers = itertools.count(1)
        self._of_session: dict[int, dict[int, WatchCall]] = {}

    def watch(self, call: Call) -> Any:
        """`fairlead.record.watch`: what matches, then every change of it."""
        asked = call.arguments(WatchArguments)
        if not call.wants_progress:
            raise NoProgress("watch answers with progressive results: call it with receive_progress")
        if asked.id is not None and asked.ids is not None:
            raise InvalidArgument("id and ids exclude each other")
        ids = asked.ids if asked.id is None else [asked.id]
        query = query_of(ids=ids, kind=asked.kind, owner=asked.owner, where=asked.where, alternative=asked.any)
        mine = self._of_session.setdefault(call.caller.session_id, {})
        if len(mine) >= WATCHES_LIMIT:
            raise LimitExceeded(f"the session has {WATCHES_LIMIT} watches already", limit="watches")
        number = next(self._numbers)
        watching = mine[number] = WatchCall(call, number, self.watches.group(query), self, asked.heartbeat_s)
        call.on_end = lambda _reason: self._ended(watching)
        self._begin(watching, asked.bookmark)
        return PENDING

    async def mark(self, call: Call) -> dict[str, Any]:
        """`fairlead.record.mark`: have a watch say when it has told everything that is durable by now."""
        asked = call.arguments(MarkArguments)
        watching = self._of_session.get(call.caller.session_id, {}).get(asked.watch)
        if watching is None:
            raise NoSuchWatch(f"this session has no watch {asked.watch}", watch=asked.watch)
        if len(watching.marks) >= MARKS_LIMIT:
            raise LimitExceeded(f"watch {asked.watch} owes {MARKS_LIMIT} marks already", limit="marks")
        await self._ledger.settled()
        watching.marks.append(asked.token)
        self.watches.has_work(watching)
        return {}

    def bookmark(self, principal: Principal) -> bytes:
        """Of now."""
        table = self._ledger.table
        return self._bookmarks.make(Place(table.epoch, table.revision, self._rights_mark(principal)))

    def new_watch(self, watching: WatchCall) -> Watch:
        """That of a call."""
        return Watch(watching.group, watching, self._objects, self._ledger.table.get)

    def _begin(self, watching: WatchCall, bookmark: str | None) -> None:
        query = watching.group.query
        place = None if bookmark is None else self._bookmarks.read(bookmark)
        reason = None if bookmark is None else self._why_not(place, watching.principal)
        candidates = self.watches.candidates(query)
        past: Past | None = None
        if reason is not None:
            watching.say_reset(reason)
        elif place is not None:
            before: dict[str, Any] = {}
            for change in self._ledger.table.changes_since(place.revision):
                before.setdefault(change.id, change.before)
            candidates = list(dict.fromkeys((*candidates, *_of_query(query, before))))
            past = Past(before, candidates)
            watching.rights = place.rights
        watching.watch.begin(candidates, past)
        self.watches.add(watching)
        watching.watch_rights()
        self.watches.has_work(watching)

    def _why_not(self, place: Place | None, principal: Principal) -> Reason | None:
        """Why a bookmark cannot be honoured."""
        table = self._ledger.table
        if place is None or place.epoch != table.epoch or place.revision > table.revision:
            return "epoch"
        if place.revision < table.oldest:
            return "too_old"
        return None if self.has_rights_of(place.rights, principal) else "permissions"

    def has_rights_of(self, mark: int, principal: Principal) -> bool:
        """Whether no right of a principal has moved since it had this mark, but for those to new things."""
        return self._rights_mark(principal) == mark

    def _ended(self, watching: WatchCall) -> None:
        watching.end()
        self.watches.remove(watching)
        mine = self._of_session.get(watching.session_id, {})
        mine.pop(watching.number, None)
        if not mine:
            self._of_session.pop(watching.session_id, None)


class WatchCall:
    """One call of `watch`: the reader of its Watch."""

    def __init__(self, call: Call, number: int, group: Group, watching: Watching, heartbeat_s: float) -> None:
        self._call = call
        self._all = watching
        self.number = number
        self.group = group
        self.watch = watching.new_watch(self)
        self.marks: list[str] = []
        """Those that it has asked for and was not told."""
        self._preface = b'"watch":%d,' % number
        """What the next dict begins with."""
        self._queued: list[tuple[int, bytes, str | None]] = []
        """Of what may still be queued: its position, its preface, its mark."""
        self.rights = 0
        """The mark of the caller's rights at its bookmark."""
        self._heartbeat_s = heartbeat_s
        self._sent_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        call.on_writable = lambda: watching.watches.has_work(self)
        self._beat_later()

    @property
    def session_id(self) -> int:
        """Whose it is."""
        return self._call.caller.session_id

    @property
    def principal(self) -> Principal:
        """Who watches."""
        return self._call.caller.principal

    @property
    def has_queue(self) -> bool:
        """Whether anything waits to be written to the session."""
        return self._call.has_queue

    def may_read(self, object_id: str) -> bool:
        """By the rights of now."""
        return self._call.caller.can("read", object_id)

    def purge(self) -> int | None:
        """Take back what is queued; what was said with it is still to be said."""
        position = self._call.purge()
        if position is None:
            return None
        taken_back = [said for said in self._queued if said[0] >= position]
        self._preface = b"".join(preface for _, preface, _ in taken_back) + self._preface
        self.marks = [mark for _, _, mark in taken_back if mark is not None] + self.marks
        self._queued.clear()
        return position

    def take_back(self) -> None:
        """A right may have gone to what is queued: it is looked at again."""
        self.watch.take_back()
        self._all.watches.has_work(self)

    def watch_rights(self) -> None:
        """Look again whenever rights of the caller may have moved."""
        self._call.watch_rights(self._lost, self._gained)

    def flush(self) -> bool:
        """Tell what is different, and then what was asked to be marked."""
        if not self.has_queue:
            self._queued.clear()
        if self.watch.has_past and not self._all.has_rights_of(self.rights, self.principal):
            self._begin_anew()
        if not self.watch.flush():
            return False
        while self.marks and not self.watch.has_pending:
            members = b'"mark":%b,"bookmark":"%b"' % (_encode(self.marks[0]), self._all.bookmark(self.principal))
            if not self._say(members, self.watch.next_position(), self.marks[0]):
                return False
            del self.marks[0]
        return True

    def send(self, changes: bytes, position: int, *, is_whole: bool) -> bool:
        """One page."""
        parts = [b'"changes":[%b]' % changes] if changes or self._preface else []
        if is_whole:
            parts.append(b'"bookmark":"%b"' % self._all.bookmark(self.principal))
        return self._say(b",".join(parts), position)

    def say_reset(self, reason: Reason) -> None:
        """What it knew is void. It comes first, and nothing is queued yet that it could not be queued behind."""
        if b'"reset"' not in self._preface:
            self._preface += b'"reset":{"reason":"%b"},' % reason.encode()

    def end(self) -> None:
        """The call is over."""
        if self._timer is not None:
            self._timer.cancel()
        self.watch.end()

    def _say(self, members: bytes, position: int, mark: str | None = None) -> bool:
        payload = Payload.from_json(b"[{%b%b}]" % (self._preface, members), b"{}")
        if not self._call.send(payload, position):
            return False
        if self._preface or mark is not None:
            self._queued.append((position, self._preface, mark))
            self._preface = b""
        self._sent_s = asyncio.get_running_loop().time()
        return True

    def _lost(self) -> None:
        if self.watch.has_past:
            self._begin_anew()
        else:
            self.watch.take_back()
            self.watch.look_at_all_told()
        self._all.watches.has_work(self)

    def _gained(self, objects: Collection[str] | None) -> None:
        if self.watch.has_past:
            self._begin_anew()
            self._all.watches.has_work(self)
        else:
            self._all.watches.gained(self, objects)

    def _begin_anew(self) -> None:
        """Rights have moved before all was looked at: what could be read at the bookmark is not known any more."""
        self.purge()
        self.watch.forget()
        self.say_reset("permissions")
        self.watch.begin(self._all.watches.candidates(self.group.query))

    def _beat_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.1, self._sent_s + self._heartbeat_s - loop.time()), self._beat)

    def _beat(self) -> None:
        """Idle for so long: say that it is current, so that its bookmark stays young."""
        is_idle = asyncio.get_running_loop().time() >= self._sent_s + self._heartbeat_s
        if is_idle and not self.watch.has_pending:
            self._say(b'"bookmark":"%b"' % self._all.bookmark(self.principal), self.watch.next_position())
        self._beat_later()


def _of_query(query: Query, ids: Collection[str]) -> Collection[str]:
    """Those ids that a query may be about."""
    return ids if query.ids is None else [id_ for id_ in query.ids if id_ in ids]
