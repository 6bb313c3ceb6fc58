"""Reading everything that a source has: files or the API, the same way.

The lists that only hold things come before those that hold groups, links and users: what is put into a project
meanwhile is then rather missed than shown by an older state of the project. What is missed comes with the next time.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from fairlead_authz.arvados.errors import BadSource
from fairlead_authz.arvados.events import Event
from fairlead_authz.arvados.picture import Domain
from fairlead_authz.arvados.placement import Placement
from fairlead_authz.arvados.records import Record, Records
from fairlead_authz.arvados.report import Problem, Report
from fairlead_authz.arvados.uuids import CLUSTER, LISTS, WELL_KNOWN, ListKind, cluster_of

_ORDER = sorted(LISTS, key=lambda type_: LISTS[type_].is_required)


class Source(Protocol):
    """Where records come from."""

    async def types(self) -> frozenset[str]:
        """The types of the lists that it has; what is of other types stays as it is here."""

    async def records(self, kind: ListKind, report: Report) -> Iterable[Record]:
        """All records of a list. Raises ArvadosError."""


async def load(source: Source, cluster: str | None, now_us: Callable[[], int], report: Report) -> Placement:
    """Everything, placed. Raises ArvadosError: also when it does not say which cluster it is of."""
    records = Records()
    types = await source.types()
    for type_ in _ORDER:
        if type_ in types:
            for record in await source.records(LISTS[type_], report):
                records.put(record)
    return Placement(records, Domain(cluster or own_cluster(records), types), now_us)


def take_told(placement: Placement, events: Iterable[Event], report: Report) -> None:
    """Bring records up to date with the events since they were listed, in the order of the events.

    For where nobody can be asked: the events must have whole records, as the rows of the API's logs do.
    """
    for event in events:
        uuid, record = event.touched, event.record
        if uuid is None:
            continue
        if event.event_type == "delete":
            placement.remove(uuid)
        elif record is not None:
            placement.put(record)
        else:
            report.add(Problem.CUT_EVENT, uuid)


def own_cluster(records: Records) -> str:
    """Whose records they are: every cluster's own have its system user and All users. Raises BadSource."""
    clusters = {cluster_of(uuid) for uuid in records.nodes if uuid[6:] in WELL_KNOWN}
    if len(clusters) != 1:
        found = f"of {len(clusters)} clusters" if clusters else "missing"
        raise BadSource(f"the system user and All users are {found}, so say which cluster it is: --cluster ID")
    return clusters.pop()


def checked_cluster(text: str) -> str:
    """Raises BadSource."""
    if CLUSTER.fullmatch(text) is None:
        raise BadSource(f"cluster {text!r} must be five of the characters 0-9 a-z, as the UUIDs begin")
    return text
