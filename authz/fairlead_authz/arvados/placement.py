"""What Arvados' records come to here: the thing that a record is, and the level that links give.

Every answer is worked out from the records when it is asked for, so that a changed record needs no more than to be
asked about again; `Affected` says about what.

The rule for what is broken: it gives no right. A thing whose owner cannot be one belongs to `system`, which only
administrators reach; a link that does not fit gives nothing.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, get_args

from fairlead_authz.arvados.picture import Domain, Link, Thing
from fairlead_authz.arvados.records import Record, Records
from fairlead_authz.arvados.report import Problem, Report
from fairlead_authz.arvados.uuids import LISTS, WELL_KNOWN, cluster_of, type_of, well_known
from fairlead_authz.changes import MAX_NAME
from fairlead_authz.model.graph import ANONYMOUS_USER, SYSTEM, ContainerState
from fairlead_authz.model.levels import LOGIN, MANAGE, NONE, READ, WRITE

GRANTS: Final = {"can_read": READ, "can_login": LOGIN, "can_write": WRITE, "can_manage": MANAGE}

_CLASSES: Final = frozenset({"project", "role", "filter"})

_WITHOUT_RIGHTS: Final = frozenset({"container", "log"})
"""Kinds that are read by what they are for: their owner gives nothing, and no link leads to them."""

_WELL_KNOWN_REST: Final = {id_: rest for rest, id_ in WELL_KNOWN.items()}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

LONG_AGO_US: Final = 1
"""When what is in the trash without a time got there."""


class Affected(NamedTuple):
    """What may be different: things and links, to be asked about again."""

    ids: set[str]
    links: set[Link]

    def add(self, more: "Affected") -> None:
        """These too."""
        self.ids.update(more.ids)
        self.links.update(more.links)


class Placement:
    """The view of what Arvados would have."""

    def __init__(self, records: Records, domain: Domain, now_us: Callable[[], int]) -> None:
        self.records = records
        self.domain = domain
        self._now_us = now_us

    # --- things -------------------------------------------------------------------------------

    def thing(self, id_: str, report: Report | None = None) -> Thing | None:
        """The thing of this id; None if there is none that is the import's."""
        record = self.records.nodes.get(id_)
        if record is None or well_known(id_) is not None:
            return None
        if not self.domain.owns(id_):
            _tell(report, Problem.FOREIGN, id_)
            return None
        kind = self._kind(record)
        if kind is None:
            _tell(report, Problem.NO_CLASS, id_)
            return None
        if kind == "log" and self._about(record, report) is None:
            return None
        return Thing(
            kind,
            self._owner(record, kind, report),
            _name(record, report),
            is_admin=kind == "user" and record.is_admin is True,
            is_active=kind != "user" or record.is_active is True,
            trash_at_us=self._trash_at_us(record, kind, report),
            is_frozen=kind == "project" and bool(record.frozen_by_uuid),
            about=self._about(record, report),
            state=_state(record) if kind == "container" else None,
        )

    def _kind(self, record: Record) -> str | None:
        kind = LISTS[type_of(record.uuid)].kind
        if kind != "group":
            return kind
        return record.group_class if record.group_class in _CLASSES else None

    def _placed_kind(self, uuid: str) -> str | None:
        """The kind of what is placed under this UUID."""
        record = self.records.nodes.get(uuid)
        return self._kind(record) if record is not None and self.domain.owns(uuid) else None

    def _owner(self, record: Record, kind: str, report: Report | None) -> str:
        owner = record.owner_uuid or ""
        if kind in _WITHOUT_RIGHTS or well_known(owner) == SYSTEM:
            return SYSTEM
        if kind in ("user", "role"):
            _tell(report, Problem.OWNED_USER, record.uuid)
        elif well_known(owner) is not None or self._placed_kind(owner) not in ("user", "project"):
            _tell(report, Problem.NO_OWNER, f"{owner or None} of {record.uuid}")
        elif kind == "project" and self._is_in_cycle(record.uuid):
            _tell(report, Problem.CYCLE, record.uuid)
        else:
            return owner
        return SYSTEM

    def _is_in_cycle(self, uuid: str) -> bool:
        return uuid in self.chain(uuid)

    def chain(self, uuid: str) -> set[str]:
        """The owner, its owner and so on, as long as they are projects, each once."""
        seen: set[str] = set()
        record = self.records.nodes.get(uuid)
        while record is not None and record.owner_uuid is not None and record.owner_uuid not in seen:
            seen.add(record.owner_uuid)
            record = self.records.nodes.get(record.owner_uuid)
        return seen

    def _trash_at_us(self, record: Record, kind: str, report: Report | None) -> int | None:
        """A role gets into the trash when it does, not ahead: then what it was granted goes for good."""
        if kind == "user" or kind in _WITHOUT_RIGHTS:
            return None
        at_us = _trash_at_us(record, report)
        return None if kind == "role" and at_us is not None and at_us > self._now_us() else at_us

    def _about(self, record: Record, report: Report | None) -> str | None:
        kind = type_of(record.uuid)
        if LISTS[kind].kind == "container_request" and record.container_uuid is not None:
            if self._placed_kind(record.container_uuid) == "container":
                return record.container_uuid
            _tell(report, Problem.NO_CONTAINER, f"{record.container_uuid} of {record.uuid}")
        elif LISTS[kind].kind == "log":
            if self._placed_kind(record.object_uuid or "") not in (None, "log"):
                return record.object_uuid
            _tell(report, Problem.NO_SUBJECT, f"{record.object_uuid} of {record.uuid}")
        return None

    # --- links --------------------------------------------------------------------------------

    def granted(self, link: Link) -> int:
        """What the records of this link grant: their best level, LOGIN, or both."""
        granted = NONE
        for record in self.records.links_between(self._uuid(link.tail), self._uuid(link.head)):
            given = self.link(record)
            if given is not None:
                granted = joined(granted, given[1])
        return granted

    def link(self, record: Record, report: Report | None = None) -> tuple[Link, int] | None:
        """What a link record gives; None if that is nothing."""
        tail_uuid, head_uuid = record.tail_uuid or "", record.head_uuid or ""
        granted = GRANTS.get(record.name or "")
        if granted is None:
            _tell(report, Problem.ODD_LINK, f"{record.name!r} of {record.uuid}")
            return None
        tail, head = self._end(tail_uuid), self._end(head_uuid)
        if well_known(tail_uuid) == SYSTEM or tail == head:
            return None
        if tail is None:
            foreign = bool(tail_uuid) and cluster_of(tail_uuid) != self.domain.cluster
            _tell(report, Problem.FOREIGN if foreign else Problem.NO_TAIL, record.uuid)
        elif head is None or head == ANONYMOUS_USER or self._placed_kind(head_uuid) in _WITHOUT_RIGHTS:
            _tell(report, Problem.NO_HEAD, record.uuid)
        elif well_known(tail_uuid) is None and self._placed_kind(tail_uuid) not in ("user", "role"):
            _tell(report, Problem.BAD_TAIL, record.uuid)
        elif self.domain.owns_link(tail, head) and not self._is_trashed_role(tail_uuid):
            return Link(tail, head), granted
        return None

    def _end(self, uuid: str) -> str | None:
        """Our id of what a link leads from or to, None if there is nothing that it could."""
        known = well_known(uuid)
        if known is not None:
            return known if known != SYSTEM and cluster_of(uuid) == self.domain.cluster else None
        return uuid if self._placed_kind(uuid) is not None else None

    def _is_trashed_role(self, uuid: str) -> bool:
        """Trashing a role takes its links, for good."""
        record = self.records.nodes.get(uuid)
        return (
            record is not None and record.group_class == "role" and self._trash_at_us(record, "role", None) is not None
        )

    def _uuid(self, id_: str) -> str:
        rest = _WELL_KNOWN_REST.get(id_)
        return id_ if rest is None else f"{self.domain.cluster}-{rest}"

    # --- what changes -------------------------------------------------------------------------

    def put(self, record: Record) -> Affected:
        """Add or replace a record. Returns what it may have made different."""
        return self._change(record.uuid, lambda: self.records.put(record))

    def remove(self, uuid: str) -> Affected:
        """Forget a record. Returns what that may have made different."""
        return self._change(uuid, lambda: self.records.remove(uuid))

    def _change(self, uuid: str, change: Callable[[], None]) -> Affected:
        affected = Affected(set(), set())
        before = self._standing(uuid)
        self._add_own(uuid, affected)
        change()
        self._add_own(uuid, affected)
        if self._standing(uuid) != before:
            affected.ids.update(self.records.owned(uuid), self.records.subjects(uuid))
            affected.links.update(map(self._link_of, self.records.links_at(uuid)))
        return affected

    def _standing(self, uuid: str) -> tuple[str | None, bool]:
        """What others depend on: whether it can own, be linked from or to, or be about."""
        return self._placed_kind(uuid), self._is_trashed_role(uuid)

    def _add_own(self, uuid: str, affected: Affected) -> None:
        """What depends on the record as it is: itself, and who is in a cycle with it."""
        link = self.records.links.get(uuid)
        if link is not None:
            affected.links.add(self._link_of(link))
        elif uuid in self.records.nodes:
            affected.ids.add(uuid)
            if LISTS[type_of(uuid)].kind == "group":
                affected.ids.update(self.chain(uuid))

    def _link_of(self, record: Record) -> Link:
        """The link that the record is about, whether or not it gives anything."""
        tail, head = record.tail_uuid or "", record.head_uuid or ""
        return Link(well_known(tail) or tail, well_known(head) or head)

    # --- everything ---------------------------------------------------------------------------

    def all(self, report: Report) -> Affected:
        """All that there would be, and every problem with it."""
        ids = {uuid for uuid in self.records.nodes if self.thing(uuid, report) is not None}
        links: set[Link] = set()
        levels: set[tuple[Link, bool]] = set()
        for record in self.records.links.values():
            given = self.link(record, report)
            if given is None:
                continue
            link, granted = given
            if (link, granted == LOGIN) in levels:
                report.add(Problem.DUPLICATE, record.uuid)
            levels.add((link, granted == LOGIN))
            links.add(link)
        return Affected(ids, links)


