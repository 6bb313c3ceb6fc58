"""One statement with many rows, as fast as the driver takes them.

SQLAlchemy's `execute` looks at each value of each row anew, 9 us for a row of ten. Statements of ours are texts with
plain values, which the driver takes as they are: here only the text is made, once for each database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

Row = dict[str, Any]

STATEMENTS_LIMIT = 256
"""Whose text is remembered: all of ours are fewer."""


class _Prepared(NamedTuple):
    """A statement in the words of a driver, and what that wants of a row."""

    text: str
    parameters_of: Callable[[Row], Any] | None


def execute_many(connection: sa.Connection, statement: sa.TextClause, rows: Sequence[Row]) -> None:
    """Execute a statement without a result for each row, all of which have the same keys; for no row nothing."""
    if not rows:
        return
    prepared = _prepared(statement, connection.dialect)
    parameters = list(rows) if prepared.parameters_of is None else list(map(prepared.parameters_of, rows))
    connection.exec_driver_sql(prepared.text, parameters)


@lru_cache(STATEMENTS_LIMIT)
def _prepared(statement: sa.TextClause, dialect: sa.Dialect) -> _Prepared:
    compiled = statement.compile(dialect=dialect)
    names: list[str] | None = getattr(compiled, "positiontup", None)
    if names is None:
        return _Prepared(str(compiled), None)
    if len(names) == 1:
        return _Prepared(str(compiled), lambda row: (row[names[0]],))
    return _Prepared(str(compiled), itemgetter(*names))
