"""The state machine behind `watch`: the picture of the records that we want, and how each answer changes it.

One call of `fairlead.record.watch` brings what there is, then every change. Each dict with a bookmark says that the
picture is whole; after a lost session the next call goes on at the last one. What had come after that bookmark may be
told again, or have been taken back meanwhile: of such a record the next bookmark decides, and until then the picture
keeps what was told last. The same holds for all records after a reset. So whoever is handed the items sees each change
once, and never an older state after a newer one.

No I/O, no clock, no framework.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypedDict, Unpack

from fairlead_client.errors import PASSING, REVOKING, CallFailed, Refused
from fairlead_client.following import Revoked
from fairlead_client.requests import WATCH, Request, Result, given
from fairlead_client.runtime import Session

Condition = Sequence[Any]
"""[field, op, value]."""


class Watching(TypedDict, total=False):
    """Which records are wanted; all that is said must be true.

    `id` or `ids`, a `kind`, an `owner`; `where`: all of these conditions, `any`: at least one of these lists of them. A
    condition is [field, op, value], with = != < <= > >= in "not in" exists. `heartbeat_s`: how often, where nothing
    comes, the service sends a bookmark.
    """

    id: str | None
    ids: Sequence[str] | None
    kind: str | None
    owner: str | None
    where: Sequence[Condition] | None
    any: Sequence[Sequence[Condition]] | None
    heartbeat_s: float | None


class Entry(NamedTuple):
    """A record at one version. Times are microseconds since 1970."""

    id: str
    kind: str
    owner: str
    object: str
    version: int
    created_us: int
    changed_us: int
    state: dict[str, Any]


class Added(NamedTuple):
    """A record is there, matches, and may be read."""

    entry: Entry


class Changed(NamedTuple):
    """It is another version."""

    entry: Entry


class Removed(NamedTuple):
    """It is gone, no longer matches, or may not be read any more; `state` is the last one where it was deleted."""

    id: str
    is_deleted: bool
    state: dict[str, Any] | None


class Whole(NamedTuple):
    """The picture is whole: it equals what there was at one moment; `bookmark` is where another watch may go on."""

    bookmark: str


class Marked(NamedTuple):
    """The picture has everything that was acknowledged before this mark was asked for."""

    token: str


class Anew(NamedTuple):
    """The service tells everything anew (`reason`: epoch, too_old, permissions); the items are what is different."""

    reason: str


Item: TypeAlias = Added | Changed | Removed | Whole | Marked | Anew | Revoked


class Watcher:
    """Watches what the query says; with a `bookmark`, `entries` is what was known there."""

    def __init__(
        self,
        bookmark: str | None = None,
        entries: Mapping[str, Entry] | None = None,
        **query: Unpack[Watching],
    ) -> None:
        self.entries: dict[str, Entry] = dict(entries or {})
        self.bookmark = bookmark
        self.is_finished = False
        self.session: Session | None = None
        self.number: int | None = None
        """Of the watch, in the session."""
        self._query = given(**query)
        self._unsure: dict[str, Entry | None] = {}
        """What the next bookmark decides of: these records as they were at the last one."""
        self._since: dict[str, Entry | None] = {}
        """What has changed since the last bookmark, as it was there."""
        self._is_reset = False
        """Whether all is told anew until the next bookmark."""
        self._has_watched = False

    # ------------------------------------------------------------ what the loop asks (conversing.py)

    def begun(self, session: Session) -> None:
        """What came after the last bookmark may be told again, or be true no more."""
        self.session, self.number = session, None
        self._unsure = {**self._since, **self._unsure}
        self._since = {}

    def request(self) -> Request:
        """Go on at the last bookmark."""
        return Request(WATCH, (), {**self._query, **given(bookmark=self.bookmark)}, wants_progress=True)

    def is_done_with(self, request: Request) -> bool:
        """Never before the end."""
        return self.is_finished

    def look_at_clock(self, now_us: int) -> None:
        """Nothing here depends on it."""

    def progressed(self, result: Result) -> Iterator[Item]:
        """A dict of the watch."""
        self._has_watched = True
        self.number = result.get("watch", self.number)
        if "reset" in result:
            self._unsure = dict.fromkeys(self.entries)
            self._since = {}
            self._is_reset = True
            yield Anew(str(result["reset"].get("reason", "")))
        for change in result.get("changes", ()):
            yield from self._change(change)
        if "bookmark" in result:
            yield from self._whole(str(result["bookmark"]))
        if "mark" in result:
            yield Marked(str(result["mark"]))

    def succeeded(self, request: Request, result: Result) -> Iterator[Item]:
        """A watch never ends by itself; one that did is begun again."""
        return iter(())

    def failed(self, request: Request, error: CallFailed) -> list[Item]:
        """The call was answered by an error; raises it unless it passes or means the end of a right that we had."""
        if error.uri in REVOKING and self._has_watched:
            self.is_finished = True
            return [Revoked(error.text or error.uri)]
        if error.uri in PASSING:
            return []
        raise error

    def refused(self, error: Refused) -> list[Item]:
        """The router would not let us join; raises it unless that means the end of a right that we had."""
        if error.uri in REVOKING and self._has_watched:
            self.is_finished = True
            return [Revoked(error.text or error.uri)]
        raise error

    # ------------------------------------------------------------ the picture

    def _change(self, change: Mapping[str, Any]) -> Iterator[Item]:
        id_ = str(change["id"])
        if id_ not in self._since:
            self._since[id_] = self._unsure.pop(id_, self.entries.get(id_))
        if change["change"] == "removed":
            yield from self._remove(id_, is_deleted=bool(change.get("deleted")), state=change.get("state"))
        else:
            yield from self._set(_entry(change))

    def _set(self, entry: Entry) -> Iterator[Item]:
        known = self.entries.get(entry.id)
        if known is not None and self._is_told_again(known, entry):
            return
        self.entries[entry.id] = entry
        yield Added(entry) if known is None else Changed(entry)

    def _is_told_again(self, known: Entry, entry: Entry) -> bool:
        """Behind a reset it may be another record of that id, whose versions begin anew."""
        if not self._is_reset:
            return known.version >= entry.version
        return (known.version, known.changed_us) == (entry.version, entry.changed_us)

    def _remove(self, id_: str, *, is_deleted: bool = False, state: dict[str, Any] | None = None) -> Iterator[Item]:
        if self.entries.pop(id_, None) is not None:
            yield Removed(id_, is_deleted, state)

    def _whole(self, bookmark: str) -> Iterator[Item]:
        """Of what was unsure and was not spoken of, it is as it was."""
        unsure, self._unsure, self._since = self._unsure, {}, {}
        for id_, entry in unsure.items():
            yield from self._remove(id_) if entry is None else self._set(entry)
        self._is_reset = False
        self.bookmark = bookmark
        yield Whole(bookmark)


def _entry(change: Mapping[str, Any]) -> Entry:
    return Entry(*(change[name] for name in Entry._fields))
