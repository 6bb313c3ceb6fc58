"""PostgreSQL as Arvados uses it: a recursive query for each check, or a table of all permissions that changes keep.

The server is that of the tests, on a Unix socket, with settings that favour it: it does not wait for the disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from bench.environment import Environment
from bench.permissions.dataset import Dataset
from bench.permissions.engines.postgres import sql
from bench.procfs import cpu_s, rss_bytes
from fairlead_authz.model.graph import Node
from fairlead_authz.model.levels import NUMBERS, READ
from fairlead_router.authorization import Level
from support.postgres import PostgresServer

OPTIONS = "-c work_mem=64MB -c jit=off"
"""Sorts in memory, and no compiling for queries that take less time than that."""


class Recursive:
    """See Engine: the graph is walked for each question."""

    name = "PostgreSQL, recursive query"

    def prepare(self, environment: Environment) -> str:
        with _server() as server:
            (row,) = server.execute("SHOW server_version")
            return str(row[0])

    @contextlib.contextmanager
    def load(self, dataset: Dataset, directory: Path) -> Iterator[_Client]:
        with _server() as server, _connected(server) as connection:
            _fill(connection, dataset)
            connection.execute("VACUUM ANALYZE")
            yield _Client(server, connection)


class Materialized(Recursive):
    """See Engine: what everybody has on every user, group and linked object is a row."""

    name = "PostgreSQL, materialized"

    @contextlib.contextmanager
    def load(self, dataset: Dataset, directory: Path) -> Iterator[_Client]:
        with _server() as server, _connected(server) as connection:
            _fill(connection, dataset)
            connection.execute("VACUUM ANALYZE")
            connection.execute(sql.MATERIALIZE)
            connection.execute("VACUUM ANALYZE")
            yield _MaterializedClient(server, connection)


@contextlib.contextmanager
def _server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server
    finally:
        server.end()


@contextlib.contextmanager
def _connected(server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    url = make_url(server.new_database()).render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True, options=OPTIONS) as connection:
        yield connection


def _fill(connection: psycopg.Connection[Any], dataset: Dataset) -> None:
    connection.execute(sql.SCHEMA)
    nodes = [node for node in dataset.nodes() if _is_place(node)]
    others = (node for node in dataset.nodes() if not _is_place(node))
    _copy(connection, "nodes", ((node.id, node.kind != "user", node.owner) for node in nodes))
    _copy(connection, "objects", ((node.id, node.owner) for node in others))
    connection.execute(sql.OWN)
    _copy(connection, "links", dataset.links())
    connection.execute(sql.LINKS)
    connection.execute(sql.INDEXES)


def _is_place(node: Node) -> bool:
    """Whether a walk may come by."""
    return node.kind in {"user", "role", "project"}


def _copy(connection: psycopg.Connection[Any], table: str, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


class _Client:
    """See Client: one connection; each statement is prepared once."""

    check_query = sql.CHECK
    who_query = sql.WHO

    def __init__(self, server: PostgresServer, connection: psycopg.Connection[Any]) -> None:
        self._pid = server.pid
        self._connection = connection

    def cpu_s(self) -> float:
        return cpu_s(self._pid)

    def rss_bytes(self) -> int:
        return rss_bytes(self._pid)

    def ask_nothing(self) -> None:
        self._connection.execute("SELECT 1").fetchone()

    def check(self, user: str, level: Level, object_id: str) -> bool:
        asked = {"user": user, "level": NUMBERS[level], "object": object_id}
        row = self._connection.execute(self.check_query.encode(), asked).fetchone()
        return row is not None and bool(row[0])

    def who(self, object_id: str) -> set[str]:
        return {row[0] for row in self._connection.execute(self.who_query.encode(), {"object": object_id})}

    def grant(self, tail: str, head: str) -> None:
        self._change(sql.LINK, tail, head)

    def revoke(self, tail: str, head: str) -> None:
        self._change(sql.UNLINK, tail, head)

    def _change(self, statement: str, tail: str, head: str) -> None:
        self._connection.execute(statement.encode(), {"tail": tail, "head": head, "level": READ})


class _MaterializedClient(_Client):
    """See Client: a change updates the table before it is committed, one change at a time."""

    check_query = sql.MATERIALIZED_CHECK
    who_query = sql.MATERIALIZED_WHO

    def _change(self, statement: str, tail: str, head: str) -> None:
        with self._connection.transaction():
            self._connection.execute(sql.LOCK)
            super()._change(statement, tail, head)
            self._connection.execute(sql.UPDATE.encode(), {"head": head})
