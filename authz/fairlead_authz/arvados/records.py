"""Records of the API as they come, and all of a cluster's, indexed.

Nothing is judged here: placement.py says what a record means.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from fairlead_authz.arvados.errors import BadSource
from fairlead_authz.arvados.report import Problem, Report
from fairlead_authz.arvados.uuids import LISTS, UUID, ListKind, type_of

_SHOWN_CHARACTERS = 80


class Record(msgspec.Struct, frozen=True):
    """A record of any list: the attributes that matter for permissions, as far as it has them."""

    uuid: str
    owner_uuid: str | None = None
    name: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    hostname: str | None = None
    is_admin: bool | None = None
    is_active: bool | None = None
    group_class: str | None = None
    is_trashed: bool | None = None
    trash_at: str | None = None
    delete_at: str | None = None
    frozen_by_uuid: str | None = None
    current_version_uuid: str | None = None
    container_uuid: str | None = None
    state: str | None = None
    object_uuid: str | None = None
    link_class: str | None = None
    tail_uuid: str | None = None
    head_uuid: str | None = None

    @property
    def is_old_version(self) -> bool:
        """Whether it is a former version of a collection: not listed, and no link leads to it."""
        return self.current_version_uuid not in (None, self.uuid)


class Listing(msgspec.Struct, frozen=True):
    """A list as the API answers; each record is read by itself, so that a broken one spoils no other."""

    items: list[msgspec.Raw]
    kind: str | None = None
    items_available: int | None = None


_LISTING: Final = msgspec.json.Decoder(Listing)
_RECORD: Final = msgspec.json.Decoder(Record)


def decode_listing(source: str, text: bytes) -> Listing:
    """Raises BadSource, which names the source."""
    try:
        return _LISTING.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadSource(f"{source} holds no list of Arvados' API: {error}") from None


def decode_records(items: Iterable[bytes | msgspec.Raw], kind: ListKind, report: Report) -> Iterator[Record]:
    """The records of one list; what is wrong with the others is reported."""
    for item in items:
        try:
            record = _RECORD.decode(item)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            report.add(Problem.UNREADABLE, _shown(bytes(item)))
            continue
        if UUID.fullmatch(record.uuid) is None or LISTS.get(type_of(record.uuid)) is not kind:
            report.add(Problem.ODD_UUID, _shown(record.uuid.encode(errors="replace")))
        else:
            yield record


def convert_record(value: Mapping[str, Any]) -> Record | None:
    """A record from within an event; None if it is none."""
    try:
        return msgspec.convert(value, Record)
    except (msgspec.ValidationError, RecursionError):
        return None


def _shown(text: bytes) -> str:
    shown = repr(text.decode(errors="replace"))
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}..."


class Records:
    """Everything that is known of a cluster, by UUID."""

    def __init__(self) -> None:
        self.nodes: dict[str, Record] = {}
        self.links: dict[str, Record] = {}
        self._owned: dict[str, dict[str, None]] = {}
        self._subjects: dict[str, dict[str, None]] = {}
        self._links_at: dict[str, dict[str, None]] = {}
        self._links_between: dict[tuple[str | None, str | None], dict[str, None]] = {}

    def get(self, uuid: str) -> Record | None:
        """The record of this UUID."""
        return self.links.get(uuid) if _is_link(uuid) else self.nodes.get(uuid)

    def owned(self, owner: str) -> Mapping[str, None]:
        """What names this as its owner."""
        return self._owned.get(owner, _NOTHING)

    def subjects(self, uuid: str) -> Mapping[str, None]:
        """What names this as its container, or as what it logs."""
        return self._subjects.get(uuid, _NOTHING)

    def links_at(self, uuid: str) -> Iterator[Record]:
        """The links that name this at either end."""
        return map(self.links.__getitem__, self._links_at.get(uuid, _NOTHING))

    def links_between(self, tail: str, head: str) -> Iterator[Record]:
        """The links from this to that."""
        return map(self.links.__getitem__, self._links_between.get((tail, head), _NOTHING))

    def put(self, record: Record) -> None:
        """Add or replace a record; former versions of collections are none."""
        self.remove(record.uuid)
        if record.is_old_version:
            return
        if _is_link(record.uuid):
            if record.link_class != "permission":
                return
            self.links[record.uuid] = record
        else:
            self.nodes[record.uuid] = record
        for index, key in self._places(record):
            index.setdefault(key, {})[record.uuid] = None

    def remove(self, uuid: str) -> None:
        """Forget a record; harmless if there is none."""
        record = self.get(uuid)
        if record is None:
            return
        (self.links if _is_link(uuid) else self.nodes).pop(uuid)
        for index, key in self._places(record):
            entries = index[key]
            del entries[uuid]
            if not entries:
                del index[key]

    def _places(self, record: Record) -> Iterator[tuple[dict[Any, dict[str, None]], Any]]:
        """Where it is indexed: each index and key once."""
        if _is_link(record.uuid):
            yield self._links_between, (record.tail_uuid, record.head_uuid)
            for end in {record.tail_uuid, record.head_uuid}:
                yield self._links_at, end
        else:
            yield self._owned, record.owner_uuid
            subject = record.container_uuid or record.object_uuid
            if subject is not None:
                yield self._subjects, subject


_NOTHING: Final[Mapping[str, None]] = {}


def _is_link(uuid: str) -> bool:
    return LISTS.get(type_of(uuid)) is LISTS["o0j2j"]
