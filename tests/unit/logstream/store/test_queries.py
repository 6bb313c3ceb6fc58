"""No question walks through the chunks of a store: a start with 10 GB of logs takes as long as one with a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fairlead_logstream.store import queries
from fairlead_logstream.store.tables import SCHEMA
from fairlead_store import Database

POSTGRESQL_ONLY = {"STREAMS_BY_ID", "VERSIONS_BY_ID", "LOCK_STREAMS", "COUNT_VERSIONS", "NOTIFY"}

STATEMENTS = {
    name: value
    for name, value in vars(queries).items()
    if isinstance(value, sa.TextClause) and name not in POSTGRESQL_ONLY
}
STATEMENTS |= {f"SWEEP_STREAM[{index}]": value for index, value in enumerate(queries.SWEEP_STREAM)}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_chunks_are_found_by_an_index(name: str, tmp_path: Path) -> None:
    statement = STATEMENTS[name]

    def plan(connection: sa.Connection) -> list[str]:
        values: dict[str, Any] = dict.fromkeys(statement._bindparams, 1)
        rows = connection.execute(sa.text(f"EXPLAIN QUERY PLAN {statement.text}"), values)
        return [row.detail for row in rows]

    database = Database.open(f"sqlite:///{tmp_path}/logs.sqlite", SCHEMA, "realm1")
    details = await database.read(plan)
    await database.close()
    walks = (
        "SCAN chunks",
        "SCAN last",
        "SCAN kept",
        "SCAN latest",
        "SCAN earliest",
        "SCAN producers",
        "SCAN cursors",
        "USE TEMP B-TREE",
    )
    assert [detail for detail in details if detail.startswith(walks)] == []
