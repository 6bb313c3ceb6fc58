"""What dispatchers do with one container: `lock` it, then `unlock`, `start`, `progress`, `finish`, `renew`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from fairlead_common.ids import check_id
from fairlead_common.outcomes import Outcome, Result, tell_call
from fairlead_records.dispatch.arguments import (
    OUTPUT_LIMIT_BYTES,
    STATUS_LIMIT_BYTES,
    FinishArguments,
    HeldArguments,
    LockArguments,
    ProgressArguments,
    RenewArguments,
    StartArguments,
    check_size,
)
from fairlead_records.dispatch.containers import Containers
from fairlead_records.dispatch.errors import Fenced
from fairlead_records.dispatch.state import CONTAINER, Late, container_of
from fairlead_records.dispatch.taking import lock_of
from fairlead_records.dispatch.tenure import Tenure
from fairlead_records.live.ledger import Ledger, Request
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Record
from fairlead_records.procedures.access import require
from fairlead_router import PENDING, Call, InvalidArgument, RequestError

_entry = msgspec.json.Decoder(dict[str, Any]).decode


class Holding:
    """The procedures of dispatchers."""

    def __init__(self, ledger: Ledger, containers: Containers, tenure: Tenure) -> None:
        self._ledger = ledger
        self._containers = containers
        self._tenure = tenure

    def lock(self, call: Call) -> Any:
        """`fairlead.container.lock`: this one."""
        asked = call.arguments(LockArguments)
        lock = lock_of(call, asked.dispatcher, asked.lease_s)

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
        check_size("runtime_status", values.get("runtime_status"), STATUS_LIMIT_BYTES)
        return self._held(call, asked, partial(self._containers.progress, values=values))

    def finish(self, call: Call) -> Any:
        """`fairlead.container.finish`: how it ended."""
        asked = call.arguments(FinishArguments)
        if asked.exit_code is None and not asked.cancelled:
            raise InvalidArgument("fairlead.container.finish: give `exit_code`, or `cancelled` as true")
        check_size("output", asked.output, OUTPUT_LIMIT_BYTES)
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


def container_record(call: Call, draft: Draft, id_: str, level: Any) -> Record:
    """The record of a container, if the caller has the level on it. Raises NoSuchRecord, NotAuthorized."""
    record = require(call, level, id_, draft.get(check_id("id", id_)))
    if record.kind != CONTAINER:
        raise InvalidArgument(f"record '{id_}' is of kind '{record.kind}', not a container")
    return record


def _is_known_to(record: Record, authid: str) -> bool:
    """Whether this principal has it locked: then it may end it, whatever became of its rights."""
    holder = container_of(record).locked_by
    return holder is not None and holder.authid == authid


def _tell(call: Call, outcome: Outcome) -> None:
    error = outcome.get("fenced") if isinstance(outcome, dict) else None
    tell_call(call, error if isinstance(error, RequestError) else outcome)
