"""Between records and rows. Nothing that is read is believed: what is not as it was written is Corrupt, by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

import msgspec
import sqlalchemy as sa

from fairlead_records.model.record import Change, Record, make_record
from fairlead_records.store.record_store import Answer
from fairlead_store import Corrupt

Row = dict[str, Any]

_NOTHING: Row = dict.fromkeys(
    ("kind", "owner", "object", "version", "revision", "created_us", "changed_us", "state", "crc")
)


class _RecordRow(msgspec.Struct):
    """The columns of a record: SQLite keeps any type in any of them."""

    id: str
    kind: str
    owner: str
    object: str
    version: int
    revision: int
    created_us: int
    changed_us: int
    state: str
    crc: int


class _ChangeRow(msgspec.Struct):
    """What a change has beside the record that was there before it."""

    number: int
    id: str
    is_new: bool
    is_deleted: bool


class _AnswerRow(msgspec.Struct):
    authid: str
    key: str
    result: str
    at_us: int


def record_row(realm: str, record: Record) -> Row:
    """All columns of a record."""
    return {"realm": realm, "id": record.id, **_columns(record)}


def record(row: sa.Row[Any]) -> Record:
    """The record in a row of `records`, or the one before a change. Raises Corrupt."""
    try:
        columns = msgspec.convert(row, _RecordRow, from_attributes=True)
    except msgspec.ValidationError as error:
        raise Corrupt(f"record {row.id!r} is damaged in the database: {error}") from None
    found = make_record(
        columns.id,
        columns.kind,
        columns.owner,
        columns.object,
        version=columns.version,
        revision=columns.revision,
        times_us=(columns.created_us, columns.changed_us),
        state=columns.state.encode(),
    )
    if crc32(found.entry) != columns.crc:
        raise Corrupt(f"record {row.id!r} is damaged in the database: its checksum is another one")
    return found


def change_row(realm: str, change: Change) -> Row:
    """All columns of a change."""
    before = change.before
    return {
        "realm": realm,
        "number": change.revision,
        "id": change.id,
        "is_new": before is None,
        "is_deleted": change.after is None,
        **(_NOTHING if before is None else _columns(before)),
    }


def history(rows: Iterable[sa.Row[Any]], records: Sequence[Record]) -> list[Change]:
    """The changes in rows, the last one first there: what came after each is what was before the one after it.

    Raises Corrupt where that does not fit.
    """
    after: dict[str, Record | None] = {each.id: each for each in records}
    changes: list[Change] = []
    for row in rows:
        about = _about(row)
        before = None if about.is_new else record(row)
        change = Change(about.number, before, after.get(about.id))
        _check_place(about, change, changes[-1] if changes else None)
        changes.append(change)
        after[about.id] = before
    if changes:  # a new epoch has none
        _check_last(changes[0].revision, records)
    changes.reverse()
    return changes


def answer_row(realm: str, answer: Answer) -> Row:
    """All columns of an answer."""
    return {
        "realm": realm,
        "authid": answer.authid,
        "key": answer.key,
        "result": answer.result.decode(),
        "at_us": answer.at_us,
    }


def answer(row: sa.Row[Any]) -> Answer:
    """The answer in a row. Raises Corrupt."""
    try:
        columns = msgspec.convert(row, _AnswerRow, from_attributes=True)
        result = columns.result.encode()
        msgspec.json.decode(result, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise Corrupt(f"the answer with key {row.key!r} is damaged in the database: {error}") from None
    return Answer(columns.authid, columns.key, result, columns.at_us)


def _about(row: sa.Row[Any]) -> _ChangeRow:
    try:
        return msgspec.convert(row, _ChangeRow, strict=False, from_attributes=True)
    except msgspec.ValidationError as error:
        raise Corrupt(f"change {row.number!r} of the records is damaged in the database: {error}") from None


def _check_place(about: _ChangeRow, change: Change, following: Change | None) -> None:
    """Whether this is the change before the following one, and made what came after it."""
    if following is not None and following.revision != about.number + 1:
        raise Corrupt(f"of the changes of the records in the database {following.revision - 1} is missing")
    made = None if change.after is None else change.after.revision
    if made != (None if about.is_deleted else about.number):
        raise Corrupt(f"change {about.number} of the records is damaged: record {about.id!r} does not come from it")


def _check_last(revision: int, records: Sequence[Record]) -> None:
    for each in records:
        if each.revision > revision:
            raise Corrupt(f"record {each.id!r} is damaged in the database: the change that made it is not there")


def _columns(record: Record) -> Row:
    return {
        "kind": record.kind,
        "owner": record.owner,
        "object": record.object_id,
        "version": record.version,
        "revision": record.revision,
        "created_us": record.created_us,
        "changed_us": record.changed_us,
        "state": record.state_json.decode(),
        "crc": crc32(record.entry),
    }
