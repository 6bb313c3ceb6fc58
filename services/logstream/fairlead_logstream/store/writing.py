"""Writing jobs: each runs in the writer thread, in a transaction, and touches nothing else."""

from __future__ import annotations

import sqlalchemy as sa

from fairlead_logstream.model.rows import Change, Cursor, StreamRow
from fairlead_logstream.store import queries, rows
from fairlead_logstream.store.stream_store import MovedOn
from fairlead_store import execute_many

Moved = dict[int, MovedOn]
"""The streams, by id, of which nothing was stored because another server has changed them."""


def create(realm: str, new: StreamRow, connection: sa.Connection) -> StreamRow:
    """Store a new stream, or give the one that has its name already."""
    values = rows.state_row(0, new.state) | {
        "realm": realm,
        "name": new.name,
        "object": new.object_id,
        "epoch": new.epoch,
        "created_us": new.created_us,
    }
    connection.execute(queries.INSERT_STREAM, values)
    return rows.stream_row(connection.execute(queries.STREAM, {"realm": realm, "name": new.name}).one())


def write(changes: list[Change], connection: sa.Connection) -> Moved:
    """Store the changes of many streams, in three statements with many rows."""
    chunks = [row for change in changes for row in rows.chunk_rows(change)]
    execute_many(connection, queries.INSERT_CHUNK, chunks)
    producers = [row for change in changes for row in rows.producer_rows(change)]
    execute_many(connection, queries.UPSERT_PRODUCER, producers)
    states = [rows.state_row(change.stream_id, change.state) for change in changes if change.state is not None]
    execute_many(connection, queries.UPDATE_STREAM, states)
    return {}


def commit_cursor(stream_id: int, cursor: Cursor, back: bool, connection: sa.Connection) -> Cursor:
    """Keep how far a consumer has come; gives what is kept then."""
    values = {"stream_id": stream_id, "back": back, **rows.cursor_row(cursor)}
    connection.execute(queries.COMMIT_CURSOR, values)
    return rows.cursor(connection.execute(queries.CURSOR, {"stream_id": stream_id, "name": cursor.name}).one())


def delete_cursor(stream_id: int, name: str, connection: sa.Connection) -> None:
    """Forget a cursor."""
    connection.execute(queries.DELETE_CURSOR, {"stream_id": stream_id, "name": name})
