"""`fairlead streams` with a real server."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest

from support.serving import Commands, line_with
from support.waiting import eventually


async def listed(server: Commands, *arguments: str) -> list[dict[str, Any]]:
    done = await server.fairlead("streams", *arguments, "--json")
    assert done.status == 0, done.stderr
    entries: list[dict[str, Any]] = json.loads(done.stdout)["streams"]
    return entries


async def test_streams_are_listed_with_state_size_and_age(server: Commands, job: str) -> None:
    await server.fairlead("run", "-q", "--object", f"{job}-a", "--", "sh", "-c", "echo 12345; exit 3")
    await server.fairlead("run", "-q", "--object", f"{job}-b", "--meta", "step=align", "--", "true")
    done = await server.fairlead("streams", job)
    headings, first, second = (line.split() for line in done.lines)
    assert headings == ["STREAM", "STATE", "ATTEMPT", "RECORDS", "SIZE", "LAST", "OBJECT"]
    assert first[:5] == [f"{job}-a", "sealed", "3", "1", "1"]  # its status, its attempt, its records
    assert first[-1] == f"{job}-a"
    assert second[:5] == [f"{job}-b", "sealed", "0", "1", "0"]
    assert [each["stream"] for each in await listed(server, job, "--meta", "step=align")] == [f"{job}-b"]
    assert [each["stream"] for each in await listed(server, job, "--object", f"{job}-a")] == [f"{job}-a"]
    assert await listed(server, job, "--open") == []
    assert len(await listed(server, "list", job, "--sealed")) == 2


async def test_a_run_that_is_killed_is_shown_as_stale_until_the_rest_is_sent(server: Commands, job: str) -> None:
    async with server.running("run", "--heartbeat", "1", "--object", job, "--", "sleep", "1000") as run:
        await line_with(run.stderr, "the log is")
        await asyncio.sleep(2.5)
        assert [each["stale"] for each in await listed(server, job)] == [None]
        run.kill()
        await run.wait()

        async def is_stale() -> bool:
            return bool(await listed(server, job, "--stale"))

        await eventually(is_stale, timeout_s=10)
    assert "stale" in (await server.fairlead("streams", job)).lines[1]
    (spool,) = server.spools
    assert (await server.fairlead("run", "--send", str(spool))).status == 0
    assert await listed(server, job, "--stale") == []


async def test_metadata_and_what_is_kept_are_set(server: Commands, job: str) -> None:
    await server.fairlead("run", "-q", "--object", job, "--meta", "a=1", "--meta", "b=2", "--", "true")
    done = await server.fairlead(
        "streams", "set", job, "--meta", "c=3", "--unset", "a", "--keep-for", "1h", "--keep-bytes", "1MB"
    )
    assert (done.status, done.lines) == (0, [f"stream {job} is changed"])
    done = await server.fairlead("streams", "set", job, "--keep-records", "10", "--keep-for", "all", "--json")
    assert json.loads(done.stdout) == {
        "stream": job,
        "metadata": {"b": "2", "c": "3"},
        "retention": {"max_bytes": 1_000_000, "max_records": 10},
    }


async def test_a_stream_that_is_deleted_is_gone(server: Commands, job: str) -> None:
    await server.fairlead("run", "-q", "--object", job, "--", "echo", "hello")
    done = await server.fairlead("streams", "delete", job)
    assert (done.status, done.lines) == (0, [f"stream {job} is gone"])
    assert await listed(server, job) == []
    assert (await server.fairlead("streams", "delete", job)).status == 125


async def test_cursors_are_made_moved_and_forgotten(server: Commands, job: str) -> None:
    await server.fairlead("run", "-q", "--object", job, "--", "seq", "10")
    assert (await server.fairlead("cursor", "set", job, "indexer", "4")).lines == ["indexer is at 4"]
    assert (
        (await server.fairlead("cursor", "get", job, "indexer")).lines[0].startswith("indexer is at 4 of 10: 6 lines, ")
    )
    refused = await server.fairlead("cursor", "set", job, "indexer", "2")
    assert (refused.status, "back" in refused.stderr) == (125, True)
    assert (await server.fairlead("cursor", "set", job, "indexer", "2", "--back")).lines == ["indexer is at 2"]
    assert (await server.fairlead("cursor", "set", job, "indexer", "head")).lines == ["indexer is at 10"]
    (entry,) = json.loads((await server.fairlead("cursor", "list", job, "--json")).stdout)["cursors"]
    assert (entry["next"], entry["owner"]) == (10, "admin")
    assert (await server.fairlead("cursor", "delete", job, "indexer")).status == 0
    assert (await server.fairlead("cursor", "get", job, "indexer")).status == 125
    assert "is no number" in (await server.fairlead("cursor", "set", job, "indexer", "many")).stderr


async def test_watching_tells_what_is_there_and_each_change(server: Commands, job: str) -> None:
    await server.fairlead("run", "-q", "--object", f"{job}-1", "--", "true")
    async with server.running("streams", job, "--watch", "--json") as watch:
        assert json.loads(await line_with(watch.stdout, "listed"))["stream"] == f"{job}-1"
        await server.fairlead("run", "-q", "--object", f"{job}-2", "--", "echo", "hello")
        changes = []
        while "sealed" not in changes:
            changed = json.loads(await line_with(watch.stdout, f"{job}-2"))
            changes.append(changed["change"])
        assert changes[0] == "created"
        watch.send_signal(signal.SIGINT)
        assert await watch.wait() == 130


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["set", "nosuch", "--meta", "a=1"], "no stream 'nosuch'"),
        (["set", "nosuch"], "nothing to set"),
        (["set", "nosuch", "--meta", "a"], "write it as KEY=VALUE"),
        (["set", "nosuch", "--keep-bytes", "much"], "--keep-bytes 'much' is no size"),
        (["set", "nosuch", "--keep-records", "0"], "would keep nothing"),
        (["set", "nosuch", "--keep-for", "long"], "--keep-for 'long' is no duration"),
        (["x", "--meta", "=1"], "write it as KEY=VALUE"),
    ],
)
async def test_what_is_wrong_is_one_line(server: Commands, arguments: list[str], text: str) -> None:
    done = await server.fairlead("streams", *arguments)
    assert done.status == 125
    assert done.stderr.startswith("fairlead: ")
    assert done.stderr.count("\n") == 1
    assert text in done.stderr
