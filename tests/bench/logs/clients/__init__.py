"""The client sides of the systems that take appends, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.logs.clients.base import Client
from bench.logs.clients.fairlead import Fairlead
from bench.logs.clients.jetstream import JetStream
from bench.logs.clients.postgresql import PostgreSql

CLIENTS: dict[str, Callable[[str], Client]] = {
    "fairlead": Fairlead,
    "jetstream-lines": partial(JetStream, is_batched=False),
    "jetstream-batches": partial(JetStream, is_batched=True),
    "postgresql-lines": partial(PostgreSql, is_batched=False),
    "postgresql-batches": partial(PostgreSql, is_batched=True),
}
