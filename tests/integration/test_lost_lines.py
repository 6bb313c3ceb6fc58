"""Where log systems lose lines, each place with the test that none is lost here without a word.

| where                          | seen in                    | here                                                  |
|--------------------------------|----------------------------|-------------------------------------------------------|
| rotation                       | Kubernetes, docker, podman | a file is known by what it is; our store has no files |
| the seam of history and live   | GitHub Actions, Loki       | one log, one cursor                                   |
| rate limits                    | journald                   | counted, and a record says so                         |
| ring buffers                   | docker's non-blocking mode | a full spool counts, and a record says so             |
| the last chunk at the end      | GitLab                     | the end is durable after all that it ends             |
| size caps                      | GitLab, Buildkite          | counted, and a record says so                         |
| timestamps as cursors          | kubectl --since-time, Loki | a cursor is a number; a time is where to begin        |
| UTF-8 and lines cut at borders | many                       | bytes are kept, and parts are marked                  |
| double sends after a restart   | agents that tail files     | an append says at which number or byte it begins      |
| a subscriber after the end     | GitHub Actions             | the same request has the same answer                  |
| giving up after retries        | Buildkite                  | the spool stays; what is left out has a record        |
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from crash.site import Site, database_in
from fairlead_client import Record
from fairlead_client.asyncio import Connection, LogWriter, follow
from fairlead_client.spool import Spool
from fairlead_logstream import SqlStreamStore
from fairlead_logstream.model.budget import NO_BUDGETS, Budget, Budgets
from fairlead_router import CallError
from support.serving import Commands
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, records_of, wire_record


@asynccontextmanager
async def service(directory: Path, budgets: Budgets = NO_BUDGETS) -> AsyncIterator[Peer]:
    """The log service on a SQLite store, and somebody who may do everything, with the stream `s`."""
    harness = ServiceHarness()
    await harness.start(SqlStreamStore.open(f"sqlite:///{directory}/logs.sqlite", "realm1"), budgets=budgets)
    peer = harness.peer()
    await peer.call("create", "s")
    yield peer
    await harness.close()


def texts_of(records: list[Any]) -> list[str]:
    return [record[2] for record in records if not record[3] & 2]


def told_missing(records: list[Any], key: str) -> int:
    """How many records the markers say are missing."""
    markers = [json.loads(record[2]) for record in records if record[3] & 2]
    values = [marker[key] for marker in markers if key in marker]
    return sum(value if isinstance(value, int) else value["records"] for value in values)


def lines(start: int, stop: int) -> list[list[Any]]:
    return [wire_record(f"line {number}") for number in range(start, stop)]


def texts(start: int, stop: int) -> list[str]:
    return [f"line {number}" for number in range(start, stop)]


async def all_records(peer: Peer) -> list[Any]:
    return list((await peer.call("read", "s", limit=10_000))["records"])


def rotate(log: Path, last: bytes, first: bytes) -> None:
    """As programs do it that notice late: a last line goes into the file that was moved away."""
    with log.open("ab") as file:
        log.rename(log.with_name("app.log.1"))
        log.write_bytes(first)
        file.write(last)


@pytest.mark.limit_s(60)
async def test_rotation(server: Commands, job: str, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"one\n")
    async with server.running("import", str(log), "--stream", job, "--follow") as process:

        async def shows(*expected: bytes) -> bool:
            return (await server.fairlead("export", job)).stdout == b"".join(expected)

        await eventually(lambda: shows(b"one\n"), timeout_s=15)
        rotate(log, b"two\n", b"three\n")
        await eventually(lambda: shows(b"one\n", b"two\n", b"three\n"), timeout_s=15)
        process.send_signal(signal.SIGINT)
        await process.wait()


async def test_the_seam_of_history_and_live(tmp_path: Path) -> None:
    async with service(tmp_path) as peer:
        followers = []
        for start in range(0, 300, 10):
            appended = asyncio.ensure_future(peer.call("append", "s", lines(start, start + 10)))
            followers.append(peer.follow("s"))
            await appended
        await peer.call("seal", "s", exit_code=0)
        for progress, final in followers:
            assert (await final)["sealed"]["next"] == 300
            assert texts_of(records_of(progress)) == texts(0, 300)


async def test_rate_limits(tmp_path: Path) -> None:
    async with service(tmp_path, Budgets(stream=Budget(records_per_s=1, burst_s=5))) as peer:
        for start in range(0, 40, 4):
            await peer.call("append", "s", lines(start, start + 4))
        await peer.call("seal", "s", exit_code=0)
        records = await all_records(peer)
        assert 0 < len(texts_of(records)) < 40
        assert len(texts_of(records)) + told_missing(records, "truncated") == 40


async def test_ring_buffers(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    async with Site(database_in(tmp_path / "root")) as site, Connection(site.url) as connection:
        await site.stop()
        writer = LogWriter(connection, "s", spool=tmp_path / "spool", limit_bytes=100_000)
        stored = sum(writer.write("stdout", f"{number} " + "x" * 1000) for number in range(500))
        assert 0 < stored < 500
        await site.start()
        assert await writer.drain(15)
        writer.write("stdout", "the last one")
        assert await writer.close(15) is None
        page = (await site.join().call("fairlead.log.read", ["s"], {"limit": 10_000})).args
        assert page is not None
        assert len(texts_of(page[0]["records"])) == stored + 1
        assert told_missing(page[0]["records"], "lost") == 500 - stored


async def test_the_last_chunk_at_the_end(tmp_path: Path) -> None:
    async with service(tmp_path) as peer:
        progress, final = peer.follow("s")
        appended = [asyncio.ensure_future(peer.call("append", "s", lines(n, n + 1))) for n in range(100)]
        sealed = asyncio.ensure_future(peer.call("seal", "s", exit_code=3))
        assert (await sealed)["next"] == 100
        assert all(append.done() for append in appended)
        assert (await final)["sealed"]["exit_code"] == 3
        assert texts_of(records_of(progress)) == texts(0, 100)
    async with service(tmp_path) as peer:
        assert texts_of(await all_records(peer)) == texts(0, 100)


async def test_size_caps(tmp_path: Path) -> None:
    async with service(tmp_path, Budgets(stream=Budget(records=10))) as peer:
        for start in range(0, 40, 4):
            await peer.call("append", "s", lines(start, start + 4))
    async with service(tmp_path, Budgets(stream=Budget(records=10))) as peer:  # the count survives
        await peer.call("seal", "s", exit_code=0)
        records = await all_records(peer)
        assert texts_of(records) == texts(0, 10)
        assert told_missing(records, "truncated") == 30


async def test_timestamps_as_cursors(tmp_path: Path) -> None:
    async with service(tmp_path) as peer:
        await peer.call("append", "s", lines(0, 5))
        await peer.call("append", "s", lines(5, 10))  # all at the same time
        time_us = lines(0, 1)[0][0]
        begun = await peer.call("read", "s", since=time_us, limit=3)
        found = texts_of(begun["records"])
        while begun["next"] < begun["head"]:
            begun = await peer.call("read", "s", start=begun["next"], epoch=begun["epoch"], limit=3)
            found += texts_of(begun["records"])
        assert found == texts(0, 10)


async def test_utf8_and_lines_cut_at_borders(tmp_path: Path) -> None:
    line = b"\xff" + "é".encode() * 100_000 + b"\r\xc3"
    (tmp_path / "root").mkdir()
    async with Site(database_in(tmp_path / "root")) as site, Connection(site.url) as connection:
        writer = LogWriter(connection, "s", spool=tmp_path / "spool")
        writer.write("stdout", line)
        writer.write("stdout", b"\0after")
        writer.seal(0)
        assert await writer.close(15) is None
        records = [item async for item in follow(connection, "s") if isinstance(item, Record)]
    parts = [text if isinstance(text := record.text, bytes) else text.encode() for record in records]
    assert b"".join(parts[:-1]) == line
    assert [record.is_partial for record in records] == [True] * (len(records) - 2) + [False, False]
    assert parts[-1] == b"\0after"


async def test_double_sends_after_a_restart(tmp_path: Path) -> None:
    async with service(tmp_path) as peer:
        await peer.call("append", "s", [wire_record("one"), wire_record("two")], producer="file", offset=0)
        again = [wire_record("wo"), wire_record("three")]  # from a checkpoint within the second line
        await peer.call("append", "s", again, producer="file", offset=5)
        await peer.call("append", "s", lines(0, 3), producer="numbers", seq=0)
        await peer.call("append", "s", lines(1, 5), producer="numbers", seq=1)
        assert texts_of(await all_records(peer)) == ["one", "two", "three", *texts(0, 5)]


async def test_a_subscriber_who_comes_after_the_end(tmp_path: Path) -> None:
    async with service(tmp_path) as peer:
        early, ended_early = peer.follow("s")
        await peer.call("append", "s", lines(0, 10))
        await peer.call("seal", "s", exit_code=7, reason="done")
        late, ended_late = peer.follow("s")
        assert await ended_early == await ended_late
        assert records_of(early) == records_of(late)
        assert texts_of(records_of(late)) == texts(0, 10)
    async with service(tmp_path) as peer:
        after, ended_after = peer.follow("s")
        assert (await ended_after)["sealed"] == {"exit_code": 7, "reason": "done", "next": 10}
        assert records_of(after) == records_of(late)


async def test_giving_up_after_retries(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    async with Site(database_in(tmp_path / "root")) as site, Connection(site.url) as connection:
        await site.stop()
        writer = LogWriter(connection, "s", spool=tmp_path / "spool")
        writer.write("stdout", "kept")
        unsent = await writer.close(0.0)
        assert unsent is not None
        assert unsent.records == 1
        await site.start()
        assert await LogWriter(connection, Spool.open(unsent.spool)).close(15) is None
        page = (await site.join().call("fairlead.log.read", ["s"], {})).args
        assert page is not None
        assert texts_of(page[0]["records"]) == ["kept"]


async def test_what_a_producer_leaves_out_has_a_record(tmp_path: Path) -> None:
    async with service(tmp_path) as peer:
        await peer.call("append", "s", lines(0, 3), producer="p", seq=0)
        with pytest.raises(CallError) as refused:
            await peer.call("append", "s", lines(8, 10), producer="p", seq=8)
        assert refused.value.uri == "fairlead.error.gap"
        await peer.call("append", "s", lines(8, 10), producer="p", seq=8, lost=5)
        records = await all_records(peer)
        assert texts_of(records) == [*texts(0, 3), *texts(8, 10)]
        assert told_missing(records, "lost") == 5
