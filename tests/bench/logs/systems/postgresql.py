"""PostgreSQL alone: the tests' server, but it waits for the disk, as `fsync` and `synchronous_commit` come."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bench.environment import Environment
from bench.logs.systems.base import Address
from support.postgres import DURABLE, PostgresServer


class PostgreSql:
    """See System."""

    is_durable = True

    def __init__(self, *, is_batched: bool) -> None:
        self.client = "postgresql-batches" if is_batched else "postgresql-lines"
        self.title = f"PostgreSQL alone, an insert a {'batch' if is_batched else 'line'}"

    def prepare(self, environment: Environment) -> str:
        with durable_server() as server:
            (row,) = server.execute("SHOW server_version")
            return str(row[0])

    @contextlib.contextmanager
    def running(self) -> Iterator[Address]:
        with durable_server() as server:
            yield Address(server.new_database(), server.pid)


@contextlib.contextmanager
def durable_server() -> Iterator[PostgresServer]:
    """A server of one's own."""
    server = PostgresServer(DURABLE)
    try:
        yield server
    finally:
        server.end()
