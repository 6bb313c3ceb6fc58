"""What the meta APIs of subscriptions and of registrations have in common, which is nearly all.

An entry (a subscription, a registration) has a URI or pattern and members (subscribers, callees). A session sees an
entry by the rights that `seen_by` names; any other does not exist for it: not in lists, counts and events neither.
Removing a member is not in the spec; Crossbar has it, under the same URIs.
"""

import operator
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from fairlead_router.errors import RequestError
from fairlead_router.meta.events import MetaEvents
from fairlead_router.meta.shown import find_peer, listed
from fairlead_router.payload import Payload
from fairlead_router.questions import Questions
from fairlead_router.rpc.arguments import NoArguments, bind
from fairlead_router.rpc.own_procedures import OwnProcedure
from fairlead_router.rpc.shown_results import Shown
from fairlead_router.uris import Match, check_uri

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session

REMOVED = "fairlead.revoked.removed"
"""Why a subscription or registration ended for a session: it was removed through the meta API without a reason."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(Protocol):
    """A subscription or a registration."""

    @property
    def id(self) -> int:
        """Its id."""

    @property
    def match(self) -> Match:
        """Its match policy."""


E = TypeVar("E", bound=Entry)


class _MatchOptions(msgspec.Struct):
    match: Match = "exact"


class _Lookup(msgspec.Struct):
    positional: ClassVar[tuple[str, ...]] = ("uri", "options")
    uri: str
    options: _MatchOptions | None = None


class _OfUri(msgspec.Struct):
    positional: ClassVar[tuple[str, ...]] = ("uri",)
    uri: str


class _OfEntry(msgspec.Struct):
    positional: ClassVar[tuple[str, ...]] = ("id",)
    id: int


class _Remove(msgspec.Struct):
    positional: ClassVar[tuple[str, ...]] = ("id", "session")
    id: int
    session: int
    reason: str | None = None


class TableMeta(Generic[E]):
    """The procedures and events of one table of a realm. Subclasses say which table it is, and who sees an entry."""

    noun: ClassVar[str]
    """What an entry is in the URIs: `subscription`."""

    member: ClassVar[str]
    """What a member is in the URIs: `subscriber`."""

    no_such_entry: ClassVar[type[RequestError]]

    def __init__(self, realm: "Realm", events: MetaEvents) -> None:
        self.realm = realm
        self._events = events
        self.procedures: dict[str, OwnProcedure] = {
            self._uri("list"): self._list,
            self._uri("lookup"): self._lookup,
            self._uri("match"): self._match,
            self._uri("get"): self._get,
            self._uri(f"list_{self.member}s"): self._list_members,
            self._uri(f"count_{self.member}s"): self._count_members,
            self._uri(f"remove_{self.member}"): self._remove_member,
        }

    # --- what a subclass says -----------------------------------------------------------------

    def entries(self) -> Iterable[E]:
        """All of them."""
        raise NotImplementedError

    def get(self, entry_id: int) -> E | None:
        """The entry of this id."""
        raise NotImplementedError

    def lookup(self, uri: str, match: Match) -> E | None:
        """The entry of exactly this URI and match policy."""
        raise NotImplementedError

    def match(self, uri: str) -> list[E]:
        """The entries that a publication or call with this URI goes to."""
        raise NotImplementedError

    def matched(self, entries: list[E]) -> int | list[int]:
        """What `match` answers where there are some."""
        raise NotImplementedError

    def seen_by(self, entry: E) -> Questions:
        """The rights that let a session see the entry."""
        raise NotImplementedError

    def details(self, entry: E) -> dict[str, Any]:
        """What is told of the entry."""
        raise NotImplementedError

    def members(self, entry: E) -> "list[Session]":
        """Who holds it."""
        raise NotImplementedError

    def remove(self, entry: E, session: "Session", reason: str) -> None:
        """End the session's part in the entry and tell it. Raises `no_such_entry` if it has none."""
        raise NotImplementedError

    # --- events -------------------------------------------------------------------------------

    def on_create(self, session: "Session", entry: E) -> None:
        """The entry has its first member."""
        self.tell("on_create", session, entry, self.details)

    def on_delete(self, session: "Session", entry: E) -> None:
        """The entry has lost its last member."""
        self.tell("on_delete", session, entry)

    def tell(
        self, event: str, session: "Session", entry: E, as_what: Callable[[E], Any] = operator.attrgetter("id")
    ) -> None:
        """Publish to those who may see the entry what has happened to it."""
        topic = self._uri(event)
        if self._events.are_heard(topic):
            self._events.publish(topic, session.id, as_what(entry), seen_by=self.seen_by(entry))

    # --- procedures ---------------------------------------------------------------------------

    def _list(self, caller: "Session", payload: Payload) -> Shown:
        bind(self._uri("list"), payload, NoArguments)
        visible = list(self._visible(caller, self.entries()))
        listed([entry.id for entry in visible], self.realm.limits)
        matches: tuple[Match, ...] = ("exact", "prefix", "wildcard")
        lists = {match: [entry.id for entry in visible if entry.match == match] for match in matches}
        return self._shown(caller, lists, visible)

    def _lookup(self, caller: "Session", payload: Payload) -> Shown:
        arguments = bind(self._uri("lookup"), payload, _Lookup)
        match = "exact" if arguments.options is None else arguments.options.match
        check_uri(arguments.uri, match, self.realm.limits.uri_length)
        entry = self.lookup(arguments.uri, match)
        if entry is None or not self._sees(caller, entry):
            return self._shown(caller, None, [])
        return self._shown(caller, entry.id, [entry])

    def _match(self, caller: "Session", payload: Payload) -> Shown:
        uri = bind(self._uri("match"), payload, _OfUri).uri
        check_uri(uri, "exact", self.realm.limits.uri_length)
        found = list(self._visible(caller, self.match(uri)))
        return self._shown(caller, self.matched(found) if found else None, found)

    def _get(self, caller: "Session", payload: Payload) -> Shown:
        entry = self._find(caller, bind(self._uri("get"), payload, _OfEntry).id)
        return self._shown(caller, self.details(entry), [entry])

    def _list_members(self, caller: "Session", payload: Payload) -> Shown:
        entry = self._find(caller, bind(self._uri(f"list_{self.member}s"), payload, _OfEntry).id)
        ids = listed([session.id for session in self.members(entry)], self.realm.limits)
        return self._shown(caller, ids, [entry])

    def _count_members(self, caller: "Session", payload: Payload) -> Shown:
        entry = self._find(caller, bind(self._uri(f"count_{self.member}s"), payload, _OfEntry).id)
        return self._shown(caller, len(self.members(entry)), [entry])

    def _remove_member(self, caller: "Session", payload: Payload) -> Payload:
        arguments = bind(self._uri(f"remove_{self.member}"), payload, _Remove)
        entry = self._find(caller, arguments.id)
        session = find_peer(self.realm, arguments.session)
        reason = REMOVED if arguments.reason is None else arguments.reason
        check_uri(reason, "exact", self.realm.limits.uri_length)
        self.remove(entry, session, reason)
        return Payload.of()

    # --- what they share ----------------------------------------------------------------------

    def _uri(self, name: str) -> str:
        return f"wamp.{self.noun}.{name}"

    def _sees(self, caller: "Session", entry: E) -> bool:
        return caller.sees(self.seen_by(entry))

    def _visible(self, caller: "Session", entries: Iterable[E]) -> Iterable[E]:
        return (entry for entry in entries if self._sees(caller, entry))

    def _shown(self, caller: "Session", value: Any, entries: list[E]) -> Shown:
        """A result about these entries: it is not written once one of them may not be seen any more (G2)."""
        return Shown(Payload.of(value), lambda: all(self._sees(caller, entry) for entry in entries))

    def _find(self, caller: "Session", entry_id: int) -> E:
        entry = self.get(entry_id)
        if entry is None or not self._sees(caller, entry):
            raise self.no_such_entry(f"the realm has no {self.noun} {entry_id}")
        return entry


def iso_8601(time_us: int) -> str:
    """The time of the wall clock as the meta API writes it.

    >>> iso_8601(1_764_162_000_000_001)
    '2025-11-26T13:00:00.000001Z'
    """
    return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
