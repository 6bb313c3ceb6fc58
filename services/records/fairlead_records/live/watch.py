"""A watch: what one caller has been told of the records that it wants, and what may be different by now.

One mechanism for the snapshot, what comes after it, a slow reader and a revoked right: `pending` are the ids to look
at, and a look compares what is true now (it is there, it matches, it may be read) with what was told. So whatever
happened in between, the latest state is told, never an older one after it, and the last change always. A snapshot is
everything pending. A reader for whom there is no room leaves ids pending, each once.

A watcher that comes back with a bookmark is the same thing: everything is pending, and what it was told is what matched
at the bookmark's revision (`Past`).

Pages that are still queued can be taken back by a revocation (`Call.purge`). What they told is untold then, and looked
at again. A page has a bookmark when nothing is pending behind it: the picture is whole.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from fairlead_records.model.record import Change, Record

PAGE_BYTES = 64 << 10
"""Of changes in one dict: what a revocation cannot recall is one write of as much (G3)."""

LOOKED_AT_ONCE = 500
"""Ids in one go, some milliseconds; then others have their turn."""


class Wanted(Protocol):
    """Which records are wanted: a query, with what it remembers."""

    def matches(self, record: Record) -> bool:
        """Whether the record is one of them."""
        ...


class Reader(Protocol):
    """Who is told: the call, with the caller's rights."""

    def may_read(self, object_id: str) -> bool:
        """Whether it may, now."""
        ...

    def send(self, changes: bytes, position: int, *, is_whole: bool) -> bool:
        """Tell a page of changes; False: there was no room, and `flush` is called when there is."""
        ...

    def purge(self) -> int | None:
        """Take back what is queued; gives the position of the first page that was."""
        ...

    def take_back(self) -> None:
        """A right may have gone to what is queued."""
        ...

    @property
    def has_queue(self) -> bool:
        """Whether anything is queued still."""
        ...


class Objects(Protocol):
    """The objects of which somebody is told something: their rights are watched."""

    def hold(self, object_id: str) -> None:
        """One more record of this object is told."""
        ...

    def release(self, object_id: str) -> None:
        """One less."""
        ...

    def leave(self, object_id: str, reader: Reader) -> None:
        """One less once `have_left` is called; until then the reader is asked to take back what it has queued."""
        ...

    def have_left(self, object_id: str, reader: Reader) -> None:
        """Nothing of it is queued for the reader any more."""
        ...


class _Told(NamedTuple):
    """What a watcher knows of a record."""

    revision: int
    object_id: str


class _Page(NamedTuple):
    """A page that may still be queued: what was known of its records before it."""

    position: int
    before: list[tuple[str, _Told | None]]


class Past:
    """The records as they were at a bookmark, of those that are not looked at since then.

    `before` has what was there of those that have changed since; the others are as they are now, and whoever changes
    one says what it was (`changes`).
    """

    def __init__(self, before: dict[str, Record | None], ids: Iterable[str]) -> None:
        self._before = before
        self._unlooked = dict.fromkeys(ids)

    def changes(self, id_: str, before: Record | None) -> None:
        """A record is about to be another one than it was."""
        if id_ in self._unlooked:
            self._before.setdefault(id_, before)

    def take(self, id_: str, now: Record | None) -> Record | None:
        """What was there, once; `now` is what is there if nothing has changed."""
        if id_ not in self._unlooked:
            return None
        del self._unlooked[id_]
        return self._before.get(id_, now)

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return bool(self._unlooked)


