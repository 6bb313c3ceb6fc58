"""What dispatchers do: `take` and `lock`, and with what they have `unlock`, `start`, `progress`, `finish`, `renew`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import UNSET

from fairlead_common.ids import check_id
from fairlead_common.outcomes import Outcome, Result, tell_call
from fairlead_records.dispatch.arguments import (
    FinishArguments,
    HeldArguments,
    LockArguments,
    ProgressArguments,
    RenewArguments,
    StartArguments,
    TakeArguments,
)
from fairlead_records.dispatch.containers import Containers, Lock
from fairlead_records.dispatch.errors import Fenced
from fairlead_records.dispatch.queue import Queue
from fairlead_records.dispatch.state import CONTAINER, Container, Holder, Late, container_of
from fairlead_records.dispatch.tenure import Tenure
from fairlead_records.live.ledger import Ledger, Request
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Record
from fairlead_records.procedures.access import require
from fairlead_router import PENDING, Call, InvalidArgument, RequestError

LOOKED_AT_LIMIT: Final = 2_000
"""Containers that one `take` looks at: where it may have none of so many, those behind them wait for the next one."""

_entry = msgspec.json.Decoder(dict[str, Any]).decode


class Holding:
    """The procedures of dispatchers."""

    def __init__(self, ledger: Ledger, containers: Containers, queue: Queue, tenure: Tenure) -> None:
        self._ledger = ledger
        self._containers = containers
        self._queue = queue
        self._tenure = tenure

    def take(self, call: Call) -> Any:
        """`fairlead.container.take`: the best that wait, locked."""
        asked = call.arguments(TakeArguments)
        lock = _lock(call, asked.dispatcher, asked.lease_s)

        def apply(draft: Draft) -> Result:
            free = None if asked.constraints is None else dict(asked.constraints)
            taken = [
                self._containers.lock(draft, record, lock, by="take")
                for record in self._best(call, draft, asked.n, free)
            ]
            return {"containers": [_entry(record.entry) for record in taken]}

        return self._ask(call, apply)

    def lock(self, call: Call) -> Any:
        """`fairlead.container.lock`: this one."""
        asked = call.arguments(LockArguments)
        lock = _lock(call, asked.dispatcher, asked.lease_s)

        def apply(draft: Draft) -> Result:
            record = container_record(call, draft, asked.id, "manage")
            return {"container": _entry(self._containers.lock(draft, record, lock).entry)}

        return self._ask(call, apply)

    def unlock(self, call: Call) -> Any:
        """`fairlead.container.unlock`: given back, not started."""
        return self._held(call, call.arguments(HeldArguments), self._containers.unlock)

    def start(self, call: Call) -> Any:
        """`fairlead.container.start`: its process is about to run."""
        asked = call.arguments(StartArguments)
        log = None if asked.log is None else check_id("log", asked.log)
        return self._held(call, asked, partial(self._containers.start, log=log))

    def progress(self, call: Call) -> Any:
        """`fairlead.container.progress`: how far it is."""
        asked = call.arguments(ProgressArguments)
        given = {"progress": asked.progress, "runtime_status": asked.runtime_status}
        values = {name: value for name, value in given.items() if value is not UNSET}
        if not values:
            raise InvalidArgument("fairlead.container.progress: give `progress` or `runtime_status`")
        return self._held(call, asked, partial(self._containers.progress, values=values))

    def finish(self, call: Call) -> Any:
        """`fairlead.container.finish`: how it ended."""
        asked = call.arguments(FinishArguments)
        if asked.exit_code is None and not asked.cancelled:
            raise InvalidArgument("fairlead.container.finish: give `exit_code`, or `cancelled` as true")
        end = {"exit_code": asked.exit_code, "output": asked.output, "reason": asked.reason}
        step = partial(self._containers.finish, end=end, cancelled=asked.cancelled)
        return self._held(call, asked, step, too_late=asked.exit_code)

    def renew(self, call: Call) -> Result:
        """`fairlead.container.renew`: the dispatcher is there; `lost` is what it has no more."""
        asked = call.arguments(RenewArguments)
        lost = [
            id_
            for id_, term in asked.terms.items()
            if not self._tenure.renew(self._ledger.table.get(id_), asked.dispatcher, term, call.caller.principal.authid)
        ]
        return {"lost": lost}

    # ---- asking

    def _held(self, call: Call, asked: HeldArguments, step: Callable[..., Record], *, too_late: Any = UNSET) -> Any:
        """A step of who holds a container by a term; one that comes too late with an end is remembered."""
        authid = call.caller.principal.authid

        def apply(draft: Draft) -> Result:
            record = draft.get(check_id("id", asked.id))
            if record is None or record.kind != CONTAINER or not _is_known_to(record, authid):
                record = container_record(call, draft, asked.id, "manage")
            try:
                after = step(draft, record, asked.term, authid)
            except Fenced as error:
                if too_late is UNSET or not self._is_late(draft, record, asked.term, too_late):
                    raise
                return {"fenced": error}
            return {"id": after.id, "version": after.version, "state": container_of(after).state}

        return self._ask(call, apply)

    def _is_late(self, draft: Draft, record: Record, term: int, exit_code: int | None) -> bool:
        """Whether this was a lock that has lapsed; then it is remembered that its process has ended only now."""
        dispatcher = self._tenure.lapsed(record.id, term)
        if dispatcher is None:
            return False
        self._containers.late(draft, record, Late(dispatcher, term, draft.now_us, exit_code))
        return True

    def _ask(self, call: Call, apply: Callable[[Draft], Result]) -> Any:
        request = Request(apply, partial(_tell, call), call.payload.size, None, call.caller.session_id)
        self._ledger.submit(request)
        return PENDING

    def _best(self, call: Call, draft: Draft, number: int, free: dict[str, float] | None) -> Iterator[Record]:
        """The first ones of the queue that the caller may have, and that fit into what is free together."""
        for looked, id_ in enumerate(self._queue):
            if number <= 0 or looked >= LOOKED_AT_LIMIT:
                return
            record = draft.get(id_)
            if record is None or not call.caller.can("manage", record.object_id):
                continue
            container = container_of(record)
            if container.state == "Queued" and container.priority > 0 and _fits(container, free):
                number -= 1
                yield record


def container_record(call: Call, draft: Draft, id_: str, level: Any) -> Record:
    """The record of a container, if the caller has the level on it. Raises NoSuchRecord, NotAuthorized."""
    record = require(call, level, id_, draft.get(check_id("id", id_)))
    if record.kind != CONTAINER:
        raise InvalidArgument(f"record '{id_}' is of kind '{record.kind}', not a container")
    return record


def _lock(call: Call, dispatcher: str, lease_s: float) -> Lock:
    return Lock(Holder(check_id("dispatcher", dispatcher), call.caller.principal.authid), lease_s)


def _is_known_to(record: Record, authid: str) -> bool:
    """Whether this principal has it locked: then it may end it, whatever became of its rights."""
    holder = container_of(record).locked_by
    return holder is not None and holder.authid == authid


def _fits(container: Container, free: dict[str, float] | None) -> bool:
    """Whether it fits into what is free, which it takes then."""
    if free is None:
        return True
    if any(amount > free.get(name, 0.0) for name, amount in container.constraints.items()):
        return False
    for name, amount in container.constraints.items():
        free[name] -= amount
    return True


def _tell(call: Call, outcome: Outcome) -> None:
    error = outcome.get("fenced") if isinstance(outcome, dict) else None
    tell_call(call, error if isinstance(error, RequestError) else outcome)
