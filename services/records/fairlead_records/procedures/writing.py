"""`put`, `patch`, `delete`, `batch`: what changes records, answered when it is durable.

Rights are judged when the change is applied, on the record as the changes before it left it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from fairlead_common.ids import check_id
from fairlead_common.outcomes import Result, tell_call
from fairlead_records.dispatch.state import CONTAINER, REQUEST, is_ended
from fairlead_records.errors import ReservedKind, VersionConflict
from fairlead_records.live.ledger import Ledger, Request
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Record, check_kind
from fairlead_records.permissions import NewObject
from fairlead_records.procedures.access import not_authorized, own_id, require
from fairlead_records.procedures.arguments import (
    BatchArguments,
    BatchChange,
    DeleteArguments,
    PatchArguments,
    PutArguments,
)
from fairlead_records.procedures.merging import merged
from fairlead_router import PENDING, Call, InvalidArgument, LimitExceeded, RequestError

RESERVED_KINDS: Final = frozenset({CONTAINER, REQUEST})
"""Kinds with rules of their own: `fairlead.container.*` changes them."""

BATCH_LIMIT_BYTES: Final = 4 << 20
"""Of the records that one batch makes: a patch of 100 bytes may make one of 64 KiB."""

_Apply = Callable[[Call, BatchChange, Draft], Result]


class Writing:
    """The procedures of who writes."""

    def __init__(self, ledger: Ledger, new_object: NewObject | None) -> None:
        self._ledger = ledger
        self._new_object = new_object

    def put(self, call: Call) -> Any:
        """`fairlead.record.put`: a new record, or the next version of one."""
        asked = call.arguments(PutArguments)
        change = BatchChange("put", asked.id, asked.state, None, asked.kind, asked.owner, asked.object, asked.expected)
        return self._one(call, change, _apply, asked.key)

    def patch(self, call: Call) -> Any:
        """`fairlead.record.patch`: a JSON merge patch of the state."""
        asked = call.arguments(PatchArguments)
        change = BatchChange("patch", asked.id, patch=asked.patch, expected=asked.expected)
        return self._one(call, change, _apply, asked.key)

    def delete(self, call: Call) -> Any:
        """`fairlead.record.delete`: the record; answered with what was there."""
        asked = call.arguments(DeleteArguments)
        return self._one(call, BatchChange("delete", asked.id, expected=asked.expected), _apply_delete, asked.key)

    def batch(self, call: Call) -> Any:
        """`fairlead.record.batch`: several changes in one transaction, all or none."""
        asked = call.arguments(BatchArguments)
        for index, change in enumerate(asked.changes):
            _at(index, partial(_check, call, change))
        return self._submit(call, asked.changes, partial(_apply_all, call, asked.changes), asked.key)

    def _one(self, call: Call, change: BatchChange, apply: _Apply, key: str | None) -> Any:
        _check(call, change)
        return self._submit(call, [change], partial(apply, call, change), key)

    def _submit(
        self, call: Call, changes: Sequence[BatchChange], apply: Callable[[Draft], Result], key: str | None
    ) -> Any:
        whose = None if key is None else (own_id(call), key)
        request = Request(apply, partial(tell_call, call), call.payload.size, whose, call.caller.session_id)
        if self._new_object is None or not any(self._is_new(change) for change in changes):
            self._ledger.submit(request)
            return PENDING
        return self._submit_later(call, changes, request)

    def _is_new(self, change: BatchChange) -> bool:
        """Whether it is going to make a record, as far as is known: for what will be refused no object is made."""
        is_new = change.op == "put" and change.kind is not None and not change.expected
        return is_new and self._ledger.table.get(change.id) is None

    async def _submit_later(self, call: Call, changes: Sequence[BatchChange], request: Request) -> Any:
        assert self._new_object is not None
        for change in changes:
            if self._is_new(change):
                await self._new_object(call.caller.principal, change.object or change.id, change.owner)
        self._ledger.submit(request)
        return PENDING


# ---- what is asked, before it is applied


def _check(call: Call, change: BatchChange) -> None:
    """What can be refused without looking at the record. Raises InvalidArgument, ReservedKind."""
    check_id("id", change.id)
    if change.op != "put":
        if change.op == "patch" and change.patch is None:
            raise InvalidArgument("a patch has `patch`, an object")
        return
    if change.state is None:
        raise InvalidArgument("a put has `state`, an object")
    if change.owner is not None and change.owner != call.caller.principal.authid:
        check_id("owner", change.owner)
    if change.object is not None:
        check_id("object", change.object)
    if change.kind is not None:
        _check_free(check_kind(change.kind))


def _check_free(kind: str) -> None:
    if kind in RESERVED_KINDS:
        raise ReservedKind(f"records of kind '{kind}' are changed by fairlead.container.*", kind=kind)


# ---- applying


def _apply_all(call: Call, changes: Sequence[BatchChange], draft: Draft) -> Result:
    begin = draft.size
    results: list[Result] = []
    for index, change in enumerate(changes):
        results.append(_at(index, partial(_apply, call, change, draft)))
        if draft.size - begin > BATCH_LIMIT_BYTES:
            raise LimitExceeded(f"the batch makes more than {BATCH_LIMIT_BYTES} bytes of records", limit="batch_bytes")
    return {"results": results}


def _at(index: int, step: Callable[[], Any]) -> Any:
    """What the step gives; its error says which one of the batch it is about."""
    try:
        return step()
    except RequestError as error:
        error.details["index"] = index
        raise


def _apply_delete(call: Call, change: BatchChange, draft: Draft) -> Result:
    """One alone is told what was there; a batch would have no room for it."""
    record = draft.get(change.id)
    result = _apply(call, change, draft)
    assert record is not None
    return {**result, "state": record.state}


def _apply(call: Call, change: BatchChange, draft: Draft) -> Result:
    record = draft.get(change.id)
    if record is None and change.op == "put":
        _require_place(call, change.id, *_place_of_new(call, change))
    else:
        found = require(call, "manage" if change.op == "delete" else "write", change.id, record)
        if change.op != "delete" or not is_ended(found):  # what has ended takes room for nothing
            _check_free(found.kind)
    if change.expected is not None:
        _expect(change.id, change.expected, record)
    return _APPLY[change.op](call, change, record, draft)


def _expect(id_: str, expected: int, record: Record | None) -> None:
    version = 0 if record is None else record.version
    if version != expected:
        there = f"record '{id_}' is at version {version}" if version else f"there is no record '{id_}'"
        raise VersionConflict(f"{there}, not {expected or 'a new one'}", id=id_, version=version)


def _put(call: Call, change: BatchChange, record: Record | None, draft: Draft) -> Result:
    assert change.state is not None
    if record is None:
        return _put_new(call, change, draft)
    if change.kind not in (None, record.kind):
        raise InvalidArgument(f"record '{record.id}' is of kind '{record.kind}' and stays so, not '{change.kind}'")
    owner, object_id = change.owner or record.owner, change.object or record.object_id
    if (owner, object_id) != (record.owner, record.object_id):
        require(call, "manage", record.id, record)
        _require_place(call, record.id, owner, object_id)
    after = draft.put(record.id, kind=record.kind, owner=owner, object_id=object_id, state=change.state)
    return {"id": after.id, "version": after.version, "created": False}


def _put_new(call: Call, change: BatchChange, draft: Draft) -> Result:
    assert change.state is not None
    if change.kind is None:
        raise InvalidArgument(f"record '{change.id}' is new: say its `kind`")
    owner, object_id = _place_of_new(call, change)
    after = draft.put(change.id, kind=change.kind, owner=owner, object_id=object_id, state=change.state)
    return {"id": after.id, "version": after.version, "created": True}


def _place_of_new(call: Call, change: BatchChange) -> tuple[str, str]:
    """Owner and object of a record that is not there yet."""
    return change.owner or own_id(call), change.object or change.id


def _require_place(call: Call, id_: str, owner: str, object_id: str) -> None:
    """Whoever makes or moves a record may write where it goes to: on its object, and on an owner that is another."""
    if not call.caller.can("write", object_id):
        raise not_authorized(call, "write", id_)
    if owner != call.caller.principal.authid:
        call.require("write", owner)


def _patch(call: Call, change: BatchChange, record: Record | None, draft: Draft) -> Result:
    assert change.patch is not None
    assert record is not None
    state = merged(record.state, change.patch)
    after = draft.put(record.id, kind=record.kind, owner=record.owner, object_id=record.object_id, state=state)
    return {"id": after.id, "version": after.version}


def _delete(call: Call, change: BatchChange, record: Record | None, draft: Draft) -> Result:
    before = draft.delete(change.id)
    return {"id": before.id, "version": before.version}


_APPLY: Final = {"put": _put, "patch": _patch, "delete": _delete}