class Watch:
    """What one call of `fairlead.record.watch` has been told, and what is to be looked at."""

    __slots__ = (
        "_get",
        "_left",
        "_objects",
        "_pages",
        "_past",
        "_pending",
        "_position",
        "_reader",
        "_told",
        "_wanted",
        "is_owing_bookmark",
    )

    def __init__(self, wanted: Wanted, reader: Reader, objects: Objects, get: Callable[[str], Record | None]) -> None:
        self._wanted = wanted
        self._reader = reader
        self._objects = objects
        self._get = get
        self._told: dict[str, _Told] = {}
        self._left: dict[str, None] = {}
        """Objects of records that are not told any more, or of another object: what is queued may be about them."""
        self._pending: OrderedDict[str, Record | None] = OrderedDict()  # of a dict, the first is found ever more slowly
        self._past: Past | None = None
        self._pages: deque[_Page] = deque()
        self._position = 0
        self.is_owing_bookmark = True
        """Whether a dict with a bookmark is to be sent when nothing is pending, even with no change."""

    @property
    def has_pending(self) -> bool:
        """Whether there is something to look at."""
        return bool(self._pending) or self.is_owing_bookmark

    @property
    def has_past(self) -> bool:
        """Whether it is not known of everything yet what was told before the bookmark."""
        return bool(self._past)

    def forget(self) -> None:
        """Nothing counts as told: it is told anew."""
        self._forget_told()
        self._forget_queued()
        self.is_owing_bookmark = True

    def begin(self, ids: Iterable[str], past: Past | None = None) -> None:
        """Look at all of these first; with a past, tell only what is different from it."""
        self._past = past
        self.look_at(ids)

    def concerns(self, change: Change) -> bool:
        """Whether a change may make a difference here."""
        if self._past is not None:
            self._past.changes(change.id, change.before)
        return (
            change.id in self._told
            or change.id in self._pending
            or (change.after is not None and self._wanted.matches(change.after))
        )

    def look_at(self, ids: Iterable[str]) -> None:
        """Something about these may be different now."""
        for id_ in ids:
            self._pending.setdefault(id_, None)

    def look_at_all_told(self) -> None:
        """A right may have gone, it is not known to what."""
        self.look_at(self._told)

    def deleted(self, record: Record) -> None:
        """A record is gone: who knew it and may read it now is told what was there."""
        self._pending[record.id] = record if self._reader.may_read(record.object_id) else None

    def take_back(self) -> None:
        """A right may have gone: nothing that is queued is sent as it is; what it told is looked at again."""
        position = self._reader.purge()
        if position is None:
            return
        self.is_owing_bookmark = True
        while self._pages and self._pages[-1].position >= position:
            for id_, before in reversed(self._pages.pop().before):
                self._know(id_, before)
                self._pending.setdefault(id_, None)

    def flush(self) -> bool:
        """Tell what is different, page by page. False: it stopped for want of room, and goes on when there is some."""
        if not self._reader.has_queue:
            self._forget_queued()
        left = LOOKED_AT_ONCE
        while left > 0 and self.has_pending:
            looked, is_sent = self._tell_page(left)
            if not is_sent:
                return False
            left -= max(1, looked)
        return True

    def next_position(self) -> int:
        """Of what is sent next: by it `take_back` knows what was still queued."""
        self._position += 1
        return self._position

    def end(self) -> None:
        """Nobody is told any more."""
        self._forget_told()
        self._forget_queued()
        self._pending.clear()

    def _forget_told(self) -> None:
        for told in self._told.values():
            self._objects.release(told.object_id)
        self._told.clear()

    def _forget_queued(self) -> None:
        self._pages.clear()
        for object_id in self._left:
            self._objects.have_left(object_id, self._reader)
        self._left.clear()

    # ---- pages

    def _tell_page(self, limit: int) -> tuple[int, bool]:
        """Look at so many ids at most; how many it were, and whether all that is to be told of them was sent."""
        changes: list[bytes] = []
        before: list[tuple[str, _Told | None]] = []
        looked: list[tuple[str, Record | None]] = []
        size = 0
        for id_, last in self._taken(limit):
            looked.append((id_, last))
            known = self._known(id_)
            change = self._difference(id_, known, last)
            if change is not None:
                changes.append(change)
                before.append((id_, known))
                size += len(change)
            if size >= PAGE_BYTES:
                break
        is_whole = not self._pending
        if (changes or (is_whole and self.is_owing_bookmark)) and not self._send(changes, before, is_whole):
            for id_, known in reversed(before):
                self._know(id_, known)
            self._put_back(looked)
            return len(looked), False
        return len(looked), True

    def _known(self, id_: str) -> _Told | None:
        """What it knows of a record; of what it has been told before its bookmark that is found out here."""
        if self._past:
            then = self._past.take(id_, self._get(id_))
            if then is not None and self._wanted.matches(then) and self._reader.may_read(then.object_id):
                self._know(id_, _Told(then.revision, then.object_id))
        return self._told.get(id_)

    def _taken(self, limit: int) -> Iterator[tuple[str, Record | None]]:
        """Ids out of those that are pending, the first ones."""
        while self._pending and limit > 0:
            yield self._pending.popitem(last=False)
            limit -= 1

    def _put_back(self, looked: list[tuple[str, Record | None]]) -> None:
        """They are pending again, before the others."""
        for id_, last in reversed(looked):
            self._pending[id_] = last
            self._pending.move_to_end(id_, last=False)

    def _send(self, changes: list[bytes], before: list[tuple[str, _Told | None]], is_whole: bool) -> bool:
        position = self.next_position()
        if not self._reader.send(b",".join(changes), position, is_whole=is_whole):
            return False
        if is_whole:
            self.is_owing_bookmark = False
        if before:
            self._pages.append(_Page(position, before))
        return True

    def _difference(self, id_: str, known: _Told | None, last: Record | None) -> bytes | None:
        """What is to be told of a record, as JSON; it counts as told then."""
        record = self._get(id_)
        if record is not None and self._wanted.matches(record) and self._reader.may_read(record.object_id):
            if known is not None and known.revision == record.revision:
                return None
            self._know(id_, _Told(record.revision, record.object_id))
            return b'{"change":"%b",%b' % (b"added" if known is None else b"changed", record.entry[1:])
        if known is None:
            return None
        self._know(id_, None)
        if record is None and last is not None and self._reader.may_read(last.object_id):
            return _deleted(last)
        return b'{"change":"removed","id":"%b"}' % id_.encode()

    def _know(self, id_: str, told: _Told | None) -> None:
        before = self._told.get(id_)
        if before is not None and (told is None or told.object_id != before.object_id):
            self._leave(before.object_id)
        if told is None:
            self._told.pop(id_, None)
            return
        if before is None or told.object_id != before.object_id:
            self._objects.hold(told.object_id)
        self._told[id_] = told

    def _leave(self, object_id: str) -> None:
        """One record less of this object is told; that it was, may be queued still."""
        if object_id in self._left:
            self._objects.release(object_id)
            return
        self._left[object_id] = None
        self._objects.leave(object_id, self._reader)


def _deleted(last: Record) -> bytes:
    head = b'{"change":"removed","id":"%b","deleted":true,"version":%d,"state":' % (last.id.encode(), last.version)
    return b"%b%b}" % (head, last.state_json)
