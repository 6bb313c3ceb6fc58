"""Between records and rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from fairlead_records.model.record import Change, Record, make_record
from fairlead_records.store.record_store import Answer
from fairlead_store import Corrupt

Row = dict[str, Any]

_NOTHING: Row = dict.fromkeys(("kind", "owner", "object", "version", "revision", "created_us", "changed_us", "state"))

_check = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def record_row(realm: str, record: Record) -> Row:
    """All columns of a record."""
    return {"realm": realm, "id": record.id, **_columns(record)}


def record(row: sa.Row[Any]) -> Record:
    """The record in a row of `records`, or the one before a change. Raises Corrupt, which names it."""
    state = row.state.encode()
    try:
        _check(state)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"record {row.id!r} is damaged in the database: its state is no JSON object ({error})") from None
    return make_record(
        row.id,
        row.kind,
        row.owner,
        row.object,
        version=row.version,
        revision=row.revision,
        times_us=(row.created_us, row.changed_us),
        state=state,
    )


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
    """The changes in rows, the last one first there: what came after each is what was before the one after it."""
    after: dict[str, Record | None] = {each.id: each for each in records}
    changes: list[Change] = []
    for row in rows:
        before = None if row.is_new else record(row)
        changes.append(Change(row.number, before, None if row.is_deleted else after.get(row.id)))
        after[row.id] = before
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
    """The answer in a row."""
    return Answer(row.authid, row.key, row.result.encode(), row.at_us)


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
    }
