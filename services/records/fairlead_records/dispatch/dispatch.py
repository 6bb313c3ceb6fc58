"""Dispatch, put together: the queue, the locks and the requests over one ledger, and what happens by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fairlead_common.outcomes import Outcome, Result
from fairlead_records.dispatch.asking import Asking
from fairlead_records.dispatch.holding import Holding
from fairlead_records.dispatch.links import Links
from fairlead_records.dispatch.queue import Queue
from fairlead_records.dispatch.requests import Requests
from fairlead_records.dispatch.state import CONTAINER, REQUEST, container_of, is_ended
from fairlead_records.dispatch.taking import Taking
from fairlead_records.dispatch.tenure import RETRY_S, Tenure
from fairlead_records.live.ledger import Ledger, Request
from fairlead_records.live.objects import WatchedObjects
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Change, Record
from fairlead_records.permissions import IsHidden, NewObject
from fairlead_router import Call, Member, RequestError


class Dispatch:
    """The containers of one realm."""

    def __init__(self, ledger: Ledger, new_object: NewObject | None, is_hidden: IsHidden) -> None:
        self._ledger = ledger
        self._is_hidden = is_hidden
        self._links = Links()
        self._queue = Queue()
        requests = self._requests = Requests(self._links, is_hidden)
        self.tenure = Tenure(ledger, requests.containers.lapse)
        self._objects = WatchedObjects()
        self._objects.moved = self._object_moved
        self._unstored: dict[str, asyncio.TimerHandle] = {}
        self._asking = Asking(ledger, requests, new_object)
        self._holding = Holding(ledger, requests.containers, self.tenure)
        self._taking = Taking(ledger, requests.containers, self._queue)
        containers = list(ledger.table.of_kind(CONTAINER).values())
        self._links.fill([*containers, *ledger.table.of_kind(REQUEST).values()])
        self._queue.fill(containers)
        ledger.listen(self._changed)

    @property
    def queued(self) -> int:
        """Containers that wait."""
        return len(self._queue)

    def start(self, member: Member) -> None:
        """Register the procedures; leases of what is held begin, and what went into the trash meanwhile ends."""
        self._objects.member = member
        for name, procedure in self._procedures().items():
            member.register(f"fairlead.container.{name}", procedure)
        table = self._ledger.table
        held = [record for record in table.of_kind(CONTAINER).values() if container_of(record).is_held]
        self.tenure.start(held)
        for record in (*table.of_kind(CONTAINER).values(), *table.of_kind(REQUEST).values()):
            if not is_ended(record):
                self._objects.hold(record.object_id)
                self._judge(record)

    def stop(self) -> None:
        """Nothing happens by itself any more."""
        self.tenure.stop()
        for again in self._unstored.values():
            again.cancel()
        self._objects.member = None

    def _procedures(self) -> dict[str, Callable[[Call], Any]]:
        asking, holding = self._asking, self._holding
        return {
            "create": asking.create,
            "request": asking.request,
            "cancel": asking.cancel,
            "set_priority": asking.set_priority,
            "take": self._taking.take,
            "lock": holding.lock,
            "unlock": holding.unlock,
            "start": holding.start,
            "progress": holding.progress,
            "finish": holding.finish,
            "renew": holding.renew,
        }

    def _changed(self, changes: Sequence[Change]) -> None:
        mine = [change for change in changes if _is_mine(change)]
        if not mine:
            return
        self._links.changed(mine)
        self._queue.changed(mine)
        self.tenure.changed(mine)
        for change in mine:
            self._follow_object(change)

    def _follow_object(self, change: Change) -> None:
        """The objects of what has not ended are watched; they may have moved while it was written."""
        before = None if change.before is None or is_ended(change.before) else change.before.object_id
        after = None if change.after is None or is_ended(change.after) else change.after.object_id
        if before == after:
            return
        if after is not None and change.after is not None:
            self._objects.hold(after)
            if self._is_hidden(after):
                self._judge(change.after)
        if before is not None:
            self._objects.release(before)

    def _object_moved(self, object_id: str) -> None:
        """Rights to it have moved: into the trash, or out of it?"""
        for record in self._ledger.table.of_object(object_id).values():
            self._judge(record)

    def _judge(self, record: Record) -> None:
        """What is in the trash ends; a request that is out of it again gives its container its priority."""
        if record.kind not in (CONTAINER, REQUEST) or is_ended(record):
            return
        if record.kind == REQUEST or self._is_hidden(record.object_id):
            self._submit_judged(record.id)

    def _submit_judged(self, id_: str) -> None:
        self._unstored.pop(id_, None)
        request = Request(partial(self._apply_judged, id_), partial(self._told, id_))
        try:
            self._ledger.submit(request)
        except RequestError as error:
            request.tell(error)

    def _apply_judged(self, id_: str, draft: Draft) -> Result:
        record = draft.get(id_)
        if record is None or is_ended(record):
            return {}
        if record.kind == REQUEST:
            self._requests.moved(draft, record)
        elif self._is_hidden(record.object_id):
            self._requests.containers.hide(draft, record)
        return {}

    def _told(self, id_: str, outcome: Outcome) -> None:
        """What the store did not take is tried again: no end is lost."""
        if isinstance(outcome, RequestError) and self._objects.member is not None and id_ not in self._unstored:
            again = asyncio.get_running_loop().call_later(RETRY_S, self._submit_judged, id_)
            self._unstored[id_] = again


def _is_mine(change: Change) -> bool:
    record = change.after or change.before
    return record is not None and record.kind in (CONTAINER, REQUEST)
