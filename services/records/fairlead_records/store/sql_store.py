"""The RecordStore on a SQL database: a row a record, a row a change. One process writes a realm (`fairlead_store`)."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial

import sqlalchemy as sa

from fairlead_records.model.record import Record
from fairlead_records.store import queries, rows
from fairlead_records.store.record_store import Group, Loaded
from fairlead_records.store.tables import SCHEMA
from fairlead_router import new_id
from fairlead_store import Corrupt, Database, execute_many

SECRET_BYTES = 32

TRIMMED_AT_ONCE = 2_000
"""Changes in one transaction: some milliseconds in which nobody else writes."""


class SqlRecordStore:
    """The records of one realm in a database of its own."""

    def __init__(self, database: Database, realm: str) -> None:
        self._database = database
        self._realm = realm

    @classmethod
    def open(cls, url: str, realm: str) -> SqlRecordStore:
        """Open or make the database; raises StoreError."""
        return cls(Database.open(url, SCHEMA, realm), realm)

    @property
    def backlog(self) -> int:
        """Jobs that wait for their transaction."""
        return self._database.backlog

    async def load(self, kept_changes: int) -> Loaded:
        await self._database.write(partial(_found, self._realm))
        return await self._database.read(partial(_load, self._realm, kept_changes))

    def write(self, group: Group) -> asyncio.Future[None]:
        return self._database.submit(partial(_write, self._realm, group))

    async def trim(self, changes_upto: int, answers_before_us: int) -> None:
        while await self._database.write(partial(_trim_changes, self._realm, changes_upto)):
            pass
        await self._database.write(partial(_trim_answers, self._realm, answers_before_us))

    async def close(self) -> None:
        await self._database.close()


# ---- jobs: each runs in a thread, in a transaction, and touches nothing else


def _found(realm: str, connection: sa.Connection) -> None:
    """The realm has an epoch and a secret from now on. Changes of another epoch belong to no bookmark."""
    if connection.execute(queries.REALM, {"realm": realm}).one_or_none() is None:
        connection.execute(queries.DELETE_CHANGES, {"realm": realm})
        values = {"realm": realm, "epoch": new_id(), "secret": secrets.token_bytes(SECRET_BYTES)}
        connection.execute(queries.INSERT_REALM, values)


def _load(realm: str, kept_changes: int, connection: sa.Connection) -> Loaded:
    about = connection.execute(queries.REALM, {"realm": realm}).one()
    records = [rows.record(row) for row in connection.execute(queries.RECORDS, {"realm": realm})]
    changes = connection.execute(queries.CHANGES, {"realm": realm, "limit": kept_changes})
    history = rows.history(changes, records)
    answers = [rows.answer(row) for row in connection.execute(queries.ANSWERS, {"realm": realm})]
    secret = bytes(about.secret)
    if len(secret) != SECRET_BYTES:
        raise Corrupt(f"the secret of realm {realm!r} is damaged in the database: it has {len(secret)} bytes")
    return Loaded(about.epoch, secret, records, history, answers)


def _write(realm: str, group: Group, connection: sa.Connection) -> None:
    last: dict[str, Record | None] = {change.id: change.after for change in group.changes}
    execute_many(connection, queries.INSERT_CHANGE, [rows.change_row(realm, change) for change in group.changes])
    kept = [rows.record_row(realm, record) for record in last.values() if record is not None]
    execute_many(connection, queries.UPSERT_RECORD, kept)
    gone = [{"realm": realm, "id": id_} for id_, record in last.items() if record is None]
    execute_many(connection, queries.DELETE_RECORD, gone)
    execute_many(connection, queries.UPSERT_ANSWER, [rows.answer_row(realm, answer) for answer in group.answers])


def _trim_changes(realm: str, upto: int, connection: sa.Connection) -> bool:
    """Forget some; whether there are more."""
    first: int | None = connection.execute(queries.FIRST_CHANGE, {"realm": realm}).scalar_one()
    if first is None or first > upto:
        return False
    until = min(upto, first + TRIMMED_AT_ONCE - 1)
    connection.execute(queries.TRIM_CHANGES, {"realm": realm, "upto": until})
    return until < upto


def _trim_answers(realm: str, before_us: int, connection: sa.Connection) -> None:
    connection.execute(queries.TRIM_ANSWERS, {"realm": realm, "before": before_us})
