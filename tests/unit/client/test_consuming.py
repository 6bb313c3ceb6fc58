"""A consumer goes on where it committed, whatever happened to it and to its sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from fairlead_client import CallFailed, Cursor, Record
from fairlead_client.asyncio import Connection, Consumer, LogWriter
from fairlead_logstream import LogService
from fairlead_router import Realm, Router


class Site:
    """A router with a log of ten lines."""

    def __init__(self, realm: Realm, url: str) -> None:
        self.realm = realm
        self.url = url

    def kill_sessions(self) -> None:
        for session_id, principal in [*self.realm.sessions()]:
            if principal.authrole == "anonymous":
                self.realm.kill(session_id=session_id)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    router = Router()
    realm = router.add_realm("realm1")
    logs = await LogService.open(f"sqlite:///{tmp_path / 'logs.sqlite'}")
    logs.bind(realm)
    site = Site(realm, f"ws://127.0.0.1:{(await router.listen('tcp://127.0.0.1:0')).port}/ws")
    async with Connection(site.url) as connection:
        writer = LogWriter(connection, "log", spool=tmp_path / "spool")
        for number in range(10):
            writer.write("even" if number % 2 == 0 else "odd", str(number))
        writer.seal(0)
        assert await writer.close(10) is None
    yield site
    await router.close()
    await logs.close()


async def consume(consumer: Consumer, count: int) -> list[str | bytes]:
    """The next texts, committed one by one, and then the consumer is left."""
    seen: list[str | bytes] = []
    async with aclosing(consumer.items()) as items:
        async for item in items:
            if isinstance(item, Record):
                seen.append(item.text)
                await consumer.commit()
                if len(seen) == count:
                    break
    return seen


async def test_it_goes_on_behind_what_it_committed(site: Site) -> None:
    async with Connection(site.url) as connection:
        assert await consume(Consumer(connection, "log", "c"), 4) == ["0", "1", "2", "3"]
        assert await consume(Consumer(connection, "log", "c"), 3) == ["4", "5", "6"]
        assert await consume(Consumer(connection, "log", "other", tail=1), 5) == ["9"]


async def test_what_was_not_committed_is_handed_out_again(site: Site) -> None:
    async with Connection(site.url) as connection:
        await consume(Consumer(connection, "log", "c"), 2)
        consumer = Consumer(connection, "log", "c")
        async with aclosing(consumer.items()) as items:
            first = await anext(items)
            second = await anext(items)
        assert [first[0], second[0]] == [2, 3]
        assert await consume(Consumer(connection, "log", "c"), 1) == ["2"]


async def test_a_filter_passes_what_it_leaves_out(site: Site) -> None:
    async with Connection(site.url) as connection:
        consumer = Consumer(connection, "log", "c", sources=["even"])
        async for _ in consumer.items():
            pass
        await consumer.commit()
        committed = await consumer.committed()
        assert committed is not None
        assert committed.next == 10


async def test_commits_live_through_lost_sessions(site: Site) -> None:
    async with Connection(site.url) as connection:
        consumer = Consumer(connection, "log", "c")
        seen = []
        async for item in consumer.items():
            if isinstance(item, Record):
                seen.append(item.seq)
                site.kill_sessions()
                await consumer.commit()
        assert seen == [*range(10)]
        assert await consumer.committed() == consumer.position


async def test_a_consumer_that_was_thought_dead_does_not_undo_its_successors_work(site: Site) -> None:
    async with Connection(site.url) as connection:
        old = Consumer(connection, "log", "c")
        await consume(old, 1)
        await consume(Consumer(connection, "log", "c"), 5)
        with pytest.raises(CallFailed, match="going back"):
            await old.commit()
        await old.commit(back=True)
        assert await old.committed() == Cursor(old.position.epoch if old.position else 0, 1)


async def test_nothing_is_committed_before_anything_came(site: Site) -> None:
    async with Connection(site.url) as connection:
        consumer = Consumer(connection, "log", "c")
        await consumer.commit()
        assert await consumer.committed() is None
