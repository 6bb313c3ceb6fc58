"""What may be done to a container, as steps of a draft: each checks the lifecycle, makes the next state, and lets the
requests follow.

Rights are judged by who calls these; the holder of a lock is known by its term and principal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from fairlead_records.dispatch.errors import Fenced, Locked, WrongState
from fairlead_records.dispatch.lifecycle import LOCK_LIMIT, StateName, check, check_source
from fairlead_records.dispatch.state import (
    CONTAINER,
    LATE_LIMIT,
    Cancel,
    Container,
    Holder,
    Late,
    builtins,
    container_of,
    put_state,
)
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Record

Followed = Callable[[Draft, Record], None]
"""What follows the change of a container, in the same draft (requests.py)."""


class Lock(NamedTuple):
    """Who asks for a lock, and how long it lasts unheard."""

    holder: Holder
    lease_s: float


class Containers:
    """The steps."""

    def __init__(self, followed: Followed) -> None:
        self._followed = followed

    def create(self, draft: Draft, id_: str, owner: str, object_id: str, container: Container) -> Record:
        """A new one, which waits. Its terms begin above those of a deleted one of this id: each was a version."""
        check(None, container.state, "create")
        state = builtins(replace(container, term=draft.last_version(id_)))
        return draft.put(id_, kind=CONTAINER, owner=owner, object_id=object_id, state=state)

    def lock(self, draft: Draft, record: Record, lock: Lock, *, by: str = "lock") -> Record:
        """Give it to a dispatcher. Raises Locked, WrongState."""
        container = container_of(record)
        if container.is_held and container.locked_by is not None:
            dispatcher = container.locked_by.dispatcher
            text = f"container '{record.id}' is locked by dispatcher '{dispatcher}' already"
            raise Locked(text, id=record.id, dispatcher=dispatcher, term=container.term)
        check_source(record.id, container.state, by)
        if container.priority <= 0:
            raise WrongState(f"container '{record.id}' is held: its priority is 0", **_where(record, container))
        return self._put(
            draft,
            record,
            container,
            by,
            "Locked",
            locked_by=lock.holder,
            lease_s=lock.lease_s,
            lock_count=container.lock_count + 1,
            term=container.term + 1,
        )

    def unlock(self, draft: Draft, record: Record, term: int, authid: str) -> Record:
        """Give it back, unstarted. Raises Fenced, WrongState."""
        container = _held(record, term, authid)
        check_source(record.id, container.state, "unlock")
        return self._give_back(draft, record, container, "unlock")

    def start(self, draft: Draft, record: Record, term: int, authid: str, log: str | None) -> Record:
        """Its process is about to run; asked again it is done already. Raises Fenced, WrongState."""
        container = _held(record, term, authid)
        if container.state == "Running":
            return record
        check_source(record.id, container.state, "start")
        if container.priority <= 0:
            text = f"container '{record.id}' is not to run any more: its priority is 0"
            raise WrongState(text, **_where(record, container))
        return self._put(draft, record, container, "start", "Running", started_us=draft.now_us, log=log)

    def progress(self, draft: Draft, record: Record, term: int, authid: str, values: dict[str, Any]) -> Record:
        """What there is to tell while it is held. Raises Fenced."""
        container = replace(_held(record, term, authid), **values)
        return put_state(draft, record, container)

    def finish(
        self, draft: Draft, record: Record, term: int, authid: str, end: dict[str, Any], *, cancelled: bool
    ) -> Record:
        """Its process has ended. Asked again with the same end it is done already. Raises Fenced, WrongState."""
        target: StateName = "Cancelled" if cancelled else "Complete"
        container = container_of(record)
        if container.is_final and _has_ended_so(container, term, target, end):
            return record
        container = _held(record, term, authid)
        if container.state == "Locked" and not cancelled:
            text = f"container '{record.id}' is Locked: it completes when it has been started"
            raise WrongState(text, **_where(record, container))
        check_source(record.id, container.state, "finish")
        return self._put(draft, record, container, "finish", target, locked_by=None, finished_us=draft.now_us, **end)

    def late(self, draft: Draft, record: Record, late: Late) -> None:
        """Remember that a process ended of which the lock had lapsed."""
        container = container_of(record)
        known = [each for each in container.late if (each.term, each.dispatcher) != (late.term, late.dispatcher)]
        put_state(draft, record, replace(container, late=[*known, late][-LATE_LIMIT:]))

    def cancel(self, draft: Draft, record: Record, by: str, reason: str | None) -> Record:
        """It is to end: at once where nobody has it, else its holder ends it. What has ended stays so."""
        container = container_of(record)
        if container.is_final:
            return record
        cancel = container.cancel or Cancel(by, draft.now_us, reason)
        if container.state == "Queued":
            return self._end_queued(draft, record, container, "cancel", cancel)
        return self._put_cancelled(draft, record, container, cancel)

    def hide(self, draft: Draft, record: Record) -> Record:
        """Its object is in the trash: it is to end."""
        container = container_of(record)
        cancel = Cancel("fairlead", draft.now_us, "its object is in the trash")
        if container.state == "Queued":
            return self._end_queued(draft, record, container, "trash", cancel)
        if not container.is_held or container.cancel is not None:
            return record
        return self._put_cancelled(draft, record, container, cancel)

    def set_priority(self, draft: Draft, record: Record, priority: int) -> Record:
        """Above 0 it waits or goes on, at 0 it is held, or ended by its holder. What is cancelled stays so."""
        container = container_of(record)
        if container.is_final or container.cancel is not None or container.priority == priority:
            return record
        after = put_state(draft, record, replace(container, priority=priority))
        self._followed(draft, after)
        return after

    def lapse(self, draft: Draft, record: Record) -> Record:
        """Its dispatcher was not heard for as long as the lease lasts."""
        container = container_of(record)
        if container.state == "Locked":
            return self._give_back(draft, record, container, "lapse")
        if container.state == "Running":
            values = {"locked_by": None, "finished_us": draft.now_us, "reason": "its lease has ended"}
            return self._put(draft, record, container, "lapse", "Cancelled", **values)
        return record

    # ---- the next state

    def _give_back(self, draft: Draft, record: Record, container: Container, by: str) -> Record:
        if container.cancel is not None:
            reason = container.cancel.reason or "cancelled"
        elif container.lock_count >= LOCK_LIMIT:
            reason = f"it was locked {container.lock_count} times and never started"
        else:
            return self._put(draft, record, container, by, "Queued", locked_by=None, lease_s=None, runtime_status={})
        values = {"locked_by": None, "finished_us": draft.now_us, "reason": reason}
        return self._put(draft, record, container, by, "Cancelled", **values)

    def _end_queued(self, draft: Draft, record: Record, container: Container, by: str, cancel: Cancel) -> Record:
        values = {"priority": 0, "cancel": cancel, "finished_us": draft.now_us, "reason": cancel.reason or "cancelled"}
        return self._put(draft, record, container, by, "Cancelled", **values)

    def _put_cancelled(self, draft: Draft, record: Record, container: Container, cancel: Cancel) -> Record:
        """Its holder is to end it."""
        after = put_state(draft, record, replace(container, priority=0, cancel=cancel))
        self._followed(draft, after)
        return after

    def _put(
        self, draft: Draft, record: Record, container: Container, by: str, target: StateName, **values: Any
    ) -> Record:
        check(container.state, target, by)
        after = put_state(draft, record, replace(container, state=target, **values))
        self._followed(draft, after)
        return after


def _held(record: Record, term: int, authid: str) -> Container:
    """The container, if this principal has it by this term. Raises Fenced, WrongState."""
    container = container_of(record)
    if container.is_held and container.term == term and container.locked_by is not None:
        if container.locked_by.authid == authid:
            return container
        text = f"container '{record.id}' is locked by '{container.locked_by.authid}', not by '{authid}'"
        raise Fenced(text, **_where(record, container))
    raise Fenced(
        f"container '{record.id}' is {container.state} with term {container.term}: the lock of term {term} has ended",
        **_where(record, container),
    )


def _has_ended_so(container: Container, term: int, target: StateName, end: dict[str, Any]) -> bool:
    same = all(getattr(container, name) == value for name, value in end.items())
    return container.term == term and container.state == target and same


def _where(record: Record, container: Container) -> dict[str, Any]:
    return {"id": record.id, "state": container.state, "priority": container.priority, "term": container.term}
