"""Random transactions that overlap, commit late and roll back, followed in pages of three rows.

Whenever a follower says that all is told, the records are what is committed, however many transactions are open.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import ExitStack, closing
from typing import Any

import psycopg
import pytest

from support import postgres
from support.outbox import Database, Fairlead, Heard, follow_once

WRITERS = "abcd"
STEPS = 200


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    made = Database(postgres.new_database())
    await made.install()
    yield made
    made.connection.close()


@pytest.fixture
async def fairlead() -> AsyncIterator[Fairlead]:
    made = Fairlead()
    await made.start()
    yield made
    await made.stop()


class Writer:
    """Changes rows of its own, a transaction after the other; what it draws is the same for the same seed."""

    def __init__(self, connection: psycopg.Connection[Any], name: str, draws: random.Random) -> None:
        self._connection = connection
        self._name = name
        self._draws = draws

    def step(self) -> None:
        draws, row = self._draws, f"{self._name}{self._draws.randrange(6)}"
        insert = "INSERT INTO containers (uuid) VALUES (%s) ON CONFLICT (uuid) DO UPDATE SET priority = 0"
        update = "UPDATE containers SET priority = priority + 1, state = %s WHERE uuid = %s"
        match draws.randrange(8):
            case 0 | 1:
                self._connection.execute(insert, [row])
            case 2:
                self._connection.execute(update, [draws.choice(["Queued", "Locked"]), row])
            case 3:
                self._connection.execute("UPDATE containers SET priority = 9 WHERE uuid LIKE %s", [f"{self._name}%"])
            case 4:
                self._connection.execute("DELETE FROM containers WHERE uuid = %s", [row])
            case 5:
                self._connection.rollback()
            case _:
                self._connection.commit()


@pytest.mark.parametrize("seed", range(4))
async def test_at_rest_the_records_are_what_is_committed(
    database: Database, fairlead: Fairlead, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead_server.outbox.follower.BATCH_CHANGES", 3)
    draws = random.Random(seed)
    heard = Heard()
    await follow_once(database, fairlead, heard=heard)
    with ExitStack() as stack:
        writers = [Writer(stack.enter_context(closing(database.transaction())), name, draws) for name in WRITERS]
        for _ in range(STEPS):
            draws.choice(writers).step()
            if draws.random() < 0.1:
                await follow_once(database, fairlead, heard=heard)
                assert fairlead.states() == database.states()
    assert len([text for text in heard.texts if text.startswith("copying")]) == 1, "all the rest came by the outbox"
