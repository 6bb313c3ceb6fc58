"""The systems that take appends, in the order of the table; the first one is what the others are compared with."""

from __future__ import annotations

from bench.logs.systems.base import System
from bench.logs.systems.fairlead import Fairlead, FairleadOnPostgreSql
from bench.logs.systems.jetstream import JetStream
from bench.logs.systems.postgresql import PostgreSql

SYSTEMS: list[System] = [
    Fairlead(),
    FairleadOnPostgreSql(),
    *(
        JetStream(is_durable=is_durable, is_batched=is_batched)
        for is_durable in (True, False)
        for is_batched in (True, False)
    ),
    PostgreSql(is_batched=True),
    PostgreSql(is_batched=False),
]
