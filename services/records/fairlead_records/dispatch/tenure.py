"""Tenure: how long each holder has its container, and the end of those that are not heard.

A lease that has ended is told to the ledger, which ends the lock in its turn; from then on it cannot be renewed, so
nobody believes that it has what another is about to get.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from fairlead_common.outcomes import Outcome, Result
from fairlead_records.dispatch.leases import Leases
from fairlead_records.dispatch.state import CONTAINER, Container, container_of
from fairlead_records.live.ledger import Ledger, Request
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Change, Record
from fairlead_router import RequestError

REMEMBERED_LAPSES: Final = 10_000
"""Locks that have lapsed, the latest: who comes too late is known by them."""

RETRY_S: Final = 1.0
"""When a lapse could not be stored it is tried again after this."""

Lapse = Callable[[Draft, Record], Record]


class Tenure:
    """The leases of what is held, by the loop's clock."""

    def __init__(self, ledger: Ledger, lapse: Lapse) -> None:
        self._ledger = ledger
        self._lapse = lapse
        self._leases = Leases()
        self._ending: dict[str, int] = {}
        self._lapsed: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> int:
        """Containers that a dispatcher holds."""
        return len(self._leases)

    def start(self, records: Iterable[Record]) -> None:
        """Each lease of what is held begins now."""
        for record in records:
            self._begin(record.id, container_of(record))
        self._arm()

    def stop(self) -> None:
        """Nothing lapses any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def changed(self, changes: Sequence[Change]) -> None:
        """These are durable: locks have begun and ended."""
        for change in changes:
            record = change.after
            if record is None or record.kind != CONTAINER:
                self._leases.end(change.id)
                continue
            container = container_of(record)
            before = None if change.before is None else container_of(change.before)
            if not container.is_held:
                self._leases.end(record.id)
            elif before is None or before.term != container.term:
                self._begin(record.id, container)
        self._arm()

    def renew(self, record: Record | None, dispatcher: str, term: int, authid: str) -> bool:
        """Whether this dispatcher has the container still, and then for another lease."""
        if record is None or record.kind != CONTAINER or record.id in self._ending:
            return False
        container = container_of(record)
        holder = container.locked_by
        if not container.is_held or container.term != term or holder is None:
            return False
        if (holder.dispatcher, holder.authid) != (dispatcher, authid):
            return False
        self._begin(record.id, container)
        self._arm()
        return True

    def lapsed(self, id_: str, term: int) -> str | None:
        """The dispatcher whose lock of that term has lapsed."""
        return self._lapsed.get((id_, term))

    def _begin(self, id_: str, container: Container) -> None:
        if container.is_held and container.lease_s is not None:
            self._leases.extend(id_, self._now_s() + container.lease_s)

    def _arm(self) -> None:
        """Look again when the next one ends."""
        due_s = self._leases.next_due_s()
        if self._timer is not None and (due_s is None or self._timer.when() > due_s):
            self._timer.cancel()
            self._timer = None
        if due_s is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(due_s, self._look)

    def _look(self) -> None:
        self._timer = None
        for id_ in self._leases.due(self._now_s()):
            self._end(id_)
        self._arm()

    def _end(self, id_: str) -> None:
        record = self._ledger.table.get(id_)
        if record is None:
            return
        term = self._ending[id_] = container_of(record).term
        request = Request(partial(self._apply, id_, term), partial(self._told, id_))
        try:
            self._ledger.submit(request)
        except RequestError as error:
            request.tell(error)

    def _apply(self, id_: str, term: int, draft: Draft) -> Result:
        record = draft.get(id_)
        if record is None or container_of(record).term != term or not container_of(record).is_held:
            return {}
        holder = container_of(record).locked_by
        self._lapse(draft, record)
        return {} if holder is None else {"term": term, "dispatcher": holder.dispatcher}

    def _told(self, id_: str, outcome: Outcome) -> None:
        del self._ending[id_]
        if isinstance(outcome, RequestError):  # the store is away: it is held for nobody meanwhile
            self._leases.extend(id_, self._now_s() + RETRY_S)
            self._arm()
        elif outcome:
            self._lapsed[id_, outcome["term"]] = outcome["dispatcher"]
            while len(self._lapsed) > REMEMBERED_LAPSES:
                self._lapsed.popitem(last=False)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