def joined(granted: int, more: int) -> int:
    """Both of two grants of a pair: the higher level, and the login."""
    return max(granted & ~LOGIN, more & ~LOGIN) | (granted | more) & LOGIN


def _name(record: Record, report: Report | None) -> str:
    person = " ".join(part for part in (record.first_name, record.last_name) if part)
    name = record.name or person or record.username or record.email or record.hostname or ""
    cut = name.replace("\0", "")[:MAX_NAME]
    if cut != name:
        _tell(report, Problem.ODD_NAME, record.uuid)
    return cut


def _state(record: Record) -> str:
    """A state that is none we know gives its tokens no life, and is not the last one."""
    state = record.state or ""
    return state if state in get_args(ContainerState) else "Queued"


def _trash_at_us(record: Record, report: Report | None) -> int | None:
    """When it is in the trash from; deleting it for good comes later, so it is in the trash by then."""
    try:
        times = [_time_us(text) for text in (record.trash_at, record.delete_at) if text]
    except ValueError:
        _tell(report, Problem.ODD_TIME, record.uuid)
        return LONG_AGO_US
    if times:
        return max(LONG_AGO_US, min(times))
    return LONG_AGO_US if record.is_trashed else None


def _time_us(text: str) -> int:
    """Raises ValueError. Arvados' times are UTC."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return (time - _EPOCH) // timedelta(microseconds=1)


def _tell(report: Report | None, problem: Problem, example: str) -> None:
    if report is not None:
        report.add(problem, example)
