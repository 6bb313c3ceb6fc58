"""Hearing what is notified: without a thread, on a new connection after each that was lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
import sqlalchemy as sa

from fairlead_store import Database, listener
from support import postgres
from support.waiting import eventually
from unit.store.test_postgresql import SCHEMA

NOTIFY = sa.text("SELECT pg_notify('news', :text)")


@pytest.fixture
def url() -> str:
    return postgres.new_database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database.open(url, SCHEMA, "realm1", is_shared=True)
    yield database
    await database.close()


def notify(text: str, connection: sa.Connection) -> None:
    connection.execute(NOTIFY, {"text": text})


async def notify_until_heard(database: Database, text: str, heard: list[str]) -> None:
    while text not in heard:
        await database.read(partial(notify, text))


async def test_what_is_notified_is_heard_in_order(database: Database) -> None:
    heard: list[str] = []
    listening = database.listen("news", heard.append)
    await notify_until_heard(database, "first", heard)
    heard.clear()
    for text in ("a", "b", "c"):
        await database.read(partial(notify, text))
    await eventually(lambda: [text for text in heard if text != "first"] == ["a", "b", "c"])
    await listening.close()


async def test_a_lost_connection_is_followed_by_another(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "RETRY_S", 0.01)
    heard: list[str] = []
    listening = database.listen("news", heard.append)
    await notify_until_heard(database, "before", heard)
    postgres.lose_connections(url)
    await notify_until_heard(database, "after", heard)
    await listening.close()


async def test_a_server_that_is_away_is_tried_again(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "RETRY_S", 0.01)
    postgres.take_away(url)
    heard: list[str] = []
    listening = database.listen("news", heard.append)
    postgres.give_back(url)
    await notify_until_heard(database, "there", heard)
    await listening.close()


async def test_who_closes_while_it_connects_leaves_nothing(database: Database) -> None:
    await database.listen("news", lambda _text: None).close()
